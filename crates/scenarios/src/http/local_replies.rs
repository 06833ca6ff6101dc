//! Filters that answer the client themselves.

use serde_json::{Value, json};

use crate::Scenario;

fn reply() -> Value {
    json!({"local_reply": {"status": 403, "body": "go away", "headers": [["x-why", "told"]], "details": "told_so"}})
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::http(
            "http-replies-to-request-headers",
            "A reply to the headers passes the response callbacks",
            json!({"rules": [
                {"on": "request_headers", "do": [reply(), "pause"]},
                {"on": "response_headers", "do": [{"header": ["response", ":status"]}, {"set_header": ["response", "x-own", "1"]}]},
                {"on": "complete", "do": [{"property": "response.code"}, {"property": "response.code_details"}]},
            ]}),
        )
        .request("GET", "/", &[], true),
        Scenario::http(
            "http-replies-to-request-body",
            "A reply to the body",
            json!({"rules": [{"on": "request_body", "contains": "bad", "do": [reply(), "pause"]}]}),
        )
        .request("POST", "/", &[], false)
        .request_body("bad", true),
        Scenario::http(
            "http-replies-without-body",
            "A reply of a status only",
            json!({"rules": [{"on": "request_headers", "do": [{"local_reply": {"status": 429}}, "pause"]}]}),
        )
        .request("GET", "/", &[], true),
        Scenario::http(
            "http-replies-in-timer",
            "A reply in a timer",
            json!({"rules": [
                {"on": "request_headers", "do": ["pause", {"timer": 20}]},
                {"on": "timer", "do": [reply()]},
            ]}),
        )
        .request("GET", "/", &[], true)
        .pass(20),
        Scenario::http(
            "http-replies-instead-of-response",
            "A reply in place of the server's response",
            json!({"rules": [{"on": "response_headers", "nth": 1, "do": [reply(), "pause"]}]}),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], true),
        Scenario::http(
            "http-replies-to-grpc",
            "A gRPC client gets the status in headers of a response 200",
            json!({"rules": [{"on": "request_headers", "do": [
                {"local_reply": {"status": 403, "body": "go away", "grpc_status": 7}}, "pause",
            ]}]}),
        )
        .request("POST", "/scenario.Oracle/Ask", &[("content-type", "application/grpc"), ("te", "trailers")], true),
    ]
}
