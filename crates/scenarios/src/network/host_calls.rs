//! What a filter can ask of Envoy.

use serde_json::{Value, json};

use crate::Scenario;

/// Does this when the client has sent something.
fn asking(name: &'static str, rule: &'static str, actions: Value) -> Scenario {
    let script = json!({"rules": [{"on": "downstream_data", "nth": 1, "do": actions}]});
    Scenario::network(name, rule, script).connect().client_sends("a").client_ends().server_ends()
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        asking(
            "properties-of-connection",
            "What a connection without TLS knows about itself",
            json!([
                {"property_size": "connection.id"}, {"property": "connection.mtls"},
                {"property": "connection.tls_version"}, {"property": "connection.requested_server_name"},
                {"property_size": "source.address"}, {"property_size": "source.port"},
                {"property_size": "destination.address"}, {"property_size": "destination.port"},
                {"property": "connection.no_such_attribute"},
            ]),
        ),
        asking(
            "properties-of-server",
            "What is known about the server that was connected to",
            json!([
                {"property_size": "upstream.address"}, {"property_size": "upstream.port"},
                {"property": "upstream.transport_failure_reason"},
            ]),
        ),
        asking(
            "properties-of-plugin",
            "What is known about plugin and listener",
            json!([
                {"property": "plugin_name"}, {"property": "plugin_root_id"}, {"property": "plugin_vm_id"},
                {"property": "xds.listener_direction"}, {"property": "xds.filter_chain_name"},
                {"property": "metadata"},
            ]),
        ),
        asking(
            "properties-that-are-not",
            "Attributes of older releases are not there any more",
            json!([
                {"property": "node"}, {"property": "listener_metadata"}, {"property": "listener_direction"},
                {"property": "cluster_name"}, {"property": "route_name"}, {"property": "nothing"},
            ]),
        ),
        Scenario::network(
            "properties-before-the-server",
            "Before the server is connected to, nothing is known about it",
            json!({"rules": [{"on": "new_connection", "do": [
                {"property": "upstream.address"}, {"property": "upstream.transport_failure_reason"},
                {"property": "xds.listener_direction"}, {"property": "request.size"},
            ]}]}),
        )
        .connect()
        .client_resets(),
        Scenario::network(
            "properties-a-whole-group",
            "A whole group of attributes cannot be read",
            json!({"on_error": "bypass", "rules": [
                {"on": "downstream_data", "nth": 1, "do": [{"property": "connection"}]},
            ]}),
        )
        .connect()
        .client_sends("a")
        .client_resets(),
        Scenario::network(
            "properties-of-sizes",
            "Sizes count what has passed",
            json!({"rules": [
                {"on": "downstream_data", "do": [{"property": "request.size"}, {"property": "response.size"}]},
                {"on": "upstream_data", "do": [{"property": "request.size"}, {"property": "response.size"}]},
                {"on": "complete", "do": [{"property": "request.size"}, {"property": "response.size"}]},
            ]}),
        )
        .connect()
        .client_sends("12345")
        .server_sends("123")
        .client_ends()
        .server_ends(),
        asking(
            "filter-state-read-back",
            "Filter state is read back under its bare key",
            json!([
                {"set_filter_state": ["k", "v"]}, {"property": "k"}, {"property": "wasm.k"},
                {"property": "filter_state.wasm.k"}, {"set_filter_state": ["k", "w"]}, {"property": "k"},
                {"set_filter_state": ["empty", ""]}, {"property": "empty"},
            ]),
        ),
        asking(
            "filter-state-in-the-access-log",
            "Filter state is printed in the listener's access log as it is",
            json!([{"set_filter_state": ["k", "a \"b\" c"]}]),
        )
        .logs_filter_state("k"),
        Scenario::network(
            "filter-state-set-last",
            "Filter state that is set in on_stream_complete still reaches the access log",
            json!({"rules": [
                {"on": "new_connection", "do": [{"set_filter_state": ["k", "early"]}]},
                {"on": "complete", "do": [{"property": "k"}, {"set_filter_state": ["k", "late"]}]},
            ]}),
        )
        .logs_filter_state("k")
        .connect()
        .client_sends("a")
        .client_resets(),
        Scenario::network(
            "filter-state-declared",
            "Filter state that was declared is set once",
            json!({"on_error": "bypass", "rules": [
                {"on": "configure", "do": [{"declare_filter_state": "k"}]},
                {"on": "new_connection", "do": [{"set_filter_state": ["k", "once"]}, {"filter_state": "k"}]},
                {"on": "downstream_data", "do": [{"set_filter_state": ["k", "twice"]}]},
            ]}),
        )
        .logs_filter_state("k")
        .connect()
        .client_sends("a")
        .client_resets(),
        asking(
            "filter-state-of-envoys-own",
            "An object of one of Envoy's extensions, made from a text",
            json!([
                {"set_filter_state_object": ["envoy.network.upstream_server_name", "example.org"]},
                {"filter_state_object": "envoy.network.upstream_server_name"},
                {"filter_state_object": "nothing"},
            ]),
        ),
        Scenario::network(
            "foreign-function-unknown",
            "A function that Envoy has not is not found",
            json!({"on_error": "bypass", "rules": [
                {"on": "downstream_data", "do": [{"call_foreign_function": ["no_such_function", "x"]}]},
            ]}),
        )
        .connect()
        .client_sends("a")
        .client_resets(),
        // The only one with a queue: Envoy numbers queues over all its VMs.
        Scenario::network(
            "queue-announced",
            "A message in a queue is announced to the plugin that has registered it",
            json!({"rules": [
                {"on": "new_connection", "do": [{"register_queue": "q"}]},
                {"on": "downstream_data", "do": [{"enqueue": "first"}, {"enqueue": "second"}]},
                {"on": "queue_ready", "do": ["dequeue"]},
                {"on": "queue_ready", "nth": 2, "do": ["dequeue"]},
            ]}),
        )
        .connect()
        .client_sends("a")
        .client_resets(),
        asking(
            "metrics-of-each-kind",
            "Counters, gauges and histograms; the changes of one callback are one call",
            json!([{"count": 2}, {"count": 3}, {"shift": 5}, {"shift": -2}, {"record": 7}, {"record": 8}]),
        ),
        Scenario::network(
            "metrics-defined-once",
            "A metric is defined once per VM",
            json!({"rules": [
                {"on": "new_connection", "do": [{"count": 1}, {"shift": 1}]},
                {"on": "complete", "do": [{"count": 1}, {"shift": -1}]},
            ]}),
        )
        .connect()
        .client_resets()
        .connect()
        .client_resets(),
        Scenario::network(
            "metrics-below-zero",
            "A gauge below 0 wraps around",
            json!({"rules": [
                {"on": "new_connection", "do": [{"shift": -1}]},
                {"on": "complete", "do": [{"shift": 3}]},
            ]}),
        )
        .connect()
        .client_resets(),
        asking(
            "shared-data",
            "Shared data: versions are counted, and a replacement that comes too late is refused",
            json!([
                {"shared_get": "a"}, {"shared_set": ["a", "1"]}, {"shared_get": "a"},
                {"shared_replace": ["a", "2"]}, {"shared_replace_too_late": ["a", "3"]}, {"shared_get": "a"},
                {"shared_set": ["b", ""]}, {"shared_get": "b"},
            ]),
        ),
        asking("clock", "The clock goes on", json!(["now", "now"])),
        asking("log-at-each-level", "Every level reaches Envoy's log", json!([{"log_at_each_level": "hello"}])),
        asking("log-what-is-no-text", "Text of any alphabet", json!([{"log": "grüße, 你好"}])),
    ]
}
