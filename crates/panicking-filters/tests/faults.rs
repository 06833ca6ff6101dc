//! The faults themselves: who has them, where, and how often.

use envoy_sdk_test::{ConnectOptions, FakeEnvoy};
use panicking_filters::module;

const UNLUCKY: &str = "127.0.0.9:4711";

/// The filter of this name, with one fault of the unlucky client.
fn envoy(filter: &str, fault: &str, configuration: &str) -> FakeEnvoy {
    let configuration = format!(r#"{{"faults": {{"127.0.0.9": {fault}}}, "filter": {configuration}}}"#);
    FakeEnvoy::new(module).root_id(filter).configure(configuration).expect("configured")
}

fn panics(envoy: &mut FakeEnvoy, callback: &str) -> u64 {
    envoy.scrape().total("envoy_sdk_panics_total", &[("callback", callback)])
}

#[test]
fn only_the_chosen_client_has_the_fault() {
    let mut envoy = envoy("smtp", r#"{"at": "feed"}"#, r#"{"reporter": "gateway"}"#);
    for client in ["127.0.0.1:4711", UNLUCKY, "127.0.0.90:4711"] {
        let mut connection = envoy.connect_with(ConnectOptions::new().client_address(client));
        connection.server_sends("220 mx.example\r\n");
        connection.client_sends("QUIT\r\n");
        assert_eq!(connection.received_by_server(), b"QUIT\r\n", "{client}");
        assert_eq!(connection.received_by_client(), b"220 mx.example\r\n", "{client}");
        connection.server_closes();
    }
    assert_eq!(panics(&mut envoy, "on_upstream_data"), 1);
    assert_eq!(envoy.scrape().total("smtp_connections_total", &[("visibility", "parsed")]), 2);
    assert_eq!(envoy.scrape().total("smtp_connections_total", &[("visibility", "internal_error")]), 1);
}

#[test]
fn a_fault_comes_at_its_call_and_not_before() {
    let mut envoy = envoy("sdk-only", r#"{"at": "on_downstream_data", "call": 3, "how": "error"}"#, "{}");
    let mut connection = envoy.connect_with(ConnectOptions::new().client_address(UNLUCKY));
    for octets in ["one", "two"] {
        connection.client_sends(octets);
        assert!(connection.is_open());
    }
    connection.client_sends("three");
    assert!(!connection.is_open());
    assert_eq!(connection.received_by_server(), b"onetwo");
    assert_eq!(envoy.scrape().total("envoy_sdk_errors_total", &[]), 1);
}

#[test]
fn the_session_s_end_may_fail_and_the_connection_is_accounted_for() {
    for place in ["end", "observe", "session", "need", "summary"] {
        let fault = format!(r#"{{"at": "{place}"}}"#);
        let mut envoy = envoy("ldap", &fault, r#"{"reporter": "gateway"}"#);
        let mut connection = envoy.connect_with(ConnectOptions::new().client_address(UNLUCKY));
        // A bind that succeeds, and an unbind.
        connection.client_sends(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00");
        connection.server_sends(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00");
        connection.client_sends(b"\x30\x05\x02\x01\x02\x42\x00");
        connection.client_closes();
        let stats = envoy.scrape();
        let count = |series: &str| stats.total(series, &[]);
        assert_eq!(count("envoy_sdk_panics_total"), 1, "{place}");
        assert_eq!(count("ldap_connections_opened_total"), count("ldap_connections_closed_total"), "{place}");
        assert_eq!(count("ldap_connections_opened_total"), count("ldap_connections_total"), "{place}");
    }
}
