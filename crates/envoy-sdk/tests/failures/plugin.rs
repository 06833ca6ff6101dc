//! What belongs to a plugin itself: a failure is counted and logged, and the factory, logger or service stays.

use envoy_sdk_test::{FakeEnvoy, HttpLogEntry, HttpRequest, HttpResponse, LogLevel};

use crate::failure::WAYS;
use crate::{answer, counted, start};

const PLUGINS: [&str; 4] = ["network", "http", "logger", "service"];
const CALLBACKS: [&str; 5] =
    ["on_timer", "on_http_call_done", "on_grpc_call_done", "on_grpc_stream", "on_queue_ready"];

fn entry() -> HttpLogEntry {
    HttpLogEntry::new(HttpRequest::get("/"), HttpResponse::new(200))
}

#[test]
fn every_callback_of_every_kind() {
    for kind in PLUGINS {
        for callback in CALLBACKS {
            for (how, counter) in WAYS {
                let mut envoy = start(kind, callback, how, r#", "factory": true"#);
                answer(&mut envoy);
                let counts = counted(&envoy, counter, callback);
                assert_eq!(counts, (1, 1), "{kind}: {how} in {callback}: {:#?}", envoy.log());
                assert!(!envoy.messages(LogLevel::Error).is_empty(), "{kind}: {how} in {callback}");
            }
        }
    }
}

#[test]
fn a_factory_goes_on_making_filters() {
    let mut envoy = start("network", "on_timer", "panic", r#", "factory": true"#);
    answer(&mut envoy);
    assert_eq!(counted(&envoy, "envoy_sdk_panics_total", "on_timer"), (1, 1));
    let mut connection = envoy.connect();
    connection.client_sends("hello");
    assert_eq!(connection.received_by_server(), b"hello");
}

#[test]
fn a_logger_goes_on_logging() {
    for (how, counter) in WAYS {
        let mut envoy = start("logger", "on_stream_complete", how, "");
        for entries in 1..=3 {
            envoy.log_http(entry());
            assert_eq!(counted(&envoy, counter, "on_stream_complete"), (entries, entries), "{how}");
        }
    }
}

#[test]
fn a_configuration_that_fails_is_refused() {
    for kind in PLUGINS {
        for (how, _) in WAYS {
            let configuration = format!(r#"{{"in": "configure", "how": "{how}", "factory": true}}"#);
            let bootstrap = FakeEnvoy::new(crate::saboteur::module).root_id(kind);
            let refused = bootstrap.configure(configuration).expect_err("refused");
            assert!(refused.to_string().contains("configure"), "{kind}: {how}: {refused}");
        }
    }
}

#[test]
fn destructors_are_callbacks_too() {
    for kind in ["logger", "service"] {
        for how in ["panic", "bad_panic"] {
            let mut envoy = start(kind, "drop", how, "");
            envoy.reconfigure("{}").expect("configured");
            assert_eq!(counted(&envoy, "envoy_sdk_panics_total", "drop"), (1, 1), "{kind}: {how}");
        }
    }
}
