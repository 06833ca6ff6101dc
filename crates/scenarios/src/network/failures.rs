//! Filters that fail.

use serde_json::{Value, json};

use crate::Scenario;

fn failing(on: &str, action: Value, policy: &str) -> Value {
    json!({"on_error": policy, "rules": [{"on": on, "do": [action]}]})
}

fn error() -> Value {
    json!({"error": "as told"})
}

fn panic() -> Value {
    json!({"panic": "as told"})
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::network(
            "failures-making-the-filter",
            "A filter that cannot be made: the connection is closed",
            failing("new_filter", error(), "close"),
        )
        .connect(),
        Scenario::network(
            "failures-making-the-filter-bypassed",
            "A filter that cannot be made: the connection goes on without it",
            failing("new_filter", panic(), "bypass"),
        )
        .connect()
        .client_sends("a")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "failures-new-connection",
            "An error in on_new_connection",
            failing("new_connection", error(), "close"),
        )
        .connect(),
        Scenario::network(
            "failures-downstream-data",
            "An error in on_downstream_data: the octets reach nobody",
            failing("downstream_data", error(), "close"),
        )
        .connect()
        .client_sends("a"),
        Scenario::network(
            "failures-downstream-data-panic",
            "A panic in on_downstream_data costs one of two connections",
            json!({"rules": [{"on": "downstream_data", "contains": "BOOM", "do": [panic()]}]}),
        )
        .connect()
        .connect()
        .client_sends("BOOM")
        .on_connection(1)
        .client_sends("hello")
        .server_sends("world")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "failures-upstream-data",
            "An error in on_upstream_data",
            failing("upstream_data", error(), "close"),
        )
        .connect()
        .server_sends("a"),
        Scenario::network(
            "failures-at-servers-end",
            "An error where the server ends its side: closed a millisecond later",
            json!({"rules": [{"on": "upstream_data", "end": true, "do": [panic()]}]}),
        )
        .connect()
        .server_sends_last("bye")
        .pass(1),
        Scenario::network(
            "failures-upstream-close",
            "An error in on_upstream_close",
            failing("upstream_close", error(), "close"),
        )
        .connect()
        .server_ends(),
        Scenario::network(
            "failures-downstream-close",
            "An error in on_downstream_close: there is nothing left to close",
            failing("downstream_close", panic(), "close"),
        )
        .connect()
        .client_resets(),
        Scenario::network(
            "failures-stream-complete",
            "An error in on_stream_complete",
            failing("complete", error(), "close"),
        )
        .connect()
        .client_resets(),
        Scenario::network(
            "failures-timer",
            "A panic in a timer closes its connection",
            json!({"rules": [
                {"on": "new_connection", "do": [{"timer": 20}]},
                {"on": "timer", "do": [panic()]},
            ]}),
        )
        .connect()
        .pass(20),
        Scenario::network(
            "failures-bypassed",
            "With `bypass` the connection goes on, and the filter is not called again",
            failing("downstream_data", panic(), "bypass"),
        )
        .connect()
        .client_sends("a")
        .client_sends("b")
        .server_sends("c")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "failures-counted-changes-stay",
            "What a failing callback has counted before it failed is counted",
            json!({"rules": [{"on": "downstream_data", "do": [{"count": 3}, panic()]}]}),
        )
        .connect()
        .client_sends("a"),
        Scenario::network(
            "failures-dropping-the-filter",
            "A panic while the filter is dropped costs nothing",
            failing("drop", panic(), "close"),
        )
        .connect()
        .client_resets()
        .connect()
        .client_resets(),
    ]
}
