//! An extension that fails costs what its error policy says, and nothing else: every callback, every way to fail.

mod support;

use std::time::Duration;

use envoy_sdk_test::{ClosedBy, Connection, FakeEnvoy, LogLevel};
use support::failure::WAYS;
use support::{failing, module};

const ERRORS: &str = "envoy_sdk_errors_total";
const PANICS: &str = "envoy_sdk_panics_total";
fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(configuration).expect("configured")
}

fn total(envoy: &FakeEnvoy, counter: &str) -> u64 {
    envoy.stats().total(counter, &[("extension", "saboteur")])
}

/// A connection's whole life, as far as it is let live.
fn live(connection: &mut Connection) {
    let steps: [fn(&mut Connection); 4] = [
        |connection| drop(connection.client_sends("request")),
        |connection| drop(connection.server_sends("response")),
        |connection| drop(connection.server_ends()),
        |connection| drop(connection.client_ends()),
    ];
    for step in steps {
        if connection.is_open() {
            step(connection);
        }
    }
}

/// Fails in `callback` in every way, lets a connection live, and checks what was counted.
fn each_way(callback: &str, policy: &str, check: impl Fn(&mut FakeEnvoy, &Connection)) {
    for (how, counter) in WAYS {
        let mut envoy = envoy(&failing(callback, how, policy));
        let mut connection = envoy.connect();
        live(&mut connection);
        envoy.advance(Duration::from_millis(1));
        let counted = envoy.stats().total(counter, &[("extension", "saboteur"), ("callback", callback)]);
        assert_eq!(counted, 1, "{how} in {callback}: {:#?}", envoy.stats());
        assert_eq!(total(&envoy, ERRORS) + total(&envoy, PANICS), 1, "{how} in {callback} is counted once");
        assert_eq!(
            envoy.messages(LogLevel::Error).len(),
            1 + usize::from(how == "bad_panic"),
            "{:#?}",
            envoy.log()
        );
        check(&mut envoy, &connection);
        // The next connection has a filter of its own.
        envoy.reconfigure("{}").expect("configured");
        let mut next = envoy.connect();
        live(&mut next);
        assert_eq!(
            (next.received_by_server(), next.closed_by()),
            (b"request".to_vec(), Some(ClosedBy::Client))
        );
        assert_eq!(total(&envoy, ERRORS) + total(&envoy, PANICS), 1);
    }
}

#[test]
fn close_ends_the_connection() {
    for (callback, received) in [
        ("new_filter", ["", ""]),
        ("on_new_connection", ["", ""]),
        ("on_downstream_data", ["", ""]),
        ("on_upstream_data", ["request", ""]),
        ("on_upstream_close", ["request", "response"]),
    ] {
        each_way(callback, "close", |envoy, connection| {
            let arrived = [connection.received_by_server(), connection.received_by_client()];
            assert_eq!(arrived, received.map(|text| text.as_bytes().to_vec()), "{callback}");
            assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy), "{callback}");
            assert_eq!(total(envoy, "envoy_sdk_connections_closed_on_error_total"), 1);
            assert_eq!(total(envoy, "envoy_sdk_connections_bypassed_total"), 0);
        });
    }
}

#[test]
fn bypass_lets_the_connection_go_on() {
    for callback in
        ["new_filter", "on_new_connection", "on_downstream_data", "on_upstream_data", "on_upstream_close"]
    {
        each_way(callback, "bypass", |envoy, connection| {
            assert_eq!(connection.received_by_server(), b"request", "{callback}");
            assert_eq!(connection.received_by_client(), b"response", "{callback}");
            assert_eq!(connection.closed_by(), Some(ClosedBy::Client), "{callback}");
            assert_eq!(total(envoy, "envoy_sdk_connections_bypassed_total"), 1);
            assert_eq!(total(envoy, "envoy_sdk_connections_closed_on_error_total"), 0);
        });
    }
}

#[test]
fn at_the_end_there_is_no_policy_left_to_apply() {
    for callback in ["on_downstream_close", "on_stream_complete"] {
        for policy in ["close", "bypass"] {
            each_way(callback, policy, |envoy, connection| {
                assert_eq!(connection.received_by_client(), b"response", "{callback}");
                assert_eq!(connection.closed_by(), Some(ClosedBy::Client), "{callback}");
                assert_eq!(total(envoy, "envoy_sdk_connections_bypassed_total"), 0);
                assert_eq!(total(envoy, "envoy_sdk_connections_closed_on_error_total"), 0);
            });
        }
    }
}

#[test]
fn destructors_are_callbacks_too() {
    for how in ["panic", "formatted_panic", "bad_panic"] {
        let mut envoy = envoy(&failing("drop", how, "close"));
        let mut connection = envoy.connect();
        live(&mut connection);
        assert_eq!(connection.received_by_client(), b"response");
        assert_eq!(envoy.stats().total(PANICS, &[("callback", "drop")]), 1);
    }
}

