//! Filters that read and change what passes.

use serde_json::{Value, json};

use crate::Scenario;

/// Ten octets from the client, with which this is done, and three that follow.
fn ten_octets(name: &'static str, rule: &'static str, actions: Value) -> Scenario {
    let script = json!({"rules": [{"on": "downstream_data", "nth": 1, "do": actions}]});
    Scenario::network(name, rule, script)
        .connect()
        .client_sends("0123456789")
        .client_sends("abc")
        .client_ends()
        .server_ends()
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        ten_octets(
            "buffers-read",
            "Any slice can be read; what lies outside is left out",
            json!([{"read": [0, 4]}, {"read": [3, 4]}, {"read": [8, 9]}, {"read": [10, 5]}, {"read": [0, 1000]}]),
        ),
        ten_octets("buffers-prepend", "Octets in front", json!([{"prepend": "PRE"}, {"read": [0, 5]}])),
        ten_octets("buffers-append", "Octets behind", json!([{"append": "APP"}, {"read": [8, 9]}])),
        ten_octets("buffers-drain", "Octets taken away", json!([{"drain": 5}, {"read": [0, 9]}])),
        ten_octets("buffers-drain-all", "All taken away: an empty buffer passes nothing", json!([{"drain": 1000}])),
        ten_octets("buffers-replace", "All replaced", json!([{"replace": "ALL"}, {"read": [0, 9]}])),
        ten_octets(
            "buffers-one-after-another",
            "Changes add up",
            json!([{"prepend": "<"}, {"append": ">"}, {"drain": 3}, {"prepend": "["}, {"read": [0, 99]}]),
        ),
        Scenario::network(
            "buffers-from-server",
            "What comes from the server is read and changed alike",
            json!({"rules": [{"on": "upstream_data", "nth": 1, "do": [
                {"read": [2, 3]}, {"drain": 3}, {"prepend": "***"}, {"append": "!"},
            ]}]}),
        )
        .connect()
        .server_sends("250 fine")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "buffers-at-the-ends",
            "Octets can be written together with an end that brought none",
            json!({"rules": [
                {"on": "downstream_data", "end": true, "do": [{"prepend": "QUIT"}, {"append": "\r\n"}]},
                {"on": "upstream_data", "end": true, "do": [{"replace": "BYE"}]},
            ]}),
        )
        .connect()
        .client_ends()
        .server_ends(),
        Scenario::network(
            "buffers-of-a-paused-direction",
            "A paused buffer can be written in a timer; what is written after it went on waits for the next octets",
            json!({"rules": [
                {"on": "downstream_data", "nth": 1, "do": ["pause", {"timer": 20}]},
                {"on": "timer", "nth": 1, "do": [{"prepend": "EARLY "}, "continue_reading", {"timer": 20}]},
                {"on": "timer", "nth": 2, "do": [{"prepend": "LATE "}]},
            ]}),
        )
        .connect()
        .client_sends("held")
        .pass(20)
        .pass(20)
        .client_sends("next")
        .client_resets(),
        Scenario::network(
            "buffers-absent",
            "Outside of the data callbacks there is no buffer to write",
            json!({"on_error": "bypass", "rules": [{"on": "new_connection", "do": [{"prepend": "x"}]}]}),
        )
        .connect()
        .client_sends("a")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "buffers-held-back-in-the-filter",
            "What a filter must hold back it drains, and prepends later",
            json!({"rules": [
                {"on": "downstream_data", "nth": 1, "do": [{"read": [0, 4]}, {"drain": 4}]},
                {"on": "downstream_data", "nth": 2, "do": [{"prepend": "held"}]},
            ]}),
        )
        .connect()
        .client_sends("held")
        .client_sends(" and more")
        .client_ends()
        .server_ends(),
    ]
}
