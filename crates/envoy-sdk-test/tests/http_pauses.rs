//! What waits when an HTTP filter pauses, and how it goes on: as on Envoy 1.36.2 and 1.40.0.

mod http_support;

use std::time::Duration;

use envoy_sdk::{FilterDataStatus, FilterHeadersStatus};
use envoy_sdk_test::{FakeEnvoy, HttpExchange, HttpOptions};
use http_support::{GET, OK, POST, after, callbacks};

fn wait(envoy: &mut FakeEnvoy) {
    envoy.advance(Duration::from_millis(20));
}

/// The callbacks of messages only.
fn messages(calls: &[String]) -> Vec<&str> {
    calls
        .iter()
        .map(String::as_str)
        .filter(|call| call.starts_with("request") || call.starts_with("response"))
        .collect()
}

#[test]
fn behind_paused_headers_everything_waits_and_is_presented_at_once() {
    let scripts = [("request_headers", "pause timer:10"), ("timer", "request-set:late=1 continue-request")];
    let calls = after(&scripts, |envoy, exchange| {
        assert_eq!(exchange.client_sends_headers(POST, false), Some(FilterHeadersStatus::StopIteration));
        assert_eq!(exchange.client_sends_body("one", false), None);
        assert_eq!(exchange.client_sends_body("two", false), None);
        exchange.client_sends_trailers([("a", "1")]);
        assert!(exchange.holds_back_request() && exchange.received_by_server().is_empty());
        wait(envoy);
        let server = exchange.received_by_server();
        assert_eq!(
            (server.header("late").as_deref(), &*server.body, server.ended),
            (Some("1"), &b"onetwo"[..], true)
        );
    });
    assert_eq!(messages(&calls), ["request_headers(6,0)", "request_body(6,0)", "request_trailers(1)"]);
}

#[test]
fn paused_response_headers() {
    let scripts =
        [("response_headers", "pause timer:10"), ("timer", "response-set::status=201 continue-response")];
    let calls = after(&scripts, |envoy, exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_sends_headers(OK, false);
        exchange.server_sends_body("one", false);
        exchange.server_sends_body("two", true);
        assert!(exchange.received_by_client().is_empty());
        wait(envoy);
        assert!(exchange.received_by_client().ended);
    });
    assert_eq!(messages(&calls), ["request_headers(6,1)", "response_headers(2,0)", "response_body(6,1)"]);
}

#[test]
fn where_the_plugin_allows_it_only_the_headers_wait() {
    let mut envoy = http_support::envoy(&[("request_headers", "pause"), ("request_body", "pause")]);
    let options = HttpOptions::new().allow_on_headers_stop_iteration();
    let mut exchange = envoy.http_stream_with(options);
    envoy.take_trace();
    exchange.client_sends_headers(POST, false);
    assert_eq!(exchange.client_sends_body("one", false), Some(FilterDataStatus::StopIterationAndBuffer));
    assert!(exchange.received_by_server().is_empty());
    exchange.client_sends_body("two", false);
    assert_eq!(exchange.received_by_server().body, b"onetwo", "the headers go with the body that goes on");
    exchange.client_sends_body("three", true);
    let calls = callbacks(&mut envoy);
    let bodies = ["request_body(3,0)", "request_body(6,0)", "request_body(5,1)"];
    assert_eq!(messages(&calls)[1..], bodies);
}

#[test]
fn a_paused_body_is_presented_again_with_what_follows() {
    let scripts =
        [("request_body", "pause prepend:>"), ("request_body", "pause read"), ("request_body", "read")];
    let mut envoy = http_support::envoy(&scripts);
    let mut exchange = envoy.http_stream();
    exchange.client_sends_headers(POST, false);
    exchange.client_sends_body("one", false);
    exchange.client_sends_body("two", false);
    assert!(exchange.received_by_server().body.is_empty());
    exchange.client_sends_body("three", true);
    assert_eq!(exchange.received_by_server().body, b">onetwothree");
    assert_eq!(envoy.messages(envoy_sdk_test::LogLevel::Info)[..], [">onetwo", ">onetwothree"]);
    let calls = callbacks(&mut envoy);
    let bodies = ["request_headers(6,0)", "request_body(3,0)", "request_body(7,0)", "request_body(12,1)"];
    assert_eq!(messages(&calls), bodies);
}

