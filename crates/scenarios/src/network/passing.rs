//! Which callbacks come, and in which order, where a filter lets everything pass.

use serde_json::{Value, json};

use crate::Scenario;

fn passing() -> Value {
    json!({})
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::network("passing-client-ends-first", "The client ends, then the server", passing())
            .connect()
            .client_sends("hello")
            .server_sends("world")
            .client_ends()
            .server_sends("after")
            .server_ends(),
        Scenario::network("passing-server-ends-first", "The server ends, then the client", passing())
            .connect()
            .server_sends("220 ready\r\n")
            .server_ends()
            .client_sends("more")
            .client_ends(),
        Scenario::network("passing-only-ends", "Ends without any data are a callback each", passing())
            .connect()
            .client_ends()
            .server_ends(),
        Scenario::network(
            "passing-last-octets-with-end",
            "The last octets come together with the end",
            passing(),
        )
        .connect()
        .client_sends_last("abc")
        .server_sends_last("def"),
        Scenario::network(
            "passing-server-last-octets-first",
            "The server's last octets come first",
            passing(),
        )
        .connect()
        .server_sends_last("221 bye\r\n")
        .client_sends_last("QUIT\r\n"),
        Scenario::network("passing-octets-of-every-value", "Octets of every value pass unchanged", passing())
            .connect()
            .client_sends((0..=255).collect::<Vec<u8>>())
            .server_sends((0..=255).rev().collect::<Vec<u8>>())
            .client_ends()
            .server_ends(),
        Scenario::network("passing-client-resets", "A reset by the client is a remote close", passing())
            .connect()
            .client_sends("a")
            .client_resets(),
        Scenario::network("passing-client-resets-at-once", "A reset before any data", passing())
            .connect()
            .client_resets(),
        Scenario::network(
            "passing-server-resets",
            "A reset by the server is a local close, without on_upstream_close",
            passing(),
        )
        .connect()
        .client_sends("a")
        .server_resets(),
        Scenario::network(
            "passing-client-resets-after-its-end",
            "A reset after the client's end is noticed when something is sent to it",
            passing(),
        )
        .connect()
        .client_sends("a")
        .client_ends()
        .client_resets()
        .server_sends("b"),
        Scenario::network(
            "passing-server-resets-after-clients-end",
            "The server resets when the client has ended",
            passing(),
        )
        .connect()
        .client_ends()
        .server_resets(),
        Scenario::network(
            "passing-client-resets-after-servers-end",
            "The client resets when the server has ended",
            passing(),
        )
        .connect()
        .server_ends()
        .client_resets(),
        Scenario::network(
            "passing-server-refuses",
            "A server that refuses: downstream_data never comes, nor on_upstream_close",
            json!({"rules": [{"on": "downstream_close", "do": [
                {"property": "upstream.transport_failure_reason"}
            ]}]}),
        )
        .server_refuses()
        .connect(),
        Scenario::network(
            "passing-client-resets-after-its-end-unnoticed",
            "A reset after the client's end is not noticed where nothing is sent to it",
            passing(),
        )
        .connect()
        .client_ends()
        .client_resets()
        .server_ends(),
        Scenario::network(
            "passing-server-resets-after-its-end",
            "A reset after the server's end is noticed when something is sent to it",
            passing(),
        )
        .connect()
        .server_ends()
        .server_resets()
        .client_sends("a"),
        Scenario::network(
            "passing-two-connections",
            "Connections of one VM have contexts of their own",
            passing(),
        )
        .connect()
        .connect()
        .client_sends("second")
        .on_connection(1)
        .client_sends("first")
        .on_connection(2)
        .server_sends("to the second")
        .client_ends()
        .server_ends()
        .on_connection(1)
        .server_ends()
        .client_ends(),
        Scenario::network("passing-one-after-another", "A context is not used again", passing())
            .connect()
            .client_ends()
            .server_ends()
            .connect()
            .client_ends()
            .server_ends(),
    ]
}
