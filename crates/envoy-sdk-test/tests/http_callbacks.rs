//! The order of callbacks on HTTP streams, as Envoy 1.36.2 and 1.40.0 have it.

mod http_support;

use envoy_sdk::{FilterDataStatus, FilterHeadersStatus};
use envoy_sdk_test::HttpResponse;
use http_support::{GET, OK, POST, after};

const END: [&str; 3] = ["log", "done", "delete"];

fn ended(beginning: &[&str]) -> Vec<String> {
    [&["context_create(1)"], beginning, &END].concat().into_iter().map(str::to_owned).collect()
}

#[test]
fn everything_in_pieces() {
    let calls = after(&[], |_, exchange| {
        assert_eq!(exchange.client_sends_headers(POST, false), Some(FilterHeadersStatus::Continue));
        assert_eq!(exchange.client_sends_body("one", false), Some(FilterDataStatus::Continue));
        exchange.client_sends_body("more", false);
        exchange.client_sends_trailers([("a", "1"), ("b", "2")]);
        assert!(exchange.received_by_server().ended);
        exchange.server_sends_headers(OK, false);
        exchange.server_sends_body("answer", false);
        assert_eq!(exchange.received_by_client().body, b"answer");
        exchange.server_sends_trailers([("u", "1")]);
        assert!(!exchange.is_open() && !exchange.received_by_client().reset);
    });
    let request = ["request_headers(6,0)", "request_body(3,0)", "request_body(4,0)", "request_trailers(2)"];
    let response = ["response_headers(2,0)", "response_body(6,0)", "response_trailers(1)"];
    assert_eq!(calls, ended(&[&request[..], &response].concat()));
}

#[test]
fn headers_that_are_all_there_is() {
    let calls = after(&[], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_sends_headers(OK, true);
    });
    assert_eq!(calls, ended(&["request_headers(6,1)", "response_headers(2,1)"]));
}

#[test]
fn an_empty_end() {
    let calls = after(&[], |_, exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.client_sends_body("", true);
        exchange.server_sends_headers(OK, false);
        exchange.server_sends_body("", true);
    });
    let expected =
        ["request_headers(6,0)", "request_body(0,1)", "response_headers(2,0)", "response_body(0,1)"];
    assert_eq!(calls, ended(&expected));
}

#[test]
fn a_response_that_does_not_wait_for_the_request() {
    let calls = after(&[], |_, exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.client_sends_body("one", false);
        exchange.server_replies(HttpResponse::new(200).body("early"));
        assert!(!exchange.is_open());
        let server = exchange.received_by_server();
        assert!(server.reset && !server.ended);
        assert!(exchange.received_by_client().ended);
    });
    // No `x-envoy-upstream-service-time`: Envoy has nothing to measure from.
    let expected =
        ["request_headers(6,0)", "request_body(3,0)", "response_headers(1,0)", "response_body(5,1)"];
    assert_eq!(calls, ended(&expected));
}

#[test]
fn the_client_resets() {
    let calls = after(&[], |_, exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.client_sends_body("one", false);
        exchange.client_resets();
        assert!(exchange.received_by_server().reset);
    });
    assert_eq!(calls, ended(&["request_headers(6,0)", "request_body(3,0)"]));

    let calls = after(&[("request_headers", "pause")], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.client_resets();
        assert!(exchange.received_by_server().is_empty());
    });
    assert_eq!(calls, ended(&["request_headers(6,1)"]));
}

#[test]
fn the_server_resets_before_its_response() {
    let calls = after(&[], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_resets();
        let client = exchange.received_by_client();
        assert_eq!((client.status(), client.ended), (Some(503), true));
        assert!(client.body.ends_with(b"reset reason: remote reset"));
    });
    assert_eq!(calls, ended(&["request_headers(6,1)", "response_headers(3,0)", "response_body(85,1)"]));
}

#[test]
fn the_server_disconnects_in_its_response() {
    let calls = after(&[], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_sends_headers(OK, false);
        exchange.server_disconnects();
        let client = exchange.received_by_client();
        assert!(client.reset && !client.ended);
    });
    assert_eq!(calls, ended(&["request_headers(6,1)", "response_headers(2,0)"]));
}

#[test]
fn the_server_resets_a_response_that_the_filter_holds() {
    let calls = after(&[("response_headers", "pause")], |_, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_sends_headers(OK, false);
        exchange.server_resets();
        assert_eq!(exchange.received_by_client().status(), Some(503));
    });
    assert_eq!(
        calls,
        ended(&["request_headers(6,1)", "response_headers(2,0)"]),
        "the 503 passes by the filter"
    );
}

#[test]
fn the_server_refuses() {
    let mut envoy = http_support::envoy(&[]);
    envoy.take_trace();
    let mut exchange = envoy.http_stream_with(envoy_sdk_test::HttpOptions::new().server_refuses());
    exchange.client_sends_headers(GET, true);
    assert_eq!(exchange.received_by_client().status(), Some(503));
    assert!(exchange.received_by_server().is_empty());
    let expected = ended(&["request_headers(6,1)", "response_headers(3,0)", "response_body(98,1)"]);
    assert_eq!(http_support::callbacks(&mut envoy), expected);
}

#[test]
fn the_filter_resets_in_each_callback() {
    let request = ["request_headers(6,0)", "request_body(3,0)", "request_trailers(1)"];
    let response = ["response_headers(2,0)", "response_body(3,0)", "response_trailers(1)"];
    let all = [request, response].concat();
    for (index, callback) in all.iter().enumerate() {
        let name = callback.split('(').next().unwrap();
        let calls = after(&[(name, "reset")], |_, exchange| {
            exchange.client_sends_headers(POST, false);
            for step in 1..=index {
                match step {
                    1 => assert!(exchange.client_sends_body("one", false).is_some()),
                    2 => assert!(exchange.client_sends_trailers([("a", "1")]).is_some()),
                    3 => assert!(exchange.server_sends_headers(OK, false).is_some()),
                    4 => assert!(exchange.server_sends_body("two", false).is_some()),
                    _ => assert!(exchange.server_sends_trailers([("a", "1")]).is_some()),
                }
            }
            assert!(!exchange.is_open() && exchange.received_by_client().reset);
            // The server is told unless both messages are complete, or none has reached it.
            assert_eq!(exchange.received_by_server().reset, (1..=4).contains(&index), "{name}");
        });
        assert_eq!(calls, ended(&all[..=index]));
    }
}

#[test]
fn a_filter_in_front_replies() {
    let calls = after(&[], |_, exchange| {
        exchange.envoy_replies(HttpResponse::new(418).body("teapot"));
        assert_eq!(exchange.received_by_client().body, b"teapot");
    });
    assert_eq!(calls, ended(&[]));
}

#[test]
fn an_envoy_that_stops_resets_what_is_left() {
    let calls = {
        let mut envoy = http_support::envoy(&[]);
        let mut exchange = envoy.http_stream();
        exchange.client_sends_headers(GET, true);
        envoy.take_trace();
        // Reconfigured, the first plugin lives as long as its stream.
        envoy.reconfigure(r#"{"complete": []}"#).expect("configured");
        exchange.client_resets();
        http_support::callbacks(&mut envoy)
    };
    assert_eq!(calls[3..], ["log", "done", "delete", "done", "delete"]);
}
