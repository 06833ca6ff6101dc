//! Filters that read, change and hold back bodies.

use serde_json::json;

use crate::Scenario;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::http(
            "http-bodies-read",
            "Each piece can be read; what lies outside is left out",
            json!({"rules": [{"on": "request_body", "do": [{"read": [0, 3]}, {"read": [2, 99]}]}]}),
        )
        .request("POST", "/", &[], false)
        .request_body("01234", false)
        .request_body("56789", true)
        .response(204, &[], true),
        Scenario::http(
            "http-bodies-change",
            "Pieces changed in both directions",
            json!({"rules": [
                {"on": "request_body", "nth": 1, "do": [{"prepend": "<"}, {"append": ">"}]},
                {"on": "request_body", "nth": 2, "do": [{"replace": "replaced"}]},
                {"on": "response_body", "nth": 1, "do": [{"drain": 2}]},
                {"on": "response_body", "nth": 2, "do": [{"drain": 99}]},
            ]}),
        )
        .request("POST", "/", &[], false)
        .request_body("one", false)
        .request_body("two", true)
        .response(200, &[], false)
        .response_body("three", false)
        .response_body("four", true),
        Scenario::http(
            "http-bodies-buffered",
            "Pieces that are held back are presented together with the next ones",
            json!({"rules": [{"on": "request_body", "end": false, "do": ["pause"]}]}),
        )
        .request("POST", "/", &[], false)
        .request_body("one ", false)
        .request_body("two ", false)
        .request_body("three", true)
        .response(204, &[], true),
        Scenario::http(
            "http-bodies-response-buffered",
            "A response's pieces that are held back, and changed as a whole",
            json!({"rules": [
                {"on": "response_body", "end": false, "do": ["pause"]},
                {"on": "response_body", "end": true, "do": [{"read": [0, 99]}, {"replace": "all of it"}]},
            ]}),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], false)
        .response_body("one ", false)
        .response_body("two", true),
        Scenario::http(
            "http-bodies-continued-in-timer",
            "What is held back goes on in a timer without being presented again",
            json!({"rules": [
                {"on": "request_body", "do": ["pause", {"timer": 20}]},
                {"on": "timer", "do": ["continue_request"]},
            ]}),
        )
        .request("POST", "/", &[], false)
        .request_body("held", true)
        .pass(20)
        .response(204, &[], true),
        Scenario::http(
            "http-bodies-buffered-with-trailers",
            "Trailers let go what is held back",
            json!({"rules": [{"on": "request_body", "do": ["pause"]}]}),
        )
        .request("POST", "/", &[("te", "trailers")], false)
        .request_body("held", false)
        .request_trailers(&[("x-sum", "1")])
        .response(204, &[], true),
        Scenario::http(
            "http-bodies-headers-and-body-paused",
            "Headers that are paused until the body has come",
            json!({"rules": [
                {"on": "request_headers", "do": ["pause"]},
                {"on": "request_headers", "do": [{"timer": 500}]},
                {"on": "timer", "do": ["continue_request"]},
                {"on": "request_body", "do": [{"read": [0, 99]}]},
            ]}),
        )
        .request("POST", "/", &[("te", "trailers")], false)
        .request_body("one ", false)
        .request_body("two", false)
        .request_trailers(&[("x-sum", "1")])
        .pass(500)
        .response(204, &[], true),
    ]
}
