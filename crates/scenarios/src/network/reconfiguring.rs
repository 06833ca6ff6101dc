//! Plugins that get another configuration.

use serde_json::{Value, json};

use crate::Scenario;

/// Puts this behind what the client sends.
fn appending(text: &str) -> Value {
    json!({"rules": [{"on": "downstream_data", "end": false, "do": [{"append": text}]}]})
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::network(
            "reconfiguring-with-connections",
            "Connections that are open keep their configuration, and its plugin goes with the last of them",
            appending(" old"),
        )
        .connect()
        .client_sends("one")
        .reconfigure(appending(" new"))
        .client_sends("two")
        .connect()
        .client_sends("three")
        .client_resets()
        .on_connection(1)
        .client_ends()
        .server_ends(),
        Scenario::network(
            "reconfiguring-without-connections",
            "Without connections the old plugin goes at once",
            appending(" old"),
        )
        .reconfigure(appending(" new"))
        .connect()
        .client_sends("one")
        .client_resets(),
        Scenario::network(
            "reconfiguring-refused",
            "A configuration that is refused leaves the one before in force",
            appending(" old"),
        )
        .connect()
        .reconfigure(json!({"no_such_field": 1}))
        .client_sends("one")
        .client_resets()
        .connect()
        .client_sends("two")
        .client_resets(),
        Scenario::network(
            "reconfiguring-twice",
            "Plugins of one VM count into the same statistics",
            json!({"rules": [{"on": "new_connection", "do": [{"count": 1}]}]}),
        )
        .connect()
        .client_resets()
        .reconfigure(json!({"rules": [{"on": "new_connection", "do": [{"count": 2}]}]}))
        .connect()
        .client_resets()
        .reconfigure(json!({"rules": [{"on": "new_connection", "do": [{"count": 3}]}]}))
        .connect()
        .client_resets(),
    ]
}
