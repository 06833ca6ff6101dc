//! HTTP filters that fail.

use serde_json::{Value, json};

use crate::Scenario;

fn failing(on: &str, action: Value) -> Value {
    json!({"rules": [{"on": on, "do": [action]}]})
}

fn error() -> Value {
    json!({"error": "as told"})
}

fn panic() -> Value {
    json!({"panic": "as told"})
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::http(
            "http-failures-making-the-filter",
            "A filter that cannot be made: 500",
            failing("new_filter", error()),
        )
        .request("GET", "/", &[], true),
        Scenario::http(
            "http-failures-request-headers",
            "An error in on_request_headers: 500",
            failing("request_headers", error()),
        )
        .request("GET", "/", &[], true),
        Scenario::http(
            "http-failures-request-body",
            "A panic in on_request_body: 500",
            failing("request_body", panic()),
        )
        .request("POST", "/", &[], false)
        .request_body("a", true),
        Scenario::http(
            "http-failures-request-trailers",
            "An error in on_request_trailers: 500",
            failing("request_trailers", error()),
        )
        .request("POST", "/", &[], false)
        .request_trailers(&[("x-sum", "1")]),
        Scenario::http(
            "http-failures-response-headers",
            "An error in on_response_headers: the stream is reset",
            failing("response_headers", error()),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], true),
        Scenario::http(
            "http-failures-response-body",
            "A panic in on_response_body: the stream is reset",
            failing("response_body", panic()),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], false)
        .response_body("a", false),
        Scenario::http(
            "http-failures-response-trailers",
            "An error in on_response_trailers: the stream is reset",
            failing("response_trailers", error()),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], false)
        .response_trailers(&[("x-sum", "1")]),
        Scenario::http(
            "http-failures-timer",
            "An error in a timer before the response: 500",
            json!({"rules": [
                {"on": "request_headers", "do": ["pause", {"timer": 20}]},
                {"on": "timer", "do": [error()]},
            ]}),
        )
        .request("GET", "/", &[], true)
        .pass(20),
        Scenario::http(
            "http-failures-stream-complete",
            "A panic in on_stream_complete costs nothing",
            failing("complete", panic()),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], true),
    ]
}
