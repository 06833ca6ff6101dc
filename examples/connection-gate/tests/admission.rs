//! Who gets in, on an Envoy that is made up.

use std::time::Duration;

use connection_gate::{CONNECTION_GATE, module};
use envoy_sdk_test::{ConnectOptions, FakeEnvoy, FakeHttpAnswer};

const CLOSED: &str = r#"{"cluster": "keeper"}"#;
const OPEN: &str = r#"{"cluster": "keeper", "without_decision": "admit"}"#;

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).cluster("keeper").configure(configuration).expect("a configuration that is taken")
}

fn count(envoy: &FakeEnvoy, outcome: &str) -> u64 {
    envoy.stats().total("connection_gate_connections_total", &[("outcome", outcome)])
}

fn waiting(envoy: &FakeEnvoy) -> i64 {
    envoy.stats().gauge("connection_gate.connections_waiting")
}

#[test]
fn the_service_is_asked_about_the_address() {
    let mut envoy = envoy(CLOSED);
    for (client, path) in
        [("203.0.113.7:4711", "/admit/203.0.113.7"), ("[2001:db8::1]:4711", "/admit/2001:db8::1")]
    {
        let _connection = envoy.connect_with(ConnectOptions::new().client_address(client));
        let call = envoy.http_call();
        assert_eq!((&*call.cluster, call.timeout), ("keeper", Some(Duration::from_millis(500))));
        assert_eq!(call.headers.get(":path").map(|path| path.to_string()).as_deref(), Some(path));
        envoy.answer_http_call(&call, FakeHttpAnswer::new(403));
    }
}

#[test]
fn a_connection_waits_and_then_goes_on_complete() {
    let mut envoy = envoy(CLOSED);
    let mut connection = envoy.connect();
    assert_eq!(waiting(&envoy), 1);
    assert!(connection.holds_back_client() && !connection.has_reached_server());
    connection.client_sends("early words");

    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(204));

    assert_eq!(connection.received_by_server(), b"early words");
    assert_eq!(connection.server_sends("answer").received, b"answer");
    assert_eq!((count(&envoy, "admitted"), waiting(&envoy)), (1, 0));
    connection.client_closes();
    assert_eq!(envoy.stats().total("connection_gate_connections_total", &[]), 1);
}

#[test]
fn a_connection_that_is_refused_never_reaches_the_server() {
    let mut envoy = envoy(OPEN);
    let mut connection = envoy.connect();
    connection.client_sends("early words");

    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(403));

    assert!(!connection.is_open() && !connection.has_reached_server());
    assert_eq!((count(&envoy, "refused"), waiting(&envoy)), (1, 0));
}

#[test]
fn without_a_decision_the_configuration_decides() {
    let indecisions: [fn(&mut FakeEnvoy); 4] = [
        |envoy| envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(404)),
        |envoy| envoy.refuse_http_call(&envoy.http_call()),
        |envoy| envoy.fail_http_call(&envoy.http_call()),
        |envoy| envoy.advance(Duration::from_millis(500)),
    ];
    for does_not_decide in indecisions {
        for (configuration, outcome, gets_in) in
            [(CLOSED, "failed_closed", false), (OPEN, "failed_open", true)]
        {
            let mut envoy = envoy(configuration);
            let connection = envoy.connect();
            does_not_decide(&mut envoy);
            assert_eq!((connection.is_open(), connection.has_reached_server()), (gets_in, gets_in));
            assert_eq!((count(&envoy, outcome), waiting(&envoy)), (1, 0));
        }
    }
}

#[test]
fn a_cluster_that_cannot_be_asked_does_not_decide() {
    for (configuration, outcome, gets_in) in [(CLOSED, "failed_closed", false), (OPEN, "failed_open", true)] {
        let mut envoy = FakeEnvoy::new(module).configure(configuration).expect("configured");
        let connection = envoy.connect();
        assert_eq!((connection.is_open(), connection.has_reached_server()), (gets_in, gets_in));
        assert_eq!((count(&envoy, outcome), waiting(&envoy)), (1, 0));
    }
}

#[test]
fn a_connection_that_ends_first_is_counted_once() {
    let mut envoy = envoy(CLOSED);
    let mut connection = envoy.connect();
    let call = envoy.http_call();

    connection.envoy_closes();
    envoy.answer_http_call(&call, FakeHttpAnswer::new(200));

    assert_eq!((count(&envoy, "abandoned"), count(&envoy, "admitted"), waiting(&envoy)), (1, 0, 0));
}

#[test]
fn a_client_without_an_ip_address_does_not_get_in() {
    let mut envoy = envoy(OPEN);
    let connection = envoy.connect_with(ConnectOptions::new().client_address("/run/client.sock"));
    assert!(!connection.is_open() && envoy.http_calls().is_empty());
    assert_eq!(envoy.stats().total("envoy_sdk_errors_total", &[("callback", "on_new_connection")]), 1);
}

#[test]
fn a_mistaken_configuration_is_refused_with_its_field() {
    for (configuration, reason) in [
        ("{}", "missing field `cluster`"),
        (r#"{"cluster": ""}"#, "cluster: must name a cluster"),
        (r#"{"cluster": "keeper", "path": "admit"}"#, "path: must begin with /"),
        (r#"{"cluster": "keeper", "timeout_milliseconds": 0}"#, "timeout_milliseconds: must be 1 or more"),
        (
            r#"{"cluster": "keeper", "without_decision": "maybe"}"#,
            "without_decision: unknown variant `maybe`",
        ),
    ] {
        let refused = FakeEnvoy::new(module).configure(configuration).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn the_files_beside_the_code_fit_it() {
    envoy(include_str!("../config.json"));
    let sample = include_str!("../envoy.yaml");
    for label in CONNECTION_GATE.label_names() {
        assert!(sample.contains(&format!("tag_name: {label},")), "envoy.yaml has no rule for {label}");
    }
    assert_eq!(CONNECTION_GATE.violations(&[]), []);
}
