//! Tests of host calls at places and with arguments that the SDK does not choose: made by a filter that does in its
//! callbacks what the test says. All expectations are what Envoy 1.36.2 and 1.40.0 did.

use std::cell::RefCell;
use std::rc::Rc;

use envoy_sdk::native_host::Host;
use envoy_sdk::{
    ConfigureContext, FilterDataStatus, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory,
    Module, Result, Status,
};

use super::envoy_headers::{decode, encode};
use crate::world::World;
use crate::{FakeEnvoy, HostCall, HttpExchange, HttpOptions, HttpRequest, HttpResponse};

/// Where the filter is. With bodies and headers comes whether they are the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    RequestHeaders,
    RequestBody,
    RequestTrailers,
    ResponseHeaders,
    ResponseBody,
    ResponseTrailers,
    Log,
}

/// What a filter does; `true` pauses.
type Script = Box<dyn FnMut(At, &World) -> bool>;

thread_local! {
    static SCRIPT: RefCell<Option<(Script, Rc<World>)>> = const { RefCell::new(None) };
}

struct Scripted;

impl HttpFilterFactory for Scripted {
    const NAME: &'static str = "scripted";
    type Config = std::collections::BTreeMap<String, bool>;
    type Filter = Self;

    fn configure(_config: Self::Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Self> {
        Ok(Self)
    }
}

fn pauses(at: At) -> bool {
    let taken = SCRIPT.take();
    let Some((mut script, world)) = taken else { return false };
    let paused = script(at, &world);
    SCRIPT.set(Some((script, world)));
    paused
}

fn headers(at: At) -> Result<FilterHeadersStatus> {
    Ok(if pauses(at) { FilterHeadersStatus::StopIteration } else { FilterHeadersStatus::Continue })
}

fn body(at: At) -> Result<FilterDataStatus> {
    Ok(if pauses(at) { FilterDataStatus::StopIterationAndBuffer } else { FilterDataStatus::Continue })
}

impl HttpFilter for Scripted {
    fn on_request_headers(&mut self, _: &mut HttpContext<'_>, _: bool) -> Result<FilterHeadersStatus> {
        headers(At::RequestHeaders)
    }

    fn on_request_body(&mut self, _: &mut HttpContext<'_>, _: bool) -> Result<FilterDataStatus> {
        body(At::RequestBody)
    }

    fn on_request_trailers(&mut self, _: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        headers(At::RequestTrailers)
    }

    fn on_response_headers(&mut self, _: &mut HttpContext<'_>, _: bool) -> Result<FilterHeadersStatus> {
        headers(At::ResponseHeaders)
    }

    fn on_response_body(&mut self, _: &mut HttpContext<'_>, _: bool) -> Result<FilterDataStatus> {
        body(At::ResponseBody)
    }

    fn on_response_trailers(&mut self, _: &mut HttpContext<'_>) -> Result<FilterHeadersStatus> {
        headers(At::ResponseTrailers)
    }

    fn on_stream_complete(&mut self, _: &mut HttpContext<'_>) -> Result<()> {
        pauses(At::Log);
        Ok(())
    }
}

/// A FakeEnvoy whose script's assertions count: the SDK would catch them.
struct Story(FakeEnvoy);

fn envoy(script: impl FnMut(At, &World) -> bool + 'static) -> Story {
    let envoy =
        FakeEnvoy::new(|| Module::new().http_filter::<Scripted>()).configure("{}").expect("configured");
    SCRIPT.set(Some((Box::new(script), envoy.world())));
    Story(envoy)
}

impl std::ops::Deref for Story {
    type Target = FakeEnvoy;