#[test]
fn a_paused_body_goes_on_by_itself_and_what_follows_is_presented_alone() {
    for (callback, continues) in
        [("request_body", "continue-request"), ("response_body", "continue-response")]
    {
        let scripts = [(callback, "pause timer:10"), ("timer", continues)];
        let calls = after(&scripts, |envoy, exchange| {
            exchange.client_sends_headers(POST, false);
            exchange.client_sends_body("one", false);
            if callback == "response_body" {
                exchange.server_sends_headers(OK, false);
                exchange.server_sends_body("one", false);
                wait(envoy);
                exchange.server_sends_body("two", true);
                assert_eq!(exchange.received_by_client().body, b"onetwo");
            } else {
                wait(envoy);
                exchange.client_sends_body("two", true);
                assert_eq!(exchange.received_by_server().body, b"onetwo");
            }
        });
        let bodies =
            messages(&calls).into_iter().filter(|call| call.starts_with(callback)).collect::<Vec<_>>();
        assert_eq!(bodies, [format!("{callback}(3,0)"), format!("{callback}(3,1)")]);
    }
}

#[test]
fn an_end_that_is_held_back() {
    let scripts = [("request_body", "pause timer:10"), ("timer", "continue-request")];
    after(&scripts, |envoy, exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.client_sends_body("", true);
        assert!(!exchange.received_by_server().ended);
        wait(envoy);
        assert!(exchange.received_by_server().ended);
    });
    let scripts = [("request_trailers", "pause timer:10"), ("timer", "continue-request")];
    after(&scripts, |envoy, exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.client_sends_body("one", false);
        exchange.client_sends_trailers([("a", "1")]);
        assert!(!exchange.received_by_server().ended && !exchange.received_by_server().body.is_empty());
        wait(envoy);
        assert_eq!(exchange.received_by_server().trailers.len(), 1);
    });
}

#[test]
fn what_a_paused_body_holds_is_reached_with_the_trailers() {
    let scripts = [("request_body", "pause")];
    after(&scripts, |_, exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.client_sends_body("one", false);
        exchange.client_sends_trailers([("a", "1")]);
        let server = exchange.received_by_server();
        assert_eq!((server.body.as_slice(), server.ended), (&b"one"[..], true));
    });
}

/// The limit is 100 octets here.
fn too_much(scripts: &[(&str, &str)], story: impl FnOnce(&mut HttpExchange)) -> Vec<String> {
    let calls = after(scripts, |_, exchange| story(exchange));
    messages(&calls).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_request_that_does_not_fit_is_answered_with_413() {
    let paused = [("request_body", "pause"), ("request_body", "pause")];
    let calls = too_much(&paused, |exchange| {
        exchange.client_sends_headers(POST, false);
        exchange.client_sends_body("x".repeat(100), false);
        exchange.client_sends_body("y", false);
        assert_eq!(exchange.received_by_client().status(), Some(413));
        assert_eq!(exchange.response_code_details().as_deref(), Some("request_payload_too_large"));
    });
    let presented =
        ["request_body(100,0)", "request_body(101,0)", "response_headers(3,0)", "response_body(17,1)"];
    assert_eq!(calls[1..], presented);
}

#[test]
fn a_response_that_does_not_fit_is_reset() {
    let calls = too_much(&[("response_body", "pause"), ("response_body", "pause")], |exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_sends_headers(OK, false);
        exchange.server_sends_body("x".repeat(60), false);
        assert_eq!(exchange.server_sends_body("y".repeat(60), false), None);
        assert!(exchange.received_by_client().reset && exchange.received_by_server().reset);
    });
    assert_eq!(calls[1..], ["response_headers(2,0)", "response_body(60,0)"]);
}

#[test]
fn behind_paused_headers_envoy_stops_reading_instead() {
    let scripts = [("request_headers", "pause timer:10"), ("timer", "continue-request")];
    let calls = after(&scripts, |envoy, exchange| {
        exchange.client_sends_headers(POST, false);
        for _ in 0..3 {
            exchange.client_sends_body("x".repeat(60), false);
        }
        exchange.client_sends_trailers([("a", "1")]);
        wait(envoy);
        assert_eq!(exchange.received_by_server().body.len(), 180);
        assert!(exchange.received_by_server().ended);
    });
    let bodies = ["request_body(120,0)", "request_body(60,0)", "request_trailers(1)"];
    assert_eq!(messages(&calls)[1..], bodies);
}
