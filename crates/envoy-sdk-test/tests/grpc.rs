//! gRPC calls and streams. All expectations are what Envoy 1.36.2 and 1.40.0 did.

#[path = "support/caller.rs"]
mod caller;

use std::time::Duration;

use caller::text;
use envoy_sdk::{GrpcStatus, HeaderMap};
use envoy_sdk_test::{Direction, FakeEnvoy, FakeGrpcEnd, LogLevel, Moment};

fn envoy(configuration: &str) -> FakeEnvoy {
    let bootstrap = FakeEnvoy::new(caller::module).cluster("guard").cluster_without_hosts("empty");
    bootstrap.configure(configuration).expect("configured")
}

/// The messages since the last time.
fn heard(envoy: &mut FakeEnvoy) -> Vec<String> {
    let lines = envoy.take_log().into_iter().filter(|line| line.level >= LogLevel::Info);
    lines.map(|line| line.message).collect()
}

/// The gRPC callbacks since the last time.
fn callbacks(envoy: &mut FakeEnvoy) -> Vec<String> {
    let begun = envoy.take_trace().into_iter();
    let begun =
        begun.filter(|call| call.direction == Direction::IntoVm && matches!(call.moment, Moment::Begin(_)));
    begun
        .filter_map(|call| Some(call.to_string().strip_prefix("[host->vm] proxy_on_grpc_")?.to_owned()))
        .collect()
}

#[test]
fn a_call_and_its_answer() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("grpc:guard:500");
    let call = envoy.grpc_call();
    assert_eq!(
        (call.cluster.as_str(), call.service.as_str(), call.method.as_str()),
        ("guard", "mail.Guard", "Check")
    );
    assert_eq!((call.token, call.context, call.message.as_slice()), (5, connection.context(), &b"who?"[..]));
    assert_eq!((text(&call.metadata).as_str(), call.timeout), ("x-md=one", Duration::from_millis(500)));

    envoy.answer_grpc_call(&call, "me");
    assert_eq!(callbacks(&mut envoy), ["receive(1, 5, 2)"], "no metadata, and no close");
    assert_eq!(heard(&mut envoy), ["answer me"]);

    connection.client_sends("grpc:guard:500");
    envoy.answer_grpc_call(&envoy.grpc_call(), "");
    assert_eq!(callbacks(&mut envoy), ["receive(1, 9, 0)"]);
}

#[test]
fn a_call_that_fails() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    let mut fail = |envoy: &mut FakeEnvoy, fail: &dyn Fn(&mut FakeEnvoy)| {
        connection.client_sends("grpc:guard:500");
        fail(envoy);
        (callbacks(envoy), heard(envoy))
    };
    let denied = FakeGrpcEnd::new(GrpcStatus::PERMISSION_DENIED);
    let (calls, words) = fail(&mut envoy, &|envoy| {
        envoy.fail_grpc_call(&envoy.grpc_call(), &denied.clone().message("you may not"));
    });
    assert_eq!(calls, ["close(1, 5, 7)"]);
    assert_eq!(words, ["PERMISSION_DENIED (7): you may not{via_upstream}"]);
    let (_, words) = fail(&mut envoy, &|envoy| envoy.fail_grpc_call(&envoy.grpc_call(), &denied));
    assert_eq!(words, ["PERMISSION_DENIED (7): via_upstream"]);
    let (_, words) = fail(&mut envoy, &|envoy| envoy.advance(Duration::from_millis(500)));
    assert_eq!(words, ["UNAVAILABLE (14): upstream request timeout{response_timeout}"]);
    let (_, words) = fail(&mut envoy, &|envoy| envoy.refuse_grpc_call(&envoy.grpc_call()));
    assert!(words[0].starts_with("UNAVAILABLE (14): upstream connect error"), "{words:?}");
}

#[test]
fn a_call_that_is_cancelled() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("grpc:guard:500");
    connection.client_sends("cancel-call");
    assert_eq!(envoy.grpc_calls(), []);
    envoy.advance(Duration::from_secs(1));
    assert_eq!(callbacks(&mut envoy), [""; 0], "nothing more is heard of it");
    // So is one whose stream ends.
    connection.client_sends("grpc:guard:500");
    connection.client_resets();
    assert_eq!(envoy.grpc_calls(), []);
}

#[test]
fn a_stream_from_its_beginning_to_its_end() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("open:guard send:one");
    let stream = envoy.grpc_stream();
    assert_eq!(
        (stream.token, stream.method.as_str(), stream.messages.as_slice()),
        (6, "Watch", &[b"one".to_vec()][..])
    );

    envoy.accept_grpc_stream(&stream, &HeaderMap::from_iter([("x-init", "i")]));
    envoy.send_grpc_message(&stream, "first");
    connection.client_sends("last:two send:ignored");
    let now = envoy.grpc_stream();
    assert_eq!((now.messages.len(), now.ended), (2, true));
    envoy.send_grpc_message(&stream, "second");
    envoy.end_grpc_stream(&stream, &FakeGrpcEnd::new(GrpcStatus::OK).metadata("x-trail", "t"));
    assert_eq!(
        callbacks(&mut envoy),
        [
            "receive_initial_metadata(1, 6, 3)",
            "receive(1, 6, 5)",
            "receive(1, 6, 6)",
            "receive_trailing_metadata(1, 6, 2)",
            "close(1, 6, 0)"
        ]
    );
    assert_eq!(
        heard(&mut envoy),
        [
            "accepted [:status=200; content-type=application/grpc; x-init=i]",
            "message first",
            "message second",
            "trailers [grpc-status=0; x-trail=t]",
            "closed OK (0): via_upstream"
        ]
    );
    assert_eq!(envoy.grpc_streams(), []);
    assert_eq!(envoy.grpc_streams_kept(), 0, "the SDK has closed its side: Envoy frees the stream");
}