    fn deref(&self) -> &FakeEnvoy {
        &self.0
    }
}

impl std::ops::DerefMut for Story {
    fn deref_mut(&mut self) -> &mut FakeEnvoy {
        &mut self.0
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        SCRIPT.set(None);
        if !std::thread::panicking() {
            let messages = self.messages(crate::LogLevel::Warn);
            assert_eq!(self.stats().total("envoy_sdk_panics_total", &[]), 0, "{messages:#?}");
        }
    }
}

const MAPS: [u32; 4] = [0, 1, 2, 3];

fn post() -> HttpRequest {
    HttpRequest::post("/", "body").header("x-a", "1").trailer("t", "1")
}

/// A whole exchange with everything in it.
fn exchange(envoy: &mut FakeEnvoy) -> HttpExchange {
    let mut exchange = envoy.http_request(post());
    exchange.server_replies(HttpResponse::new(200).body("answer").trailer("u", "1"));
    exchange
}

#[test]
fn maps_are_there_in_their_own_callbacks_and_in_the_log() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    let mut envoy = envoy(move |at, world| {
        let readable =
            MAPS.map(|map| world.header_map_pairs(map).unwrap().is_some_and(|pairs| !pairs.is_empty()));
        let writable = MAPS.map(|map| world.add_header_map_value(map, b"n", b"v").is_ok());
        assert_eq!(world.header_map_pairs(8), Err(Status::BAD_ARGUMENT));
        noted.borrow_mut().push((at, readable, writable));
        false
    });
    exchange(&mut envoy);
    let none = [false; 4];
    let only = |index| std::array::from_fn(|map| map == index);
    let expected = [
        (At::RequestHeaders, only(0), only(0)),
        (At::RequestBody, none, none),
        (At::RequestTrailers, only(1), only(1)),
        (At::ResponseHeaders, only(2), only(2)),
        (At::ResponseBody, none, none),
        (At::ResponseTrailers, only(3), only(3)),
        (At::Log, [true, false, true, true], none),
    ];
    assert_eq!(*seen.borrow(), expected);
}

#[test]
fn one_value_of_a_map() {
    let mut envoy = envoy(|at, world| {
        let value = |map, name: &str| world.header_map_value(map, name.as_bytes());
        match at {
            At::RequestHeaders => {
                assert_eq!(value(0, "X-A"), Ok(Some(b"1".to_vec())));
                assert_eq!(value(0, "host"), Ok(Some(b"example.com".to_vec())));
                assert_eq!(value(0, "nothing"), Err(Status::NOT_FOUND));
                assert_eq!(value(2, ":status"), Err(Status::BAD_ARGUMENT));
                assert_eq!(world.property(b"request\0path"), Ok(Some(b"/".to_vec())));
            }
            At::ResponseHeaders => {
                assert_eq!(value(0, "x-a"), Err(Status::BAD_ARGUMENT));
                assert_eq!(world.property(b"request\0path"), Err(Status::NOT_FOUND));
                assert_eq!(world.property(b"response\0code"), Ok(Some(200_u64.to_le_bytes().to_vec())));
            }
            At::Log => {
                assert_eq!(value(0, "x-envoy-expected-rq-timeout-ms"), Ok(Some(b"15000".to_vec())));
                assert_eq!(value(2, "server"), Ok(Some(b"envoy".to_vec())));
                assert_eq!(world.property(b"request\0headers\0x-a"), Ok(Some(b"1".to_vec())));
            }
            _ => {}
        }
        false
    });
    exchange(&mut envoy);
}

#[test]
fn what_is_no_list_of_pairs_empties_a_map() {
    let mut envoy = envoy(|at, world| {
        if at == At::RequestHeaders {
            assert_eq!(world.set_header_map_pairs(0, b"abc"), Ok(()));
            assert_eq!(world.header_map_pairs(0), Ok(Some(Vec::new())));
        }
        false
    });
    // Nothing is left to choose a route by.
    let exchange = envoy.http_request(HttpRequest::get("/"));
    assert_eq!(exchange.received_by_client().status(), Some(404));
    assert!(exchange.received_by_server().is_empty());
}

