//! The order of callbacks at the end of connections, as Envoy 1.36.2 and 1.40.0 have it.

mod support;

use envoy_sdk::FilterStatus;
use envoy_sdk_test::{Call, ClosedBy, ConnectOptions, Connection, Direction, FakeEnvoy, Moment};

const DONE: [&str; 3] = ["done", "log", "delete"];

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(support::module).configure(configuration).expect("configured")
}

/// The callbacks of connections, without the host calls inside, as `name(arguments behind the context)`.
fn callbacks(envoy: &mut FakeEnvoy) -> Vec<String> {
    let begun = envoy.take_trace().into_iter().filter(|call| call.direction == Direction::IntoVm);
    begun.filter_map(|call: Call| short(&call)).collect()
}

fn short(call: &Call) -> Option<String> {
    let Moment::Begin(arguments) = &call.moment else { return None };
    let name = call.function.strip_prefix("proxy_on_")?.replace("_connection_close", "_close");
    let arguments = arguments.iter().skip(1).map(ToString::to_string).collect::<Vec<_>>().join(",");
    Some(if arguments.is_empty() { name } else { format!("{name}({arguments})") })
}

/// Lets `story` happen on one connection and returns the callbacks from the first data on.
fn after(configuration: &str, story: impl FnOnce(&mut Connection)) -> Vec<String> {
    let mut envoy = envoy(configuration);
    let mut connection = envoy.connect();
    envoy.take_trace();
    story(&mut connection);
    assert_eq!(connection.is_open(), envoy.open_connections() == 1);
    callbacks(&mut envoy)
}

fn ending(beginning: &[&str]) -> Vec<String> {
    beginning.iter().chain(&DONE).map(ToString::to_string).collect()
}

#[test]
fn a_plugin_and_a_connection_begin() {
    let mut envoy = envoy("{}");
    let _connection = envoy.connect();
    let lines = envoy
        .trace()
        .iter()
        .map(ToString::to_string)
        .filter(|line| line.contains("host->vm"))
        .collect::<Vec<_>>();
    assert!(lines.contains(&"[host->vm] proxy_on_context_create(1, 0)".to_owned()), "{lines:#?}");
    assert_eq!(
        callbacks(&mut envoy),
        ["context_create(0)", "vm_start(0)", "configure(2)", "context_create(1)", "new_connection"]
    );
}

#[test]
fn the_client_ends_first() {
    let calls = after("{}", |connection| {
        connection.client_sends("hello");
        connection.server_sends("world");
        assert!(connection.client_ends().end_stream);
        connection.server_sends("after");
        connection.server_ends();
        assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy));
        assert_eq!(connection.received_by_server(), b"hello");
        assert_eq!(connection.received_by_client(), b"worldafter");
    });
    let data = ["downstream_data(5,0)", "upstream_data(5,0)", "downstream_data(0,1)", "upstream_data(5,0)"];
    let end = ["upstream_data(0,1)", "upstream_close(0)", "downstream_close(1)"];
    assert_eq!(calls, ending(&[&data[..], &end].concat()));
}

#[test]
fn the_server_ends_first() {
    let calls = after("{}", |connection| {
        connection.server_ends();
        assert_eq!(connection.client_sends("more").received, b"more");
        connection.client_ends();
        assert_eq!(connection.closed_by(), Some(ClosedBy::Client));
    });
    let expected = [
        "upstream_data(0,1)",
        "upstream_close(0)",
        "downstream_data(4,0)",
        "downstream_data(0,1)",
        "downstream_close(2)",
    ];
    assert_eq!(calls, ending(&expected));
}

#[test]
fn the_last_octets_come_with_the_end() {
    let calls = after("{}", |connection| {
        connection.client_sends_last("abc");
        assert_eq!(connection.server_sends_last("def").received, b"def");
    });
    let expected = ["downstream_data(3,1)", "upstream_data(3,1)", "upstream_close(0)", "downstream_close(1)"];
    assert_eq!(calls, ending(&expected));
}

