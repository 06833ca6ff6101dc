//! What an HTTP test does wrong is refused with an explanation, and spoils nothing for the next one on its thread.

mod http_support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use envoy_sdk_test::{HttpExchange, HttpResponse};
use http_support::{GET, OK, POST, envoy};

type Story = fn(&mut HttpExchange);

/// The message of the panic that `story` ends in.
fn refusal(script: &[(&str, &str)], story: Story) -> String {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut envoy = envoy(script);
        let mut exchange = envoy.http_stream();
        story(&mut exchange);
    }));
    let payload = outcome.expect_err("the story should have been refused");
    let formatted = payload.downcast_ref::<String>().cloned();
    formatted.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn a_peer_cannot_do_what_it_cannot_do() {
    let stories: [(Story, &str); 13] = [
        (
            |exchange| assert!(exchange.client_sends_body("x", true).is_none()),
            "the client has not sent its headers",
        ),
        (|exchange| assert_eq!(exchange.context(), 0), "there is no context yet"),
        (
            |exchange| {
                exchange.client_sends_headers(GET, true);
                exchange.client_sends_headers(GET, true);
            },
            "the client has sent its headers already",
        ),
        (
            |exchange| {
                exchange.client_sends_headers(GET, true);
                exchange.client_sends_body("x", true);
            },
            "the client has ended its message already",
        ),
        (
            |exchange| {
                exchange.client_sends_headers(POST, false);
                exchange.client_sends_body("", false);
            },
            "a piece of 0 octets that is not the last",
        ),
        (
            |exchange| assert!(exchange.client_sends_headers([(":method", "GET")], true).is_none()),
            "a request without :path",
        ),
        (
            |exchange| {
                assert!(exchange.client_sends_headers([("accept", "*"), (":method", "GET")], true).is_none());
            },
            ":method stands behind accept: pseudo headers come first",
        ),
        (
            |exchange| assert!(exchange.client_sends_headers([(":status", "200")], true).is_none()),
            "no peer can send the pseudo header :status here",
        ),
        (
            |exchange| {
                exchange.client_sends_headers(GET, true);
                exchange.server_sends_body("x", true);
            },
            "the server has not sent its headers",
        ),
        (
            |exchange| {
                exchange.client_sends_headers(GET, true);
                exchange.server_sends_headers([(":status", "103")], false);
            },
            "does not show responses from 100 to 199",
        ),
        (
            |exchange| {
                exchange.client_sends_headers(GET, true);
                exchange.server_replies(HttpResponse::new(200));
                exchange.server_sends_body("x", true);
            },
            "the server cannot send a body: the stream is over",
        ),
        (
            |exchange| {
                exchange.client_sends_headers(POST, false);
                exchange.server_sends_headers(OK, false);
                exchange.server_sends_trailers([("a", "1"); 0]);
            },
            "a peer without trailers ends the body instead",
        ),
        (
            |exchange| {
                exchange.client_resets();
            },
            "the client cannot reset: the client has not sent its headers",
        ),
    ];
    for (story, expected) in stories {
        let message = refusal(&[], story);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_server_cannot_answer_what_it_has_not_received() {
    let message = refusal(&[("request_headers", "pause")], |exchange| {
        exchange.client_sends_headers(GET, true);
        exchange.server_replies(HttpResponse::new(200));
    });
    assert!(message.contains("the filter has not let the request's headers pass"), "{message}");
}

/// What would bring a real Envoy down, or a VM.
#[test]
fn a_filter_cannot_do_what_envoy_does_not_survive() {
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("request_headers", "raw-continue-response")], "has no response yet: Envoy crashes"),
        (&[("request_headers", "raw-continue-request")], "answered Continue as well"),
        (&[("response_headers", "raw-continue-response")], "answered Continue as well"),
        (&[("request_headers", "raw-reset raw-reset")], "in the same callback"),
        (&[("request_headers", "raw-reset raw-reply:500")], "in the same callback"),
        (&[("complete", "raw-reply:500")], "in proxy_on_log or proxy_on_done"),
    ];
    for (script, expected) in cases {
        let message = refusal(script, |exchange| {
            exchange.client_sends_headers(GET, true);
            exchange.server_replies(HttpResponse::new(200));
        });
        assert!(message.contains(expected), "{script:?}: {message}");
    }
}