#[test]
fn a_filter_makes_trailers_with_the_end_of_a_body() {
    let mut envoy = envoy(|at, world| {
        match at {
            At::RequestHeaders => {
                assert_eq!(world.add_header_map_value(1, b"a", b"b"), Err(Status::BAD_ARGUMENT));
            }
            At::RequestBody => {
                assert_eq!(world.header_map_value(1, b"a"), Err(Status::BAD_ARGUMENT));
                let pairs = encode([(&b"A"[..], &b"b"[..])].into_iter());
                assert_eq!(world.set_header_map_pairs(1, &pairs), Ok(()));
                assert_eq!(world.header_map_value(1, b"a"), Ok(Some(b"b".to_vec())));
                assert_eq!(decode(&world.header_map_pairs(1).unwrap().unwrap()).len(), 1);
            }
            At::RequestTrailers => panic!("not shown to the filter that made them"),
            _ => {}
        }
        false
    });
    let exchange = envoy.http_request(HttpRequest::post("/", "body"));
    let received = exchange.received_by_server();
    assert_eq!((received.body, received.trailers.len(), received.ended), (b"body".to_vec(), 1, true));
}

#[test]
fn bodies_are_read_and_changed() {
    let mut envoy = envoy(|at, world| {
        let (mine, other) = match at {
            At::RequestBody => (0, 1),
            At::ResponseBody => (1, 0),
            _ => {
                assert_eq!(world.buffer_bytes(0, 0, 9), Ok(Some(Vec::new())), "{at:?}");
                assert_eq!(world.set_buffer_bytes(1, 0, 0, b"x"), Err(Status::BAD_ARGUMENT), "{at:?}");
                return false;
            }
        };
        assert_eq!(world.set_buffer_bytes(mine, 0, 1, b">"), Ok(()));
        assert_eq!(world.set_buffer_bytes(mine, 99, 0, b"<"), Ok(()));
        assert_eq!(world.set_buffer_bytes(mine, 1, 0, b"?"), Err(Status::BAD_ARGUMENT));
        assert_eq!(world.buffer_bytes(mine, 1, 2).map(|octets| octets.unwrap().len()), Ok(2));
        assert_eq!(world.set_buffer_bytes(other, 0, 0, b"x"), Err(Status::BAD_ARGUMENT));
        false
    });
    let exchange = exchange(&mut envoy);
    assert_eq!(exchange.received_by_server().body, b">ody<");
    assert_eq!(exchange.received_by_client().body, b">nswer<");
}

#[test]
fn continuing_kinds_of_streams() {
    let mut envoy = envoy(|at, world| {
        if at == At::RequestBody {
            assert_eq!((world.continue_stream(2), world.close_stream(2)), (Ok(()), Ok(())));
            assert_eq!(
                (world.continue_stream(3), world.close_stream(3)),
                (Err(Status::UNIMPLEMENTED), Ok(()))
            );
            assert_eq!([world.continue_stream(4), world.close_stream(4)], [Err(Status::BAD_ARGUMENT); 2]);
            assert_eq!(world.buffer_bytes(0, 0, 9), Ok(Some(b"body".to_vec())));
            assert_eq!(world.continue_stream(0), Ok(()));
            assert_eq!(world.buffer_bytes(0, 0, 9), Ok(Some(Vec::new())), "out of reach at once");
        }
        false
    });
    assert!(exchange(&mut envoy).received_by_client().ended);
}

/// Does `calls` as if in a tick, for this context.
fn in_tick(envoy: &FakeEnvoy, context: u32, calls: impl FnOnce(&World)) {
    let world = envoy.world();
    world.enter("proxy_on_tick", 1, &[1_u32.into()], || {
        assert_eq!(world.set_effective_context(context), Ok(()));
        calls(&world);
    });
}

