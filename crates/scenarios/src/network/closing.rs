//! Filters that close.

use serde_json::{Value, json};

use crate::Scenario;

/// Does this in one callback.
fn on(callback: &str, actions: Value) -> Value {
    json!({"rules": [{"on": callback, "do": actions}]})
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::network(
            "closing-in-new-connection",
            "A new connection can be closed; the server is never called",
            on("new_connection", json!(["close"])),
        )
        .connect(),
        Scenario::network(
            "closing-in-new-connection-paused",
            "A new connection can be paused and closed",
            on("new_connection", json!(["close", "pause"])),
        )
        .connect(),
        Scenario::network(
            "closing-in-downstream-data",
            "A close in on_downstream_data: the octets reach nobody",
            on("downstream_data", json!([{"append": " tail"}, "close"])),
        )
        .connect()
        .client_sends("close"),
        Scenario::network(
            "closing-in-upstream-data",
            "A close in on_upstream_data: the octets reach nobody, appended ones neither",
            on("upstream_data", json!([{"append": " tail"}, "close"])),
        )
        .connect()
        .server_sends("close"),
        Scenario::network(
            "closing-at-clients-end",
            "A close where the client ends its side",
            json!({"rules": [{"on": "downstream_data", "end": true, "do": ["close"]}]}),
        )
        .connect()
        .client_sends("a")
        .client_ends(),
        Scenario::network(
            "closing-at-servers-end",
            "A close where the server ends its side comes a millisecond later: Envoy would lose the VM",
            json!({"rules": [{"on": "upstream_data", "end": true, "do": ["close"]}]}),
        )
        .connect()
        .server_sends_last("bye")
        .pass(1),
        Scenario::network(
            "closing-at-servers-end-held-back",
            "The same, and the client does not see the last octets",
            json!({"rules": [{"on": "upstream_data", "end": true, "do": ["close", "pause"]}]}),
        )
        .connect()
        .server_sends_last("bye")
        .pass(1),
        Scenario::network(
            "closing-in-upstream-close",
            "A close in on_upstream_close",
            on("upstream_close", json!(["close"])),
        )
        .connect()
        .server_ends(),
        Scenario::network(
            "closing-what-is-closed",
            "A close in the last callbacks does nothing",
            json!({"rules": [
                {"on": "downstream_close", "do": ["close"]},
                {"on": "complete", "do": ["close"]},
            ]}),
        )
        .connect()
        .client_resets(),
        Scenario::network(
            "closing-twice",
            "Two closes are one",
            on("downstream_data", json!(["close", "close"])),
        )
        .connect()
        .client_sends("a"),
        Scenario::network(
            "closing-after-flush-to-client",
            "Octets appended in on_upstream_data arrive before the close",
            on("upstream_data", json!([{"append": "421 go away\r\n"}, "close_after_flush"])),
        )
        .connect()
        .server_sends("220 hello\r\n")
        .pass(1),
        Scenario::network(
            "closing-after-flush-to-server",
            "Octets of on_downstream_data arrive before the close",
            on("downstream_data", json!([{"append": "RSET\r\n"}, "close_after_flush"])),
        )
        .connect()
        .client_sends("MAIL\r\n")
        .pass(1),
        Scenario::network(
            "closing-after-flush-of-one-that-goes",
            "A close that comes too late for its connection does nothing",
            on("downstream_data", json!(["close_after_flush", "close"])),
        )
        .connect()
        .client_sends("a")
        .pass(1),
        Scenario::network(
            "closing-in-timer",
            "A close in a timer",
            json!({"rules": [
                {"on": "downstream_data", "do": [{"timer": 20}]},
                {"on": "timer", "do": ["close"]},
            ]}),
        )
        .connect()
        .client_sends("a")
        .pass(20),
        Scenario::network(
            "closing-one-of-two",
            "A close ends its own connection only",
            json!({"rules": [{"on": "downstream_data", "contains": "QUIT", "do": ["close"]}]}),
        )
        .connect()
        .connect()
        .client_sends("QUIT")
        .on_connection(1)
        .client_sends("hello")
        .client_ends()
        .server_ends(),
    ]
}
