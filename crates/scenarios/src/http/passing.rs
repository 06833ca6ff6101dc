//! Which callbacks come, and in which order, where a filter lets everything pass.

use serde_json::{Value, json};

use crate::Scenario;

fn passing() -> Value {
    json!({})
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::http("http-passing-get", "A request and a response of headers only", passing())
            .request("GET", "/", &[], true)
            .response(204, &[], true),
        Scenario::http("http-passing-bodies", "Bodies in pieces", passing())
            .request("POST", "/", &[], false)
            .request_body("one", false)
            .request_body("two", true)
            .response(200, &[], false)
            .response_body("three", false)
            .response_body("four", true),
        Scenario::http("http-passing-trailers", "Trailers behind bodies", passing())
            .request("POST", "/", &[("te", "trailers")], false)
            .request_body("one", false)
            .request_trailers(&[("x-sum", "1")])
            .response(200, &[], false)
            .response_body("two", false)
            .response_trailers(&[("x-sum", "2")]),
        Scenario::http("http-passing-trailers-without-body", "Trailers right behind the headers", passing())
            .request("POST", "/", &[], false)
            .request_trailers(&[("x-sum", "1")])
            .response(200, &[], false)
            .response_trailers(&[("x-sum", "2")]),
        Scenario::http("http-passing-empty-last-piece", "An end that brings no octets", passing())
            .request("POST", "/", &[], false)
            .request_body("one", false)
            .request_body("", true)
            .response(200, &[], false)
            .response_body("", true),
        Scenario::http(
            "http-passing-response-before-the-requests-end",
            "A response that comes before the request has ended",
            passing(),
        )
        .request("POST", "/", &[], false)
        .response(200, &[], false)
        .request_body("one", true)
        .response_body("two", true),
        Scenario::http(
            "http-passing-response-ends-before-the-request",
            "A response that ends before the request: Envoy resets the rest",
            passing(),
        )
        .request("POST", "/", &[], false)
        .response(403, &[], true),
        Scenario::http(
            "http-passing-client-resets",
            "The client resets before there is a response",
            passing(),
        )
        .request("POST", "/", &[], false)
        .request_body("one", false)
        .client_resets(),
        Scenario::http(
            "http-passing-client-resets-response",
            "The client resets during the response",
            passing(),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], false)
        .response_body("one", false)
        .client_resets(),
        Scenario::http("http-passing-server-resets", "The server resets before its response: 503", passing())
            .request("GET", "/", &[], true)
            .server_resets(),
        Scenario::http(
            "http-passing-server-resets-response",
            "The server resets during its response: so does Envoy",
            passing(),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], false)
        .response_body("one", false)
        .server_resets(),
        Scenario::http("http-passing-server-refuses", "A server that refuses: 503", passing())
            .server_refuses()
            .differs_on_oldest("the body of the 503 says more about the failure")
            .request("GET", "/", &[], true),
        Scenario::http("http-passing-two-streams", "Streams have contexts of their own", passing())
            .request("GET", "/1", &[], true)
            .request("GET", "/2", &[], true)
            .response(200, &[], true)
            .on_connection(1)
            .response(404, &[], true),
    ]
}
