//! Host calls for call-outs that the SDK does not make, or not in this way. All expectations are what Envoy 1.36.2 and
//! 1.40.0 did.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use envoy_sdk::Status;
use envoy_sdk::native_host::Host;

use super::received::HttpAnswer;
use super::{Cluster, FakeGrpcEnd, Part};
use crate::FakeEnvoy;
use crate::connect_options::ConnectOptions;
use crate::http::envoy_headers::{EnvoyHeaders, Kind, encode};
use crate::raw_calls::in_tick;
use crate::world::World;

const CALL_RESPONSE_HEADERS: u32 = 6;
const CALL_RESPONSE_TRAILERS: u32 = 7;
const CALL_RESPONSE_BODY: u32 = 4;
const GRPC_MESSAGE: u32 = 5;

const ECHO: [&[u8]; 2] = [b"mail.Echo", b"Echo"];

/// A world with a plugin (context 1) and clusters.
fn world() -> (FakeEnvoy, Rc<World>) {
    let (envoy, world) = crate::raw_calls::world();
    {
        let clusters = &mut world.state().settings.clusters;
        clusters.add("guard".to_owned(), Cluster::Hosts);
        clusters.add("empty".to_owned(), Cluster::NoHosts);
    }
    (envoy, world)
}

fn pairs(headers: &[(&str, &str)]) -> Vec<u8> {
    encode(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

/// A `GrpcService` that names a cluster.
fn service(cluster: &str) -> Vec<u8> {
    let len = u8::try_from(cluster.len()).expect("short");
    [&[10, len + 2, 10, len], cluster.as_bytes()].concat()
}

fn open(world: &World, upstream: &[u8]) -> Result<u32, Status> {
    world.grpc_stream(upstream, ECHO[0], ECHO[1], &[])
}

fn call(world: &World, upstream: &[u8]) -> Result<u32, Status> {
    world.grpc_call(upstream, ECHO[0], ECHO[1], &[], b"m", 500)
}

/// The message of the panic that a test gets for what its module has done.
fn refusal(calls: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(calls)).expect_err("no Envoy would have survived this");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn requests_that_envoy_refuses() {
    let (_envoy, world) = world();
    let request = [(":method", "GET"), (":path", "/"), (":authority", "a")];
    let send = |cluster: &[u8], headers: &[(&str, &str)], timeout| {
        in_tick(&world, 1, |world| world.http_call(cluster, &pairs(headers), b"", b"", timeout))
    };
    for (cluster, timeout) in [("nobody", 500), ("", 500), ("guard", u32::MAX), ("guard", 1 << 31)] {
        assert_eq!(
            send(cluster.as_bytes(), &request, timeout),
            Err(Status::BAD_ARGUMENT),
            "{cluster} {timeout}"
        );
    }
    for missing in 0..request.len() {
        let rest = request.iter().enumerate().filter(|(index, _)| *index != missing);
        let rest = rest.map(|(_, header)| *header).collect::<Vec<_>>();
        assert_eq!(send(b"guard", &rest, 500), Err(Status::BAD_ARGUMENT), "{rest:?}");
    }
    assert_eq!(send(b"empty", &request, 500), Err(Status::INTERNAL_FAILURE));
    assert_eq!(world.state().call_outs.begun, [1, 0, 0], "only the last one has used up a token");
}

#[test]
fn upstreams_of_grpc_call_outs() {
    let (mut envoy, world) = world();
    envoy.take_trace();
    in_tick(&world, 1, |world| {
        assert_eq!(
            (call(world, b"nobody"), open(world, b"nobody")),
            (Err(Status::PARSE_FAILURE), Err(Status::PARSE_FAILURE))
        );
        assert_eq!((call(world, b"guard"), open(world, b"guard")), (Ok(5), Ok(6)));
        assert_eq!((call(world, &service("guard")), open(world, &service("guard"))), (Ok(9), Ok(10)));
        assert_eq!(open(world, &service("nobody")), Err(Status::INTERNAL_FAILURE));
    });
    let lines = envoy.take_trace().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(lines.contains(&"[host->vm] proxy_on_grpc_close(1, 14, 14)".to_owned()), "{lines:#?}");
    for name in ["", "hi", "auth-grpc"] {
        let message = refusal(|| {
            in_tick(&world, 1, |world| {
                assert_eq!(call(world, name.as_bytes()), Err(Status::INTERNAL_FAILURE));
            });
        });
        assert!(message.contains("the whole process aborts"), "{message}");
    }
}

#[test]
fn tokens_and_what_can_be_done_with_them() {
    let (_envoy, world) = world();
    let (call, stream) =
        in_tick(&world, 1, |world| (call(world, b"guard").unwrap(), open(world, b"guard").unwrap()));
    let [not_found, bad] = [Status::NOT_FOUND, Status::BAD_ARGUMENT].map(Err);
    in_tick(&world, 1, |world| {
        for other in [4, 7, 99] {
            assert_eq!((world.grpc_cancel(other), world.grpc_close(other)), (bad, bad), "{other}");
            assert_eq!(world.grpc_send(other, b"", false), bad, "{other}");
        }
        assert_eq!(
            (world.grpc_cancel(105), world.grpc_close(106), world.grpc_send(106, b"", true)),
            (not_found, not_found, not_found)
        );
        assert_eq!(world.grpc_send(call, b"x", false), bad, "a call has its message already");
        assert_eq!(
            (world.grpc_close(call), world.grpc_cancel(call)),
            (Ok(()), not_found),
            "both cancel a call"
        );
        assert_eq!(
            (world.grpc_send(stream, b"a", true), world.grpc_send(stream, b"b", false)),
            (Ok(()), Ok(()))
        );
        assert_eq!((world.grpc_close(stream), world.grpc_close(stream)), (Ok(()), Ok(())));
        assert_eq!((world.grpc_cancel(stream), world.grpc_cancel(stream)), (Ok(()), not_found));
        assert_eq!(world.grpc_send(stream, b"c", false), not_found);
    });
}

#[test]
fn envoy_keeps_a_stream_until_the_module_has_closed_it() {
    let (mut envoy, world) = world();
    let stream = in_tick(&world, 1, |world| open(world, b"guard").unwrap());
    in_tick(&world, 1, |world| assert_eq!(world.grpc_send(stream, b"a", true), Ok(())));
    envoy.end_grpc_stream(&envoy.grpc_stream(), &FakeGrpcEnd::new(envoy_sdk::GrpcStatus::OK));
    assert_eq!((envoy.grpc_streams().len(), envoy.grpc_streams_kept()), (0, 1));
    in_tick(&world, 1, |world| {
        assert_eq!(world.grpc_send(stream, b"to nobody", false), Ok(()));
        assert_eq!((world.grpc_close(stream), world.grpc_close(stream)), (Ok(()), Err(Status::NOT_FOUND)));
    });
    assert_eq!(envoy.grpc_streams_kept(), 0);
}

#[test]
fn what_can_be_read_of_an_answer_and_when() {
    let (_envoy, world) = world();
    let connection = world.open(1, ConnectOptions::new());
    let answer = HttpAnswer {
        headers: EnvoyHeaders::collect(Kind::Response, [(&b":status"[..], &b"200"[..])]),
        body: b"hello".to_vec(),
        trailers: None,
    };
    world.state().receive(1, Part::Http, |received| received.set_http(answer));
    // As if in the callback, and then as its stream.
    world.enter("proxy_on_http_call_response", 1, &[], || {
        for context in [1, connection] {
            assert_eq!(world.set_effective_context(context), Ok(()));
            assert_eq!(world.header_map_value(CALL_RESPONSE_HEADERS, b":status"), Ok(Some(b"200".to_vec())));
            assert_eq!(world.header_map_value(CALL_RESPONSE_HEADERS, b"x"), Err(Status::NOT_FOUND));
            assert_eq!(world.header_map_value(CALL_RESPONSE_TRAILERS, b"x"), Err(Status::BAD_ARGUMENT));
            assert_eq!(world.header_map_pairs(CALL_RESPONSE_TRAILERS), Ok(Some(vec![])));
            assert_eq!(world.buffer_bytes(CALL_RESPONSE_BODY, 1, 3), Ok(Some(b"ell".to_vec())));
            assert_eq!(world.set_buffer_bytes(CALL_RESPONSE_BODY, 0, 0, b"x"), Err(Status::BAD_ARGUMENT));
            assert_eq!(
                world.add_header_map_value(CALL_RESPONSE_HEADERS, b"x", b"y"),
                Err(Status::BAD_ARGUMENT)
            );
        }
    });
    in_tick(&world, connection, |world| {
        assert_eq!(world.header_map_pairs(CALL_RESPONSE_HEADERS), Ok(Some(vec![])));
        assert_eq!(world.header_map_value(CALL_RESPONSE_HEADERS, b":status"), Err(Status::BAD_ARGUMENT));
        assert_eq!(world.buffer_bytes(CALL_RESPONSE_BODY, 0, 9), Err(Status::NOT_FOUND));
        assert_eq!(world.set_buffer_bytes(CALL_RESPONSE_BODY, 0, 0, b"x"), Err(Status::NOT_FOUND));
        assert_eq!(world.buffer_bytes(GRPC_MESSAGE, 0, 9), Ok(Some(vec![])));
    });
}

#[test]
fn a_grpc_message_can_be_changed_and_its_status_stays() {
    let (_envoy, world) = world();
    world.state().receive(1, Part::Message, |received| received.set_message(b"m".to_vec()));
    world.state().receive(1, Part::StatusMessage, |received| received.set_status(7, b"words".to_vec()));
    world.enter("proxy_on_grpc_receive", 1, &[], || {
        assert_eq!(world.set_buffer_bytes(GRPC_MESSAGE, 0, 0, b"x"), Ok(()));
        assert_eq!(world.buffer_bytes(GRPC_MESSAGE, 0, 9), Ok(Some(b"xm".to_vec())));
        assert_eq!(world.grpc_status(), Ok((7, Some(b"words".to_vec()))));
    });
    in_tick(&world, 1, |world| assert_eq!(world.grpc_status(), Ok((7, Some(vec![])))));
}

#[test]
fn a_stream_to_nobody_behind_something_that_waits() {
    let refused = Err(Status::INTERNAL_FAILURE);
    let (_envoy, world) = world();
    let request = pairs(&[(":method", "GET"), (":path", "/"), (":authority", "a")]);
    let failing: [&dyn Fn(&World); 3] = [
        &|world| assert_eq!(world.http_call(b"empty", &request, b"", b"", 500), refused),
        &|world| assert_eq!(call(world, &service("empty")), refused),
        &|world| assert_eq!(open(world, &service("empty")), refused),
    ];
    for first in failing {
        let message = refusal(|| {
            in_tick(&world, 1, |world| {
                first(world);
                assert_eq!(open(world, &service("empty")), refused);
            });
        });
        assert!(message.contains("hangs for ever"), "{message}");
    }
    let context = world.open(1, ConnectOptions::new());
    let message = refusal(|| {
        in_tick(&world, context, |world| {
            assert_eq!(world.close_stream(2), Ok(()));
            assert_eq!(open(world, &service("empty")), refused);
        });
    });
    assert!(message.contains("the VM is lost"), "{message}");
}
