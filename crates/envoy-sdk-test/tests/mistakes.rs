//! What a test does wrong is refused with an explanation, and spoils nothing for the next one on its thread.

#[path = "support/caller.rs"]
mod caller;
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use envoy_sdk::GrpcStatus;
use envoy_sdk::Status;
use envoy_sdk_test::{Connection, FakeEnvoy, FakeGrpcEnd, FakeHttpAnswer, HostCall};

fn envoy(configuration: &str) -> FakeEnvoy {
    FakeEnvoy::new(support::module).configure(configuration).expect("configured")
}

type Story = fn(&mut Connection);

/// The message of the panic that `story` ends in.
fn refusal(story: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(story)).expect_err("the story should have been refused");
    let formatted = payload.downcast_ref::<String>().cloned();
    formatted.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn a_peer_cannot_do_what_it_cannot_do() {
    let stories: [(Story, &str); 6] = [
        (
            |connection| {
                connection.client_ends();
                connection.client_sends("more");
            },
            "the client has ended its side already",
        ),
        (
            |connection| {
                connection.server_ends();
                connection.server_ends();
            },
            "the server has ended its side already",
        ),
        (
            |connection| {
                connection.client_resets();
                connection.server_sends("more");
            },
            "the server cannot send: the connection has been closed by Client",
        ),
        (
            |connection| {
                connection.client_sends("close");
                connection.client_resets();
            },
            "the client cannot reset: the connection has been closed by Envoy",
        ),
        (
            |connection| drop(connection.client_sends("")),
            "Envoy reads no piece of 0 octets; use client_ends for the end",
        ),
        (
            |connection| drop(connection.server_sends("")),
            "Envoy reads no piece of 0 octets; use server_ends for the end",
        ),
    ];
    for (story, explanation) in stories {
        let mut envoy = envoy("{}");
        assert_eq!(refusal(|| story(&mut envoy.connect())), explanation);
    }
}

#[test]
fn a_server_that_has_not_been_called_cannot_speak() {
    let mut envoy = envoy(r#"{"new_connection": "pause"}"#);
    let mut connection = envoy.connect();
    let explanation = refusal(|| drop(connection.server_sends("220 ready")));
    assert!(explanation.ends_with("Envoy has not connected to the server yet"), "{explanation}");
}

#[test]
fn a_connection_does_not_outlive_its_envoy() {
    let mut connection = envoy("{}").connect();
    let explanation = refusal(|| drop(connection.client_sends("x")));
    assert_eq!(explanation, "the FakeEnvoy of this connection has been dropped");
}

#[test]
fn one_at_a_time_on_a_thread() {
    let _first = envoy("{}");
    let explanation = refusal(|| drop(envoy("{}")));
    assert!(explanation.starts_with("this thread has a FakeEnvoy already"), "{explanation}");
    let other = std::thread::spawn(|| envoy("{}").connect().context());
    assert_eq!(other.join().expect("another thread is another VM"), 2);
}

#[test]
fn success_is_no_failure() {
    let mut envoy = envoy("{}");
    let explanation = refusal(|| envoy.fail_next(HostCall::Log, Status::OK));
    assert!(explanation.starts_with("Ok is no failure"), "{explanation}");
}

#[test]
fn a_test_that_failed_leaves_the_thread_usable() {
    for _ in 0..2 {
        refusal(|| {
            let mut envoy = envoy("{}");
            let mut left_open = envoy.connect();
            left_open.client_sends("pause");
            envoy.reconfigure(r#"{"complete": "read"}"#).expect("configured");
            let mut failing = envoy.connect();
            failing.client_ends();
            failing.client_ends();
        });
        FakeEnvoy::new(support::module).configure("no JSON").expect_err("refused");
        let mut envoy = envoy(r#"{"complete": "property:connection.id"}"#);
        assert_eq!(envoy.connect().context(), 2, "contexts are numbered anew");
    }
}

#[test]
fn nobody_answers_twice() {
    let mut envoy = FakeEnvoy::new(caller::module).cluster("guard").configure("{}").expect("configured");
    let mut connection = envoy.connect();
    let message = refusal(|| drop(envoy.http_call()));
    assert_eq!(message, "there are 0 HTTP calls that wait, not one");
    connection.client_sends("http:guard:500 grpc:guard:500 open:guard");
    let (http, grpc, stream) = (envoy.http_call(), envoy.grpc_call(), envoy.grpc_stream());
    let ok = FakeGrpcEnd::new(GrpcStatus::OK);
    let message = refusal(|| envoy.fail_grpc_call(&grpc, &ok));
    assert!(message.contains("use answer_grpc_call"), "{message}");
    envoy.answer_http_call(&http, FakeHttpAnswer::new(200));
    envoy.answer_grpc_call(&grpc, "");
    envoy.end_grpc_stream(&stream, &ok);
    let message = refusal(|| envoy.fail_http_call(&http));
    assert!(message.starts_with("HTTP call 4 waits for no answer"), "{message}");
    let message = refusal(|| envoy.answer_grpc_call(&grpc, ""));
    assert!(message.starts_with("gRPC call 5 waits for no answer"), "{message}");
    let message = refusal(|| envoy.send_grpc_message(&stream, ""));
    assert!(message.starts_with("gRPC stream 6 is over"), "{message}");
}

#[test]
fn statuses_that_the_proxy_wasm_crate_does_not_know() {
    let mut envoy = FakeEnvoy::new(caller::module).configure("{}").expect("configured");
    for call in [HostCall::HttpCall, HostCall::GrpcCall, HostCall::GrpcStream] {
        for status in [6, 12].map(Status::from_code) {
            let message = refusal(|| envoy.fail_next(call, status));
            assert!(message.contains("goes through the proxy-wasm crate"), "{message}");
        }
    }
}
