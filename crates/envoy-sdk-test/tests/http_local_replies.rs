//! Replies that Envoy gives by itself, for the filter or in spite of it: as on Envoy 1.36.2 and 1.40.0.

mod http_support;

use std::time::Duration;

use envoy_sdk_test::{HttpRequest, HttpResponse};
use http_support::{GET, OK, POST, after, envoy};

const REPLY: &str = "pause reply:403=denied";

#[test]
fn a_reply_to_the_request_passes_the_filter() {
    for (callback, steps) in [("request_headers", 0), ("request_body", 1), ("request_trailers", 2)] {
        let calls = after(&[(callback, REPLY)], |_, exchange| {
            exchange.client_sends_headers(POST, false);
            if steps > 0 {
                exchange.client_sends_body("one", false);
            }
            if steps > 1 {
                exchange.client_sends_trailers([("a", "1")]);
            }
            let client = exchange.received_by_client();
            assert_eq!((client.status(), client.body.as_slice()), (Some(403), &b"denied"[..]));
            let names = client.headers.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
            assert_eq!(names, [":status", "x-by", "content-length", "content-type", "date", "server"]);
            assert_eq!(exchange.response_code_details().as_deref(), Some("scripted_reply"));
            assert_eq!(exchange.local_reply().map(|reply| reply.status), Some(403));
            let server = exchange.received_by_server();
            assert_eq!((server.reset, server.body.len()), (steps > 0, if steps > 1 { 3 } else { 0 }));
            assert!(!exchange.is_open() && client.ended);
        });
        assert_eq!(
            calls[steps + 2..],
            ["response_headers(4,0)", "response_body(6,1)", "log", "done", "delete"]
        );
    }
}

#[test]
fn a_reply_instead_of_a_response_passes_by_the_filter() {
    let calls = after(&[("response_headers", REPLY)], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_sends_headers(OK, false);
        assert_eq!(exchange.received_by_client().status(), Some(403));
        assert_eq!(exchange.received_by_client().body, b"denied");
        assert!(exchange.received_by_server().reset);
    });
    assert_eq!(calls[2..], ["response_headers(2,0)", "log", "done", "delete"]);
}

#[test]
fn where_the_client_has_headers_a_reply_is_a_reset() {
    for callback in ["response_body", "response_trailers"] {
        after(&[(callback, REPLY)], |_, exchange| {
            exchange.client_sends_headers(GET, true);
            exchange.server_sends_headers(OK, false);
            exchange.server_sends_body("one", false);
            if exchange.is_open() {
                exchange.server_sends_trailers([("a", "1")]);
            }
            let client = exchange.received_by_client();
            assert_eq!((client.status(), client.reset, client.ended), (Some(200), true, false));
        });
    }
}

#[test]
fn a_reply_from_a_timer() {
    let calls =
        after(&[("request_headers", "pause timer:10"), ("timer", "reply:401=late")], |envoy, exchange| {
            exchange.client_sends_headers(POST, false);
            exchange.client_sends_body("held", false);
            envoy.advance(Duration::from_millis(20));
            assert_eq!(exchange.received_by_client().body, b"late");
        });
    assert_eq!(
        calls[calls.len() - 5..],
        ["response_headers(4,0)", "response_body(4,1)", "log", "done", "delete"]
    );
}

#[test]
fn a_reply_is_seen_and_changed_by_its_own_filter() {
    let scripts = [
        ("request_headers", "reply:403=denied pause"),
        ("response_headers", "response-set::status=404 response-remove:content-length"),
        ("response_body", "replace:nothing-here"),
    ];
    after(&scripts, |_, exchange| {
        exchange.client_sends_headers(GET, true);
        let client = exchange.received_by_client();
        assert_eq!((client.status(), client.body.as_slice()), (Some(404), &b"nothing-here"[..]));
    });
}

#[test]
fn of_two_replies_to_a_request_the_first_counts() {
    after(&[("request_headers", "raw-reply:403=one raw-reply:404=two pause")], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        assert_eq!(exchange.received_by_client().body, b"one");
    });
}

#[test]
fn a_reply_without_body_and_one_to_head() {
    let mut envoy = envoy(&[("request_headers", "reply:403 pause")]);
    let client = envoy.http_request(HttpRequest::get("/")).received_by_client();
    assert_eq!((client.header("content-length"), client.ended), (None, true));
    let mut envoy = {
        drop(envoy);
        http_support::envoy(&[("request_headers", REPLY)])
    };
    let client = envoy.http_request(HttpRequest::new("HEAD", "/")).received_by_client();
    assert_eq!((client.header("content-length").as_deref(), client.body.len()), (Some("6"), 0));
}

#[test]
fn to_grpc_a_reply_is_trailers() {
    let mut envoy = envoy(&[("request_headers", REPLY)]);
    let request = HttpRequest::post("/service/Method", "").header("content-type", "application/grpc");
    let client = envoy.http_request(request).received_by_client();
    let headers = client.headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let expected = [
        ":status=200",
        "x-by=filter",
        "content-type=application/grpc",
        "grpc-status=7",
        "grpc-message=denied",
    ];
    assert_eq!(headers[..5], expected);
    assert!(client.ended && client.body.is_empty());
}

#[test]
fn envoy_replies_by_itself() {
    let calls = after(&[], |_, exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.envoy_replies(504);
        assert_eq!(exchange.received_by_client().status(), Some(504));
        assert!(exchange.received_by_server().reset);
    });
    assert_eq!(calls[2..], ["response_headers(1,1)", "log", "done", "delete"]);
}

#[test]
fn what_a_filter_must_not_make_of_messages() {
    let cases = [
        ("request-remove::path", 404, ""),
        ("request-remove:x-forwarded-proto", 404, ""),
        ("request-remove::method", 503, "missing required header: :method"),
        ("raw-append:x(y=1", 503, "invalid header name: x(y"),
    ];
    for (script, status, body) in cases {
        after(&[("request_headers", script)], |_, exchange| {
            exchange.client_sends_headers(GET, true);
            let client = exchange.received_by_client();
            assert_eq!(
                (client.status(), client.body.as_slice()),
                (Some(status), body.as_bytes()),
                "{script}"
            );
            assert!(exchange.received_by_server().is_empty());
        });
    }
    after(&[("response_headers", "response-remove::status")], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_replies(HttpResponse::new(200).body("x"));
        assert_eq!(exchange.received_by_client().status(), Some(502));
    });
}