#[test]
fn a_server_that_says_all_at_once() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("open:guard");
    let busy = FakeGrpcEnd::new(GrpcStatus::UNAVAILABLE).message("busy");
    envoy.end_grpc_stream(&envoy.grpc_stream(), &busy);
    assert_eq!(
        callbacks(&mut envoy),
        ["receive_initial_metadata(1, 6, 0)", "receive_trailing_metadata(1, 6, 4)", "close(1, 6, 14)"]
    );
    assert_eq!(
        heard(&mut envoy)[1],
        "trailers [:status=200; content-type=application/grpc; grpc-status=14; grpc-message=busy]"
    );
    // Behind a request that is complete Envoy says how long it took.
    connection.client_sends("open:guard last:x");
    envoy.end_grpc_stream(&envoy.grpc_stream(), &busy);
    assert_eq!(callbacks(&mut envoy)[1], "receive_trailing_metadata(1, 10, 5)");
}

#[test]
fn a_stream_whose_connection_breaks() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("open:guard");
    let stream = envoy.grpc_stream();
    envoy.send_grpc_message(&stream, "first");
    callbacks(&mut envoy);
    envoy.break_grpc_stream(&stream);
    assert_eq!(callbacks(&mut envoy), ["receive_trailing_metadata(1, 6, 0)", "close(1, 6, 13)"]);

    connection.client_sends("open:guard");
    envoy.break_grpc_stream(&envoy.grpc_stream());
    connection.client_sends("open:guard");
    envoy.refuse_grpc_stream(&envoy.grpc_stream());
    assert_eq!(
        callbacks(&mut envoy).into_iter().filter(|call| call.starts_with("close")).collect::<Vec<_>>(),
        ["close(1, 10, 14)", "close(1, 14, 14)"]
    );
}

#[test]
fn a_stream_that_is_cancelled_in_each_of_its_callbacks() {
    for (configuration, last) in [
        (r#"{"accepted": "cancel"}"#, "receive_initial_metadata(1, 6, 3)"),
        (r#"{"message": "cancel"}"#, "receive(1, 6, 1)"),
        // 1.40.0; 1.36.2 calls close(1, 6, 0) all the same.
        (r#"{"trailers": "cancel"}"#, "receive_trailing_metadata(1, 6, 1)"),
    ] {
        let mut envoy = envoy(configuration);
        let mut connection = envoy.connect();
        connection.client_sends("open:guard last:x");
        let stream = envoy.grpc_stream();
        envoy.send_grpc_message(&stream, "m");
        if envoy.grpc_streams().contains(&stream) {
            envoy.end_grpc_stream(&stream, &FakeGrpcEnd::new(GrpcStatus::OK));
        }
        assert_eq!(callbacks(&mut envoy).pop().as_deref(), Some(last));
        assert_eq!(envoy.grpc_streams_kept(), 0);
    }
}

#[test]
fn a_stream_that_the_module_ends_goes_on_until_the_server_ends_it() {
    let mut envoy = envoy(r#"{"accepted": "end"}"#);
    let mut connection = envoy.connect();
    connection.client_sends("open:guard");
    let stream = envoy.grpc_stream();
    envoy.send_grpc_message(&stream, "m");
    assert!(envoy.grpc_stream().ended);
    envoy.end_grpc_stream(&stream, &FakeGrpcEnd::new(GrpcStatus::OK));
    assert_eq!(callbacks(&mut envoy).last().map(String::as_str), Some("close(1, 6, 0)"));
    assert_eq!(envoy.grpc_streams_kept(), 0);
}

#[test]
fn a_stream_ends_with_the_connection_that_opened_it() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    connection.client_sends("open:guard");
    connection.client_resets();
    assert_eq!((envoy.grpc_streams().len(), envoy.grpc_streams_kept()), (0, 0), "the SDK has cancelled it");
}

#[test]
fn clusters_that_cannot_be_asked() {
    let mut envoy = envoy("{}");
    let mut connection = envoy.connect();
    // Each in a callback of its own: see MODEL.md for what a stream behind a refused call-out does to Envoy.
    for words in ["open:empty", "grpc:nobody:500 grpc:empty:500", "open:nobody"] {
        connection.client_sends(words);
    }
    let refused = heard(&mut envoy);
    assert!(refused.len() == 4 && refused.iter().all(|line| line.contains("InternalFailure")), "{refused:?}");
    // The module has never got the tokens, and is told of their ends all the same: of a stream to a cluster without hosts
    // even while it opens it.
    assert_eq!(
        callbacks(&mut envoy),
        [
            "receive_initial_metadata(1, 6, 0)",
            "receive_trailing_metadata(1, 6, 4)",
            "close(1, 6, 14)",
            "close(1, 5, 14)",
            "close(1, 9, 14)",
            "close(1, 10, 14)"
        ]
    );
}
