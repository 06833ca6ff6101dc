//! HTTP filters: a 500 before the response has begun, a reset after that.

use envoy_sdk_test::{FakeEnvoy, HttpExchange, HttpRequest, HttpResponse};

use crate::failure::WAYS;
use crate::{answer, counted, start, total};

const ANSWERS: [&str; 4] = ["on_timer", "on_http_call_done", "on_grpc_call_done", "on_grpc_stream"];

fn request() -> HttpRequest {
    HttpRequest::post("/", "question").trailer("last", "1")
}

/// A request and its response, as far as they get; what the filter waits for happens under way.
fn exchange(envoy: &mut FakeEnvoy) -> HttpExchange {
    let mut exchange = envoy.http_request(request());
    answer(envoy);
    if exchange.is_open() && exchange.received_by_server().ended {
        exchange.server_replies(HttpResponse::new(200).body("answer").trailer("last", "2"));
        answer(envoy);
    }
    exchange
}

fn each_way(callback: &str, extra: &str, check: impl Fn(&mut FakeEnvoy, &HttpExchange)) {
    for (how, counter) in WAYS {
        let mut envoy = start("http", callback, how, extra);
        let failed = exchange(&mut envoy);
        assert_eq!(counted(&envoy, counter, callback), (1, 1), "{how} in {callback}: {:#?}", envoy.log());
        check(&mut envoy, &failed);
        envoy.reconfigure("{}").expect("configured");
        let next = exchange(&mut envoy);
        assert_eq!(next.received_by_client().body, b"answer", "the next stream has a filter of its own");
    }
}

#[test]
fn on_the_way_of_the_request_the_client_gets_a_500() {
    let callbacks = ["new_filter", "on_request_headers", "on_request_body", "on_request_trailers"];
    for callback in callbacks.into_iter().chain(ANSWERS) {
        each_way(callback, "", |envoy, exchange| {
            let received = exchange.received_by_client();
            assert_eq!(
                (received.status(), received.ended, received.reset),
                (Some(500), true, false),
                "{callback}"
            );
            assert_eq!(exchange.response_code_details().as_deref(), Some("envoy_sdk_filter_failed"));
            assert!(!exchange.received_by_server().ended, "{callback}");
            assert_eq!((total(envoy, "requests_failed"), total(envoy, "streams_reset_on_error")), (1, 0));
        });
    }
}

#[test]
fn on_the_way_of_the_response_the_stream_is_reset() {
    let of_response = ["on_response_headers", "on_response_body", "on_response_trailers"];
    let callbacks = of_response.map(|callback| (callback, "")).into_iter();
    for (callback, extra) in callbacks.chain(ANSWERS.map(|callback| (callback, r#", "with_response": true"#)))
    {
        each_way(callback, extra, |envoy, exchange| {
            assert!(exchange.received_by_client().reset, "{callback}");
            assert!(!exchange.is_open(), "{callback}");
            assert_eq!(exchange.received_by_server().body, b"question", "{callback}");
            assert_eq!((total(envoy, "requests_failed"), total(envoy, "streams_reset_on_error")), (0, 1));
        });
    }
}

#[test]
fn at_the_end_nothing_is_left_to_be_lost() {
    each_way("on_stream_complete", "", |envoy, exchange| {
        assert_eq!(exchange.received_by_client().body, b"answer");
        assert_eq!((total(envoy, "requests_failed"), total(envoy, "streams_reset_on_error")), (0, 0));
    });
}

#[test]
fn destructors_are_callbacks_too() {
    for how in ["panic", "formatted_panic", "bad_panic"] {
        let mut envoy = start("http", "drop", how, "");
        assert_eq!(exchange(&mut envoy).received_by_client().body, b"answer");
        assert_eq!(counted(&envoy, "envoy_sdk_panics_total", "drop"), (1, 1));
    }
}

#[test]
fn other_streams_do_not_notice() {
    let mut envoy = start("http", "on_http_call_done", "panic", "");
    let mut waiting = (0..20).map(|_| envoy.http_request(request())).collect::<Vec<_>>();
    let calls = envoy.http_calls();
    envoy.answer_http_call(&calls[7], envoy_sdk_test::FakeHttpAnswer::new(200));
    for (number, exchange) in waiting.iter_mut().enumerate() {
        assert_eq!(exchange.is_open(), number != 7, "{number}");
    }
    assert_eq!(counted(&envoy, "envoy_sdk_panics_total", "on_http_call_done"), (1, 1));
}

#[test]
fn without_a_way_to_answer_the_stream_is_reset() {
    let mut envoy = start("http", "on_request_headers", "error", "");
    envoy.fail_always(envoy_sdk_test::HostCall::SendLocalResponse, envoy_sdk::Status::INTERNAL_FAILURE);
    let exchange = exchange(&mut envoy);
    assert!(exchange.received_by_client().reset);
    assert!(exchange.received_by_server().is_empty());
}

/// Envoy makes no context for a request that another filter has answered before: the response then passes unseen.
#[test]
fn a_request_that_does_not_reach_the_filter_is_not_lost() {
    let mut envoy = start("http", "new_filter", "panic", "");
    let mut exchange = envoy.http_stream();
    exchange.envoy_replies(404);
    assert_eq!(exchange.received_by_client().status(), Some(404));
    assert_eq!(counted(&envoy, "envoy_sdk_panics_total", "new_filter"), (0, 0));
}