#[test]
fn a_tick_changes_what_is_paused_and_lets_it_go_on() {
    let mut envoy = envoy(|at, _| matches!(at, At::RequestHeaders | At::RequestTrailers | At::ResponseBody));
    let mut exchange = envoy.http_request(post());
    let context = exchange.context();
    assert!(exchange.received_by_server().is_empty() && exchange.holds_back_request());
    in_tick(&envoy, context, |world| {
        assert_eq!(world.add_header_map_value(0, b"late", b"1"), Ok(()));
        assert_eq!(world.buffer_bytes(0, 0, 9), Ok(Some(Vec::new())), "the body has not been presented");
        assert_eq!(world.continue_stream(0), Ok(()));
        assert_eq!(world.header_map_value(0, b"late"), Err(Status::BAD_ARGUMENT), "out of reach at once");
    });
    assert_eq!(exchange.received_by_server().header("late").as_deref(), Some("1"));
    assert_eq!(exchange.received_by_server().body, b"body");
    in_tick(&envoy, context, |world| {
        assert_eq!(world.add_header_map_value(1, b"late", b"1"), Ok(()));
        assert_eq!(world.continue_stream(0), Ok(()));
    });
    assert_eq!(exchange.received_by_server().trailers.len(), 2);
    exchange.server_sends_headers([(":status", "200")], false);
    exchange.server_sends_body("answer", true);
    in_tick(&envoy, context, |world| {
        assert_eq!(world.set_buffer_bytes(1, 0, 6, b"reply"), Ok(()));
        assert_eq!(world.continue_stream(1), Ok(()));
        assert_eq!(world.buffer_bytes(1, 0, 9), Ok(Some(b"reply".to_vec())), "it goes on after the tick");
    });
    assert_eq!(exchange.received_by_client().body, b"reply");
    assert!(!exchange.is_open());
}

#[test]
fn continuing_and_answering_continue_is_refused() {
    assert_refused("answered Continue as well", |at, world| {
        if at == At::RequestHeaders {
            assert_eq!(world.continue_stream(0), Ok(()));
        }
    });
    assert_refused("no response yet", |at, world| {
        if at == At::RequestBody {
            let _crash = world.continue_stream(1);
        }
    });
}

#[test]
fn ending_a_stream_twice_or_in_its_log_is_refused() {
    for at_log in [true, false] {
        let is_place = move |at| at == if at_log { At::Log } else { At::RequestHeaders };
        let reason = if at_log { "proxy_on_log" } else { "in the same callback" };
        assert_refused(reason, move |at, world| {
            if is_place(at) {
                let _crash = (world.close_stream(0), world.close_stream(1));
            }
        });
        assert_refused(reason, move |at, world| {
            if is_place(at) {
                let _crash = (world.send_local_response(500, b"", b"", b"", -1), world.close_stream(0));
            }
        });
    }
}

/// The test fails, with an explanation, at the end of the callback that does this.
fn assert_refused(reason: &str, mut script: impl FnMut(At, &World) + 'static) {
    let mut envoy = envoy(move |at, world| {
        script(at, world);
        false
    });
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(exchange(&mut envoy))));
    let panic = outcome.expect_err("refused");
    let message = panic.downcast_ref::<String>().expect("with an explanation");
    assert!(message.contains(reason), "{message}");
}

#[test]
fn a_trace_line_per_call() {
    let mut envoy = envoy(|at, world| {
        if at == At::RequestHeaders {
            let _ = world.replace_header_map_value(0, b"n", b"value");
            let _ = world.remove_header_map_value(0, b"n");
            let _ = world.header_map_value(0, b"x-a");
            let _ = world.set_header_map_pairs(1, b"1234");
            let _ = world.send_local_response(403, b"why", b"body", b"", -1);
        }
        false
    });
    envoy.take_trace();
    envoy.http_stream_with(HttpOptions::new()).client_sends_headers(
        [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "a"), ("x-a", "1")],
        true,
    );
    let lines = envoy.trace().iter().map(ToString::to_string).collect::<Vec<_>>();
    let calls = lines.iter().filter(|line| line.contains("[vm->host]")).collect::<Vec<_>>();
    assert_eq!(
        calls,
        [
            "[vm->host] env.proxy_replace_header_map_value(0, *, 1, *, 5)",
            "[vm->host] env.proxy_remove_header_map_value(0, *, 1)",
            "[vm->host] env.proxy_get_header_map_value(0, *, 3, *, *)",
            "[vm->host] env.proxy_set_header_map_pairs(1, *, 4)",
            "[vm->host] env.proxy_send_local_response(403, *, 3, *, 4, *, 0, 4294967295)",
        ]
    );
    assert_eq!(envoy.count_calls(HostCall::SendLocalResponse), 1);
}