#[test]
fn resets() {
    assert_eq!(after("{}", Connection::client_resets), ending(&["downstream_close(2)"]));
    assert_eq!(after("{}", Connection::server_resets), ending(&["downstream_close(1)"]));
    assert_eq!(after("{}", Connection::envoy_closes), ending(&["downstream_close(1)"]));
}

#[test]
fn the_server_refuses() {
    let mut envoy = envoy(r#"{"downstream_close": "property:upstream.transport_failure_reason"}"#);
    let connection = envoy.connect_with(ConnectOptions::new().server_refuses());
    assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy));
    let calls = callbacks(&mut envoy);
    assert_eq!(calls[3..], ending(&["context_create(1)", "new_connection", "downstream_close(1)"]));
    let reason = "upstream.transport_failure_reason = \"delayed connect error: Connection refused\"";
    assert!(envoy.log().iter().any(|line| line.message == reason), "{:#?}", envoy.log());
}

#[test]
fn the_filter_closes_in_each_callback() {
    let close = |connection: &mut Connection| drop(connection.client_sends("close tail"));
    assert_eq!(after("{}", close), ending(&["downstream_data(10,0)", "downstream_close(1)"]));
    let close = |connection: &mut Connection| drop(connection.client_ends());
    let calls = after(r#"{"client_end": "close"}"#, close);
    assert_eq!(calls, ending(&["downstream_data(0,1)", "downstream_close(1)"]));
    let close = |connection: &mut Connection| drop(connection.server_ends());
    let calls = after(r#"{"upstream_close": "close"}"#, close);
    assert_eq!(calls, ending(&["upstream_data(0,1)", "upstream_close(0)", "downstream_close(1)"]));
    let calls = after(r#"{"downstream_close": "close", "complete": "close"}"#, Connection::client_resets);
    assert_eq!(calls, ending(&["downstream_close(2)"]), "there is nothing left to close");
}

#[test]
fn the_filter_closes_a_new_connection() {
    for script in ["close", "close pause"] {
        let mut envoy = envoy(&format!(r#"{{"new_connection": "{script}"}}"#));
        let connection = envoy.connect();
        assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy));
        assert_eq!(
            callbacks(&mut envoy)[3..],
            ending(&["context_create(1)", "new_connection", "downstream_close(1)"])
        );
    }
}

#[test]
fn ends_that_are_held_back() {
    // Held from the server, but the client's connection is over all the same.
    let calls = after("{}", |connection| {
        connection.client_sends("pause ");
        connection.client_ends();
        connection.server_ends();
        assert_eq!(
            (connection.received_by_server(), connection.closed_by()),
            (vec![], Some(ClosedBy::Envoy))
        );
    });
    let presented =
        ["downstream_data(6,0)", "downstream_data(6,1)", "upstream_data(0,1)", "upstream_close(0)"];
    assert_eq!(calls, ending(&[&presented[..], &["downstream_close(1)"]].concat()));

    // Held from the client, until the server's connection is over.
    let calls = after(r#"{"server_end": "pause"}"#, |connection| {
        let passage = connection.server_ends();
        assert_eq!((passage.status, passage.end_stream), (Some(FilterStatus::StopIteration), false));
        connection.client_sends("x");
        connection.client_ends();
        assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy));
    });
    let presented =
        ["upstream_data(0,1)", "upstream_close(0)", "downstream_data(1,0)", "downstream_data(0,1)"];
    assert_eq!(calls, ending(&[&presented[..], &["downstream_close(1)"]].concat()));

    // Both: nothing moves any more.
    let calls = after(r#"{"server_end": "pause", "client_end": "pause"}"#, |connection| {
        connection.server_ends();
        connection.client_ends();
        assert!(connection.is_open() && connection.holds_back_client() && connection.holds_back_server());
    });
    assert_eq!(calls, ["upstream_data(0,1)", "upstream_close(0)", "downstream_data(0,1)"]);
}
