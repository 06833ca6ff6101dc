//! What becomes of a log entry, on an Envoy that is made up.

use access_log_metrics::{ACCESS_LOG, module};
use envoy_sdk::ResponseFlags;
use envoy_sdk_test::{
    ConnectOptions, FakeEnvoy, HttpLogEntry, HttpOptions, HttpRequest, HttpResponse, TcpLogEntry,
};

fn envoy() -> FakeEnvoy {
    FakeEnvoy::new(module).configure(r#"{"stat_prefix": "front"}"#).expect("a configuration that is taken")
}

fn answered(status: u16) -> HttpLogEntry {
    HttpLogEntry::new(HttpRequest::get("/"), HttpResponse::new(status).body("content"))
}

#[test]
fn a_request_counts_by_the_class_of_its_response() {
    let mut envoy = envoy();
    for status in [200, 204, 301, 404, 404, 404, 500] {
        envoy.log_http(answered(status));
    }
    envoy.log_http(HttpLogEntry::unanswered(HttpRequest::get("/")));
    for (class, expected) in [("1xx", 0), ("2xx", 2), ("3xx", 1), ("4xx", 3), ("5xx", 1), ("none", 1)] {
        let labels = [("stat_prefix", "front"), ("class", class)];
        assert_eq!(envoy.stats().total("access_log_requests_total", &labels), expected, "{class}");
        let durations = envoy.stats().recorded("access_log_request_duration_milliseconds", &labels).len();
        assert_eq!(durations as u64, expected, "{class}");
    }
    assert_eq!(envoy.stats().total("access_log_connections_total", &[]), 0);
}

#[test]
fn a_request_counts_in_milliseconds() {
    let mut envoy = envoy();
    let nanoseconds: u64 = 1_234_567_890;
    let options = HttpOptions::new().property(&["request", "duration"], nanoseconds);
    envoy.log_http(answered(200).options(options));
    assert_eq!(envoy.stats().recorded("access_log_request_duration_milliseconds", &[]), [1_234]);
}

#[test]
fn a_connection_counts_with_its_octets() {
    let mut envoy = envoy();
    envoy.log_tcp(TcpLogEntry::new(ConnectOptions::new()).received(5).sent(70_000));
    envoy.log_tcp(TcpLogEntry::new(ConnectOptions::new()));
    let bytes =
        |direction| envoy.stats().total("access_log_connection_bytes_total", &[("direction", direction)]);
    assert_eq!((bytes("received"), bytes("sent")), (5, 70_000));
    assert_eq!(envoy.stats().total("access_log_connections_total", &[("stat_prefix", "front")]), 2);
    assert_eq!(envoy.stats().recorded("access_log_connection_duration_milliseconds", &[]).len(), 2);
    assert_eq!(envoy.stats().total("access_log_requests_total", &[]), 0);
}

#[test]
fn what_went_wrong_counts_by_flag() {
    let mut envoy = envoy();
    let both = ResponseFlags::UPSTREAM_CONNECTION_FAILURE.union(ResponseFlags::UPSTREAM_RETRY_LIMIT_EXCEEDED);
    envoy.log_http(answered(503).options(HttpOptions::new().property(&["response", "flags"], both.bits())));
    let reset = ResponseFlags::UPSTREAM_REMOTE_RESET.bits();
    envoy.log_tcp(TcpLogEntry::new(ConnectOptions::new().property(&["response", "flags"], reset)));
    let count = |flag| envoy.stats().total("access_log_response_flags_total", &[("flag", flag)]);
    assert_eq!((count("UF"), count("other"), count("UR"), count("UH")), (1, 1, 1, 0));
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        ("{}", "missing field `stat_prefix`"),
        (r#"{"stat_prefix": "a.b"}"#, "stat_prefix \"a.b\": 1 to 64 of A-Z a-z 0-9 _ - are allowed"),
        (r#"{"stat_prefix": "a", "level": 1}"#, "level: unknown field `level`"),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_files_beside_the_code_fit_it() {
    FakeEnvoy::new(module).configure(include_str!("../config.json")).expect("config.json is taken");
    let sample = include_str!("../envoy.yaml");
    for label in ACCESS_LOG.label_names().into_iter().chain(["stat_prefix"]) {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(ACCESS_LOG.violations(&["stat_prefix"]), []);
}
