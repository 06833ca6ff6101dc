//! Timers of connections.

use serde_json::json;

use crate::Scenario;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::network(
            "timers-one",
            "A timer fires once, and the tick stops",
            json!({"rules": [
                {"on": "new_connection", "do": [{"timer": 20}]},
                {"on": "timer", "do": [{"log": "fired"}, {"property_size": "connection.id"}]},
            ]}),
        )
        .connect()
        .pass(20)
        .client_ends()
        .server_ends(),
        Scenario::network(
            "timers-again",
            "A timer that sets the next one",
            json!({"rules": [
                {"on": "new_connection", "do": [{"timer": 20}]},
                {"on": "timer", "nth": 1, "do": [{"timer": 20}]},
            ]}),
        )
        .connect()
        .pass(20)
        .pass(20)
        .client_resets(),
        Scenario::network(
            "timers-cancelled",
            "A timer that is taken back does not fire; its tick still comes",
            json!({"rules": [
                {"on": "new_connection", "do": [{"timer": 20}, "cancel_timer"]},
                {"on": "timer", "do": [{"error": "it has fired"}]},
            ]}),
        )
        .connect()
        .pass(20)
        .client_resets(),
        Scenario::network(
            "timers-of-one-that-goes",
            "A timer goes with its connection",
            json!({"rules": [
                {"on": "downstream_data", "do": [{"timer": 200}]},
                {"on": "timer", "do": [{"error": "it has fired"}]},
            ]}),
        )
        .connect()
        .client_sends("a")
        .client_resets()
        .pass(200),
        Scenario::network(
            "timers-in-the-last-callback",
            "A timer that is set when the connection is over never fires",
            json!({"rules": [
                {"on": "complete", "do": [{"timer": 20}]},
                {"on": "timer", "do": [{"error": "it has fired"}]},
            ]}),
        )
        .connect()
        .client_resets()
        .pass(20),
    ]
}
