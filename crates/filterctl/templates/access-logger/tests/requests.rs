//! What the logger does, told on an Envoy that is made up: no network, no time that passes by itself.

use demo_filter::metrics::METRICS;
use demo_filter::module;
use envoy_sdk_test::{
    FakeEnvoy, HttpLogEntry, HttpOptions, HttpRequest, HttpResponse, LogLevel,
};

const REQUESTS: &str = "demo_filter_requests_total";
const BYTES: &str = "demo_filter_response_body_bytes_total";
const DURATION: &str = "demo_filter_request_duration_microseconds";

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("a configuration that is taken")
}

fn answered(status: u16) -> HttpLogEntry {
    HttpLogEntry::new(HttpRequest::get("/secret"), HttpResponse::new(status).body("hello"))
}

#[test]
fn requests_are_counted_by_what_came_of_them() {
    let mut envoy = envoy("{}");

    for status in [200, 204, 301, 404, 404, 500] {
        envoy.log_http(answered(status));
    }

    let of_class = |class| envoy.stats().total(REQUESTS, &[("class", class)]);
    assert_eq!(["1xx", "2xx", "3xx", "4xx", "5xx", "none"].map(of_class), [0, 2, 1, 2, 1, 0]);
    assert_eq!(envoy.stats().total(BYTES, &[]), 30, "six bodies of five octets");
}

#[test]
fn how_long_a_request_took_is_recorded() {
    let mut envoy = envoy("{}");
    let milliseconds = 1_000_000_u64;
    let options = HttpOptions::new().property(&["request", "duration"], 250 * milliseconds);

    envoy.log_http(answered(200).options(options));

    assert_eq!(envoy.stats().recorded(DURATION, &[]), [250_000]);
}

#[test]
fn failures_are_logged_without_what_the_client_sent() {
    let mut envoy = envoy(r#"{"log_from_status": 404}"#);
    let on = |connection| HttpOptions::new().connection_id(connection);

    envoy.log_http(answered(400).options(on(6)));
    envoy.log_http(answered(404).options(on(7)));
    envoy.log_http(HttpLogEntry::unanswered(HttpRequest::get("/secret")).options(on(8)));

    let said = envoy.messages(LogLevel::Warn);
    assert_eq!(said, ["connection 7: 404 after 0 ms", "connection 8: no answer after 0 ms"]);
    assert_eq!(envoy.stats().total(REQUESTS, &[("class", "none")]), 1);
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        (r#"{"log_from_status": "all"}"#, "log_from_status: invalid type: string \"all\""),
        (r#"{"log": 1}"#, "log: unknown field `log`"),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_files_beside_the_code_fit_it() {
    envoy(include_str!("../config.json"));
    let sample = include_str!("../envoy.yaml");
    for label in METRICS.label_names() {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(METRICS.violations(&[]), []);
}
