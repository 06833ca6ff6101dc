//! Scenarios with access loggers.

use serde_json::{Value, json};

use crate::Scenario;
use crate::scenario::Oracle;

fn on_log(actions: Value) -> Value {
    json!({"rules": [{"on": "log", "do": actions}]})
}

pub(crate) fn all() -> Vec<Scenario> {
    vec![
        Scenario::tcp_log(
            "logs-tcp-sizes",
            "A connection that is over, with its sizes",
            on_log(json!([
                {"property": "request.size"}, {"property": "response.size"}, {"property_size": "source.address"},
                {"property_size": "upstream.address"}, {"property": "response.flags"}, {"header": ["request", ":path"]},
            ])),
        )
        .logged_connection("hello", "hi"),
        Scenario::tcp_log(
            "logs-tcp-one-after-another",
            "All connections are logged by the plugin itself",
            on_log(json!([{"log": "over"}, {"count": 1}])),
        )
        .logged_connection("a", "b")
        .logged_connection("c", "d"),
        Scenario::tcp_log(
            "logs-tcp-failing",
            "A panic costs one entry; the logger stays",
            json!({"rules": [
                {"on": "log", "nth": 1, "do": [{"panic": "as told"}]},
                {"on": "log", "nth": 2, "do": [{"log": "still here"}]},
            ]}),
        )
        .logged_connection("a", "b")
        .logged_connection("c", "d"),
        Scenario::http_log(
            "logs-http-headers",
            "A request that is over, with its headers",
            on_log(json!([
                {"header": ["request", ":path"]}, {"header": ["request", "x-a"]}, {"header": ["request", "x-none"]},
                {"header": ["response", ":status"]}, {"header": ["response", "x-b"]},
                {"property": "response.code"}, {"property": "response.code_details"}, {"property": "request.method"},
            ])),
        )
        .logged_request("/path", &[("x-a", "1")], 404, &[("x-b", "2")]),
        Scenario::http_log(
            "logs-http-with-call",
            "A logger that reports to somebody, and gets an answer",
            on_log(json!([{"http_call": {
                "cluster": "logs-http-with-call", "path": "/report", "body": "over", "milliseconds": 60000,
            }}])),
        )
        .with_oracle(Oracle::Answers)
        .logged_request("/", &[], 200, &[])
        .oracle_answers(1, 200, &[], "noted"),
        Scenario::http_log(
            "logs-http-with-timer",
            "A logger that sets a timer",
            json!({"rules": [
                {"on": "log", "do": [{"timer": 20}]},
                {"on": "plugin_timer", "do": [{"log": "a moment later"}]},
            ]}),
        )
        .logged_request("/", &[], 200, &[])
        .pass(20),
    ]
}