#[test]
fn a_factory_may_panic_when_it_is_dropped() {
    for how in ["panic", "bad_panic"] {
        for last in ["plugin", "connection"] {
            let mut envoy = envoy(&failing("drop_factory", how, "close"));
            let connection = (last == "connection").then(|| envoy.connect());
            envoy.reconfigure("{}").expect("configured");
            let before = envoy.stats().total(PANICS, &[("callback", "drop")]);
            assert_eq!(before, u64::from(last == "plugin"), "the factory lives as long as its connections");
            if let Some(mut connection) = connection {
                connection.client_resets();
            }
            assert_eq!(envoy.stats().total(PANICS, &[("callback", "drop")]), 1);
            assert_eq!(envoy.messages(LogLevel::Error), ["saboteur panicked while the factory was dropped"]);
        }
    }
}

#[test]
fn a_policy_that_panics_closes() {
    let mut envoy = envoy(&failing("on_downstream_data", "error", "panic"));
    let mut connection = envoy.connect();
    live(&mut connection);
    assert_eq!(total(&envoy, "envoy_sdk_connections_closed_on_error_total"), 1);
    assert!(connection.received_by_server().is_empty());
}

#[test]
fn configuration_that_fails_is_refused() {
    for (how, message) in [
        ("error", "saboteur configure failed in context 1: configuration of \"saboteur\" refused: sabotage"),
        ("panic", "sabotage"),
        ("formatted_panic", "(message withheld)"),
        ("bad_panic", "(message withheld)"),
    ] {
        let refused = FakeEnvoy::new(module).configure(failing("configure", how, "close")).unwrap_err();
        assert!(refused.log[0].message.ends_with(message), "{refused}");
    }
}

#[test]
fn a_failed_configuration_is_counted_and_the_old_one_stays() {
    let mut envoy = envoy("{}");
    for (how, counter) in WAYS {
        let before = envoy.stats().total(counter, &[("callback", "configure")]);
        envoy.reconfigure(failing("configure", how, "close")).expect_err("refused");
        assert_eq!(envoy.stats().total(counter, &[("callback", "configure")]), before + 1);
        let mut connection = envoy.connect();
        live(&mut connection);
        assert_eq!(connection.received_by_client(), b"response");
    }
}

#[test]
fn a_panic_names_its_place_and_only_a_message_from_the_source() {
    for (how, message) in [("panic", ": sabotage"), ("formatted_panic", ": (message withheld)")] {
        let mut envoy = envoy(&failing("on_downstream_data", how, "close"));
        live(&mut envoy.connect());
        let [line] = &envoy.messages(LogLevel::Error)[..] else { panic!("one line: {:#?}", envoy.log()) };
        assert!(line.starts_with("saboteur on_downstream_data panicked in context 2 at "), "{line}");
        assert!(line.contains("support/failure.rs:") && line.ends_with(message), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

#[test]
fn other_connections_do_not_notice() {
    for policy in ["close", "bypass"] {
        for how in ["error", "panic", "bad_panic"] {
            let failing = failing("on_downstream_data", how, policy).replace('}', r#", "on": "FAIL"}"#);
            let mut envoy = envoy(&failing);
            let mut connections = (0..50).map(|_| envoy.connect()).collect::<Vec<_>>();
            for connection in &mut connections {
                connection.client_sends("before ");
            }
            connections[20].client_sends("FAIL ");
            for (number, connection) in connections.iter_mut().enumerate() {
                assert_eq!(connection.is_open(), number != 20 || policy == "bypass", "{number}");
                if number != 20 {
                    connection.client_sends("after");
                    connection.server_sends("response");
                    assert_eq!(connection.received_by_server(), b"before after");
                    assert_eq!(connection.received_by_client(), b"response");
                }
            }
            let failed = total(&envoy, ERRORS) + total(&envoy, PANICS);
            assert_eq!((failed, envoy.open_connections()), (1, if policy == "bypass" { 50 } else { 49 }));
        }
    }
}

#[test]
fn too_many_panics_in_a_row_refuse_new_filters_until_reconfigured() {
    for (policy, passed) in [("close", &b""[..]), ("bypass", b"request")] {
        let mut envoy = envoy(&failing("on_new_connection", "panic", policy));
        for _ in 0..1_001 {
            live(&mut envoy.connect());
        }
        let mut refused = envoy.connect();
        live(&mut refused);
        assert_eq!(refused.received_by_server(), passed, "the policy holds for those as well");
        assert_eq!(total(&envoy, PANICS), 1_000, "the extension was left alone then");
        assert_eq!(total(&envoy, "envoy_sdk_filters_refused_total"), 2);

        envoy.reconfigure("{}").expect("configured");
        let mut connection = envoy.connect();
        live(&mut connection);
        assert_eq!(connection.received_by_client(), b"response");
        assert_eq!(total(&envoy, "envoy_sdk_filters_refused_total"), 2);
    }
}

#[test]
fn a_connection_that_ends_well_breaks_the_row() {
    let failing = failing("on_downstream_data", "panic", "bypass").replace('}', r#", "on": "FAIL"}"#);
    let mut envoy = envoy(&failing);
    for number in 1..=1_500 {
        let mut connection = envoy.connect();
        connection.client_sends(if number == 800 { "good" } else { "FAIL" });
        connection.client_closes();
    }
    assert_eq!(total(&envoy, PANICS), 1_499);
    assert_eq!(total(&envoy, "envoy_sdk_filters_refused_total"), 0);
}
