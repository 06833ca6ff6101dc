//! Filters that read and change headers and trailers.

use serde_json::{Value, json};

use crate::Scenario;

/// A request with many headers, with which this is done.
fn on_request(name: &'static str, rule: &'static str, actions: Value) -> Scenario {
    let script = json!({"rules": [{"on": "request_headers", "do": actions}]});
    let headers = [("x-a", "1"), ("x-dup", "first"), ("x-b", "2"), ("x-dup", "second")];
    Scenario::http(name, rule, script).request("GET", "/path", &headers, true).response(204, &[], true)
}

/// A response with many headers, with which this is done.
fn on_response(name: &'static str, rule: &'static str, actions: Value) -> Scenario {
    let script = json!({"rules": [{"on": "response_headers", "do": actions}]});
    let headers = [("x-a", "1"), ("x-dup", "first"), ("x-b", "2"), ("x-dup", "second")];
    Scenario::http(name, rule, script).request("GET", "/", &[], true).response(200, &headers, true)
}

pub(super) fn all() -> Vec<Scenario> {
    vec![
        on_request(
            "http-headers-read",
            "One header by its name in any case, the first of several, or none",
            json!([
                {"header": ["request", "x-a"]}, {"header": ["request", "X-B"]},
                {"header": ["request", "x-dup"]}, {"header": ["request", ":path"]},
                {"header": ["request", "host"]}, {"header": ["request", "x-nothing"]},
            ]),
        ),
        on_request(
            "http-headers-read-all",
            "All headers, in order, with duplicates and with those that Envoy adds",
            json!([{"all_headers": "request"}]),
        ),
        on_request(
            "http-headers-set",
            "A value in place of all of this name stands behind the others",
            json!([{"set_header": ["request", "x-dup", "only"]}, {"set_header": ["request", "x-new", "n"]}, {"all_headers": "request"}]),
        ),
        on_request(
            "http-headers-append",
            "One more value of a name",
            json!([{"append_header": ["request", "x-dup", "third"]}, {"append_header": ["request", "x-new", "n"]}]),
        ),
        on_request(
            "http-headers-remove",
            "All values of a name go",
            json!([{"remove_header": ["request", "X-Dup"]}, {"remove_header": ["request", "x-nothing"]}, {"all_headers": "request"}]),
        ),
        on_request(
            "http-headers-pseudo",
            "Method, path and authority can be changed",
            json!([
                {"set_header": ["request", ":path", "/elsewhere"]},
                {"set_header": ["request", ":authority", "example.org"]},
                {"set_header": ["request", ":method", "HEAD"]},
            ]),
        ),
        on_request(
            "http-headers-replace-all",
            "All headers replaced",
            json!([
                {"replace_headers": ["request", [
                    [":method", "GET"], [":path", "/new"], [":scheme", "http"], [":authority", "example.org"],
                    ["x-forwarded-proto", "http"], ["x-only", "1"],
                ]]},
                {"all_headers": "request"},
            ]),
        ),
        on_request(
            "http-headers-of-the-response-too-early",
            "There is no response yet",
            json!([{"header": ["response", ":status"]}, {"all_headers": "response"}]),
        ),
        on_request(
            "http-headers-octets",
            "A value of octets that are no text",
            json!([{"set_header": ["request", "x-a", "\u{fc}ber"]}, {"header": ["request", "x-a"]}]),
        ),
        on_response(
            "http-headers-response-read",
            "A response's headers",
            json!([
                {"header": ["response", ":status"]}, {"header": ["response", "x-dup"]},
                {"header": ["request", ":path"]}, {"header": ["response", "date"]},
            ]),
        ),
        on_response(
            "http-headers-response-change",
            "A response's headers changed, its status too",
            json!([
                {"set_header": ["response", ":status", "202"]}, {"set_header": ["response", "x-a", "new"]},
                {"append_header": ["response", "x-b", "3"]}, {"remove_header": ["response", "x-dup"]},
            ]),
        ),
        Scenario::http(
            "http-headers-trailers",
            "Trailers read and changed",
            json!({"rules": [
                {"on": "request_trailers", "do": [
                    {"all_headers": "request_trailers"}, {"set_header": ["request_trailers", "x-sum", "7"]},
                ]},
                {"on": "response_trailers", "do": [
                    {"header": ["response_trailers", "x-sum"]}, {"append_header": ["response_trailers", "x-more", "8"]},
                ]},
            ]}),
        )
        .request("POST", "/", &[("te", "trailers")], false)
        .request_trailers(&[("x-sum", "1")])
        .response(200, &[], false)
        .response_trailers(&[("x-sum", "2")]),
        Scenario::http(
            "http-headers-pause-and-continue",
            "A request that is paused on its headers goes on in a timer, and only then is the rest presented",
            json!({"rules": [
                {"on": "request_headers", "do": ["pause", {"timer": 500}]},
                {"on": "timer", "do": ["continue_request"]},
            ]}),
        )
        .request("POST", "/", &[], false)
        .request_body("waiting", true)
        .pass(500)
        .response(204, &[], true),
        Scenario::http(
            "http-headers-response-pause-and-continue",
            "A response that is paused on its headers goes on in a timer",
            json!({"rules": [
                {"on": "response_headers", "do": ["pause", {"timer": 20}]},
                {"on": "timer", "do": ["continue_response"]},
            ]}),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], true)
        .pass(20),
        Scenario::http(
            "http-headers-paused-client-resets",
            "A paused request that the client resets",
            json!({"rules": [{"on": "request_headers", "do": ["pause"]}]}),
        )
        .request("GET", "/", &[], true)
        .client_resets(),
        Scenario::http(
            "http-properties",
            "What a request knows about itself",
            json!({"rules": [
                {"on": "request_headers", "do": [
                    {"property": "request.path"}, {"property": "request.method"}, {"property": "request.host"},
                    {"property": "request.scheme"}, {"property": "request.headers.x-a"},
                    {"property": "request.protocol"}, {"property_size": "request.id"},
                    {"property": "response.code"}, {"property_size": "source.address"},
                ]},
                {"on": "response_headers", "do": [{"property": "response.code"}, {"property": "response.headers.x-r"}]},
                {"on": "complete", "do": [{"property": "response.code"}, {"property": "request.size"}, {"property": "response.size"}]},
            ]}),
        )
        .request("GET", "/path?q", &[("x-a", "1")], true)
        .response(200, &[("x-r", "2")], true),
        Scenario::http(
            "http-filter-state-in-the-access-log",
            "Filter state of a request reaches its line in the access log",
            json!({"rules": [
                {"on": "request_headers", "do": [{"set_filter_state": ["k", "early"]}, {"filter_state": "k"}]},
                {"on": "complete", "do": [{"set_filter_state": ["k", "late"]}]},
            ]}),
        )
        .logs_filter_state("k")
        .request("GET", "/", &[], true)
        .response(200, &[], true),
        Scenario::http(
            "http-reset-on-request",
            "A filter that resets the stream",
            json!({"rules": [{"on": "request_headers", "do": ["reset_stream", "pause"]}]}),
        )
        .request("GET", "/", &[], true),
        Scenario::http(
            "http-clear-route-cache",
            "The route is chosen anew",
            json!({"rules": [{"on": "request_headers", "do": ["clear_route_cache"]}]}),
        )
        .request("GET", "/", &[], true)
        .response(200, &[], true),
    ]
}
