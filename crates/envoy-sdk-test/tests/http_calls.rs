//! HTTP call-outs. All expectations are what Envoy 1.36.2 and 1.40.0 did.

#[path = "support/caller.rs"]
mod caller;

use std::time::Duration;

use caller::text;
use envoy_sdk::Status;
use envoy_sdk_test::{ConnectOptions, Direction, FakeEnvoy, FakeHttpAnswer, HostCall, LogLevel, Moment};

fn envoy(configuration: &str) -> FakeEnvoy {
    let bootstrap = FakeEnvoy::new(caller::module).cluster("guard").cluster_without_hosts("empty");
    bootstrap.configure(configuration).expect("configured")
}

/// The messages since the last time.
fn heard(envoy: &mut FakeEnvoy) -> Vec<String> {
    let lines = envoy.take_log().into_iter().filter(|line| line.level >= LogLevel::Info);
    lines.map(|line| line.message).collect()
}

/// The calls into the module since the last time.
fn callbacks(envoy: &mut FakeEnvoy) -> Vec<String> {
    let begun = envoy.take_trace().into_iter().filter(|call| {
        call.direction == Direction::IntoVm
            && matches!(call.moment, Moment::Begin(_))
            && call.function != "malloc"
    });
    begun.map(|call| call.to_string().replace("[host->vm] proxy_on_", "")).collect()
}

#[test]
fn a_call_and_its_answer() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("http:guard:500");

    let call = envoy.http_call();
    assert_eq!((call.cluster.as_str(), call.token, call.context), ("guard", 4, connection.context()));
    assert_eq!(text(&call.headers), ":method=POST; :path=/check; :authority=guard; x-q=1");
    assert_eq!((call.body.as_slice(), text(&call.trailers).as_str()), (&b"who?"[..], "x-t=v"));
    assert_eq!(call.timeout, Some(Duration::from_millis(500)));

    envoy.take_trace();
    envoy.advance(Duration::from_millis(120));
    let answer =
        FakeHttpAnswer::new(200).header("X-A", "1").header("x-a", "2").body("it is me").trailer("x-end", "z");
    envoy.answer_http_call(&call, answer);
    // The plugin's context, token, headers, octets of body, trailers.
    assert_eq!(callbacks(&mut envoy), ["http_call_response(1, 4, 4, 8, 1)"]);
    assert_eq!(
        heard(&mut envoy),
        ["200 [:status=200; x-a=1; x-a=2; x-envoy-upstream-service-time=120] it is me [x-end=z]"]
    );
    assert_eq!(envoy.http_calls(), []);
}

#[test]
fn answers_come_in_the_order_of_the_answering() {
    let mut envoy = envoy("{}");
    envoy.connect().client_sends("http:guard:500 http:guard:500");
    let calls = envoy.http_calls();
    assert_eq!(calls.iter().map(|call| call.token).collect::<Vec<_>>(), [4, 8]);
    envoy.take_trace();
    envoy.answer_http_call(&calls[1], FakeHttpAnswer::new(204));
    envoy.answer_http_call(&calls[0], FakeHttpAnswer::new(404).body("no"));
    assert_eq!(
        callbacks(&mut envoy),
        ["http_call_response(1, 8, 2, 0, 0)", "http_call_response(1, 4, 2, 2, 0)"]
    );
}

#[test]
fn time_outs_and_refusals_are_answers_of_envoy() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("http:guard:500");
    envoy.advance(Duration::from_millis(499));
    assert!(heard(&mut envoy).is_empty());
    envoy.advance(Duration::from_millis(1));
    assert_eq!(
        heard(&mut envoy),
        ["504 [:status=504; content-length=24; content-type=text/plain] upstream request timeout []"]
    );
    assert_eq!(envoy.http_calls(), []);

    connection.client_sends("http:guard:500");
    envoy.refuse_http_call(&envoy.http_call());
    let refused = heard(&mut envoy).remove(0);
    assert!(
        refused.starts_with("503 [:status=503; content-length=98; content-type=text/plain] upstream"),
        "{refused}"
    );
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    let mut envoy = envoy("{}");
    envoy.connect().client_sends("http:guard:500");
    envoy.take_trace();
    envoy.fail_http_call(&envoy.http_call());
    assert_eq!(callbacks(&mut envoy), ["http_call_response(1, 4, 0, 0, 0)"]);
    let error = heard(&mut envoy);
    assert!(error.len() == 1 && error[0].contains("no complete answer"), "{error:?}");
}

#[test]
fn clusters_that_cannot_be_asked() {
    let mut envoy = envoy("{}");
    envoy.connect().client_sends("http:nobody:500 http:empty:500 http:guard:500");
    let refused = heard(&mut envoy);
    assert!(refused[0].contains("BadArgument") && refused[1].contains("InternalFailure"), "{refused:?}");
    assert_eq!(
        envoy.http_call().token,
        8,
        "a cluster without hosts has used up a number, an unknown one has not"
    );
}

#[test]
fn an_answer_behind_the_end_of_its_stream_comes_all_the_same() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("http:guard:500");
    connection.client_resets();
    envoy.take_trace();
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200));
    assert_eq!(callbacks(&mut envoy), ["http_call_response(1, 4, 2, 0, 0)"]);
    assert!(heard(&mut envoy).is_empty(), "the SDK has dropped it");
}

#[test]
fn a_connection_waits_for_an_answer() {
    let mut envoy = envoy(r#"{"new_connection": "pause http:guard:500", "answered": "resume"}"#);
    let mut connection = envoy.connect_with(ConnectOptions::new());
    assert_eq!(connection.client_sends("early").status, None);
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200));
    assert_eq!(connection.received_by_server(), b"early");
}

#[test]
fn an_answer_leads_to_the_next_call() {
    let mut envoy = envoy(r#"{"answered": "http:guard:500"}"#);
    envoy.connect().client_sends("http:guard:500");
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(200));
    assert_eq!(envoy.http_call().token, 8);
}

#[test]
fn the_filter_closes_on_an_answer() {
    let mut envoy = envoy(r#"{"answered": "close"}"#);
    let mut connection = envoy.connect();
    connection.client_sends("http:guard:500");
    envoy.answer_http_call(&envoy.http_call(), FakeHttpAnswer::new(403));
    assert!(!connection.is_open());
}

#[test]
fn a_plugin_takes_its_calls_with_it() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("http:guard:500");
    envoy.reconfigure(r#"{"answered": "close"}"#).expect("configured");
    assert_eq!(envoy.http_calls().len(), 1, "the plugin lives as long as its connection");
    connection.client_resets();
    assert_eq!(envoy.http_calls(), []);
    envoy.advance(Duration::from_secs(1));
    assert!(heard(&mut envoy).is_empty());
}

#[test]
fn a_call_that_is_made_to_fail() {
    let mut envoy = envoy("{}");
    envoy.fail_next(HostCall::HttpCall, Status::INTERNAL_FAILURE);
    envoy.connect().client_sends("http:guard:500");
    assert!(heard(&mut envoy)[0].contains("InternalFailure"));
    assert_eq!(envoy.http_calls(), []);
}
