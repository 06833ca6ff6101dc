//! Filters that hold something back.

use serde_json::json;

use crate::Scenario;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::network(
            "pausing-client-presented-again",
            "Octets that are held back are presented again with those that follow",
            json!({"rules": [
                {"on": "downstream_data", "nth": 1, "do": ["pause"]},
                {"on": "downstream_data", "nth": 2, "do": [{"property": "request.size"}]},
            ]}),
        )
        .connect()
        .client_sends("one ")
        .client_sends("two ")
        .client_sends("three")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-server-presented-again",
            "The server's octets that are held back move with those that follow",
            json!({"rules": [{"on": "upstream_data", "nth": 1, "do": ["pause"]}]}),
        )
        .connect()
        .server_sends("one ")
        .server_sends("two")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-client-continued-in-timer",
            "Held octets go on in a timer, without being presented again",
            json!({"rules": [
                {"on": "downstream_data", "nth": 1, "do": ["pause", {"timer": 20}]},
                {"on": "timer", "do": ["continue_reading"]},
            ]}),
        )
        .connect()
        .client_sends("held")
        .pass(20)
        .client_sends("next")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-client-continued-by-server",
            "Held octets go on in a callback of the other direction",
            json!({"rules": [
                {"on": "downstream_data", "nth": 1, "do": ["pause"]},
                {"on": "upstream_data", "nth": 1, "do": ["continue_reading"]},
            ]}),
        )
        .connect()
        .client_sends("held")
        .server_sends("go on")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-and-continuing-at-once",
            "A continue in the callback that pauses lets the octets go on when it has returned",
            json!({"rules": [{"on": "downstream_data", "nth": 1, "do": ["continue_reading", "pause"]}]}),
        )
        .connect()
        .client_sends("a")
        .client_sends("b")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-nothing-to-continue",
            "A continue where nothing is held does nothing",
            json!({"rules": [{"on": "downstream_data", "do": ["continue_reading"]}]}),
        )
        .connect()
        .client_sends("a")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-clients-end",
            "A client's end that is held back: the server's end closes the connection, the octets are lost",
            json!({"rules": [{"on": "downstream_data", "do": ["pause"]}]}),
        )
        .connect()
        .client_sends("lost")
        .client_ends()
        .server_sends("a")
        .server_ends(),
        Scenario::network(
            "pausing-clients-end-continued",
            "A client's end that is held back goes on with the octets",
            json!({"rules": [
                {"on": "downstream_data", "do": ["pause"]},
                {"on": "upstream_data", "nth": 1, "do": ["continue_reading"]},
            ]}),
        )
        .connect()
        .client_sends("held")
        .client_ends()
        .server_sends("go on")
        .server_ends(),
        Scenario::network(
            "pausing-servers-end",
            "A server's end that is held back: the client's end closes the connection",
            json!({"rules": [{"on": "upstream_data", "end": true, "do": ["pause"]}]}),
        )
        .connect()
        .server_ends()
        .client_sends("x")
        .client_ends(),
        Scenario::network(
            "pausing-both-ends",
            "Both ends held back: nothing moves until the client resets",
            json!({"rules": [
                {"on": "upstream_data", "end": true, "do": ["pause"]},
                {"on": "downstream_data", "end": true, "do": ["pause", {"timer": 30}]},
                {"on": "timer", "do": ["close"]},
            ]}),
        )
        .connect()
        .server_ends()
        .client_ends()
        .pass(30),
        Scenario::network(
            "pausing-client-then-server-resets",
            "Held octets are lost when the server resets",
            json!({"rules": [{"on": "downstream_data", "do": ["pause"]}]}),
        )
        .connect()
        .client_sends("lost")
        .server_resets(),
        Scenario::network(
            "pausing-client-then-it-resets",
            "Held octets are lost when the client resets",
            json!({"rules": [{"on": "downstream_data", "do": ["pause"]}]}),
        )
        .connect()
        .client_sends("lost")
        .client_resets(),
        Scenario::network(
            "pausing-up-to-the-buffer-limit",
            "With as many octets held as the limit says, a direction is still read",
            json!({"rules": [
                {"on": "downstream_data", "do": ["pause"]},
                {"on": "upstream_data", "nth": 1, "do": ["continue_reading"]},
            ]}),
        )
        .buffer_limit(8)
        .connect()
        .client_sends("12345678")
        .client_sends("read")
        .server_sends("go on")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-beyond-the-buffer-limit",
            "With more held than that, it is not read any further until it goes on",
            json!({"rules": [
                {"on": "downstream_data", "do": ["pause"]},
                {"on": "upstream_data", "nth": 1, "do": ["continue_reading"]},
            ]}),
        )
        .buffer_limit(8)
        .connect()
        .client_sends("123456789")
        .client_sends("unread")
        .server_sends("go on")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-new-connection",
            "A paused new connection: the server is called when it goes on, and all that came meanwhile is presented",
            json!({"rules": [
                {"on": "new_connection", "do": ["pause", {"timer": 500}]},
                {"on": "timer", "do": ["continue_reading"]},
            ]}),
        )
        .connect()
        .client_sends("early")
        .pass(500)
        .server_sends("hello")
        .client_ends()
        .server_ends(),
        Scenario::network(
            "pausing-new-connection-with-end",
            "The client has sent and ended before a paused new connection goes on",
            json!({"rules": [
                {"on": "new_connection", "do": ["pause", {"timer": 500}]},
                {"on": "timer", "do": ["continue_reading"]},
            ]}),
        )
        .connect()
        .client_sends_last("all")
        .pass(500)
        .server_ends(),
        Scenario::network(
            "pausing-new-connection-reset",
            "A reset of a paused new connection is noticed when it goes on",
            json!({"rules": [
                {"on": "new_connection", "do": ["pause", {"timer": 500}]},
                {"on": "timer", "do": ["continue_reading"]},
            ]}),
        )
        .connect()
        .client_resets()
        .pass(500),
        Scenario::network(
            "pausing-new-connection-server-refuses",
            "The server refuses when a paused new connection goes on",
            json!({"rules": [
                {"on": "new_connection", "do": ["pause", {"timer": 20}]},
                {"on": "timer", "do": ["continue_reading"]},
            ]}),
        )
        .server_refuses()
        .connect()
        .pass(20),
    ]
}
