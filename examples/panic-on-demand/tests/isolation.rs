//! What a panic costs, and what it does not.

use std::time::Duration;

use envoy_sdk_test::{FakeEnvoy, LogLevel};

const PANICS: &str = "envoy_sdk_panics_total";
const LABELS: [(&str, &str); 1] = [("extension", "panic-on-demand")];

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(panic_on_demand::module).configure(configuration).expect("configured")
}

#[test]
fn nothing_is_changed_without_the_word() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("panic PANI").received, b"panic PANI");
    assert_eq!(connection.client_sends("C").received, b"C", "a word in two pieces is no word");
    assert_eq!(connection.server_sends("PANIC").received, b"PANIC", "only the client's data is looked at");
    connection.client_closes();
    assert_eq!(envoy.stats().total(PANICS, &LABELS), 0);
}

#[test]
fn a_panic_costs_one_connection_of_many() {
    let mut envoy = envoy("{}");
    let mut connections = (0..200).map(|_| envoy.connect()).collect::<Vec<_>>();
    for connection in connections.iter_mut().step_by(10) {
        assert_eq!(connection.client_sends("please PANIC now").received, b"");
        assert!(!connection.is_open());
    }
    assert_eq!((envoy.open_connections(), envoy.stats().total(PANICS, &LABELS)), (180, 20));
    for connection in connections.iter_mut().filter(|connection| connection.is_open()) {
        assert_eq!(connection.client_sends("request").received, b"request");
        assert_eq!(connection.server_sends("response").received, b"response");
        connection.client_closes();
    }
    assert_eq!(envoy.stats().total("envoy_sdk_connections_closed_on_error_total", &LABELS), 20);
}

#[test]
fn with_bypass_a_panic_costs_nothing() {
    let mut envoy = envoy(r#"{"on_error": "bypass", "panic_on": "now"}"#);
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("please now").received, b"please now");
    assert_eq!(connection.client_sends("now again").received, b"now again", "the filter is gone");
    assert_eq!(connection.server_sends("response").received, b"response");
    assert_eq!(envoy.stats().total(PANICS, &LABELS), 1);
    assert_eq!(envoy.stats().total("envoy_sdk_connections_bypassed_total", &LABELS), 1);
}

#[test]
fn the_servers_last_words() {
    let mut envoy = envoy(r#"{"direction": "server"}"#);
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("PANIC").received, b"PANIC");
    assert_eq!(connection.server_sends_last("PANIC").received, b"");
    envoy.advance(Duration::from_millis(1));
    assert!(!connection.is_open());
}

#[test]
fn the_log_says_where_and_repeats_no_data() {
    let mut envoy = envoy(r#"{"direction": "both"}"#);
    envoy.connect().client_sends("secret PANIC");
    let [line] = &envoy.messages(LogLevel::Error)[..] else { panic!("{:#?}", envoy.log()) };
    assert!(line.starts_with("panic-on-demand on_downstream_data panicked in context 2 at "), "{line}");
    assert!(line.ends_with(": on demand") && !line.contains("secret"), "{line}");
}

#[test]
fn a_mistaken_configuration_is_refused() {
    for (configuration, reason) in [
        (r#"{"panic_on": ""}"#, "panic_on: must not be empty"),
        (r#"{"on_error": "ignore"}"#, "on_error: unknown variant `ignore`, expected `close` or `bypass`"),
        (r#"{"panic": "X"}"#, "panic: unknown field `panic`"),
    ] {
        let refused = FakeEnvoy::new(panic_on_demand::module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}
