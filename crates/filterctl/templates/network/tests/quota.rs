//! What the filter does, told on an Envoy that is made up: no network, no time that passes by itself.

use demo_filter::metrics::METRICS;
use demo_filter::module;
use envoy_sdk_test::{FakeEnvoy, LogLevel};

const CONNECTIONS: &str = "demo_filter_connections_total";
const BYTES: &str = "demo_filter_bytes_total";

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("a configuration that is taken")
}

#[test]
fn a_conversation_within_the_quota_passes_as_it_is() {
    let mut envoy = envoy(r#"{"max_bytes_from_client": 10}"#);
    let mut connection = envoy.connect();

    assert_eq!(connection.client_sends("question").received, b"question");
    assert_eq!(connection.server_sends("a long answer").received, b"a long answer");
    connection.client_closes();

    let stats = envoy.stats();
    assert_eq!(stats.total(BYTES, &[("sender", "client")]), 8);
    assert_eq!(stats.total(BYTES, &[("sender", "server")]), 13);
    assert_eq!(stats.total(CONNECTIONS, &[("ending", "within_quota")]), 1);
}

#[test]
fn a_client_that_sends_too_much_is_disconnected() {
    let mut envoy = envoy(r#"{"max_bytes_from_client": 10}"#);
    let mut connection = envoy.connect();

    assert_eq!(connection.client_sends("0123456789").received, b"0123456789", "just enough");
    assert_eq!(connection.client_sends("x").received, b"", "one too many");

    assert!(!connection.is_open());
    assert_eq!(connection.received_by_server(), b"0123456789");
    assert_eq!(envoy.messages(LogLevel::Warn), ["connection 1: 11 octets, 10 allowed"]);
    assert_eq!(envoy.stats().total(CONNECTIONS, &[("ending", "over_quota")]), 1);
}

#[test]
fn connections_have_a_quota_each() {
    let mut envoy = envoy(r#"{"max_bytes_from_client": 10}"#);
    let (mut greedy, mut modest) = (envoy.connect(), envoy.connect());

    greedy.client_sends("much too much for this");

    assert!(!greedy.is_open());
    assert_eq!(modest.client_sends("hello").received, b"hello");
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        (r#"{"max_bytes_from_client": 0}"#, "max_bytes_from_client: invalid value: integer `0`"),
        (r#"{"max_bytes": 10}"#, "max_bytes: unknown field `max_bytes`"),
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
