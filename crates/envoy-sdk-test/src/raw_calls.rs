//! Tests of host calls that the SDK does not make, or not in this place: made directly, as if by a module.
//! All expectations are what Envoy 1.36.2 and 1.40.0 did.

use std::rc::Rc;
use std::time::Duration;

use envoy_sdk::native_host::Host;
use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    Status,
};

use crate::connect_options::ConnectOptions;
use crate::failures::Failures;
use crate::settings::Settings;
use crate::stream::{ClosedBy, Way};
use crate::world::World;
use crate::{FakeEnvoy, HostCall};

const DOWNSTREAM: u32 = 2;
const UPSTREAM: u32 = 3;
const CONFIGURATION: u32 = 7;

struct Pausing;

impl NetworkFilterFactory for Pausing {
    const NAME: &'static str = "pausing";
    type Config = std::collections::BTreeMap<String, bool>;
    type Filter = Pausing;

    fn configure(_config: Self::Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Pausing> {
        Ok(Self)
    }
}

impl NetworkFilter for Pausing {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let octets = cx.buffer().chunks(0..5)?.into_bytes();
        Ok(if octets == b"pause" { FilterStatus::StopIteration } else { FilterStatus::Continue })
    }
}

fn module() -> Module {
    Module::new().network_filter::<Pausing>()
}

/// A world with a plugin (context 1), and the FakeEnvoy that keeps it in order.
pub(crate) fn world() -> (FakeEnvoy, Rc<World>) {
    let world = World::new(module, Settings::new("pausing"), Failures::default());
    let envoy = FakeEnvoy::start(world, b"{}").expect("configured");
    let world = envoy.world();
    (envoy, world)
}

/// Does `calls` as if in a tick, for this context.
pub(crate) fn in_tick<T>(world: &World, context: u32, calls: impl FnOnce(&World) -> T) -> T {
    let mut result = None;
    world.enter("proxy_on_tick", 1, &[], || {
        assert_eq!(world.set_effective_context(context), Ok(()));
        result = Some(calls(world));
    });
    result.expect("the closure has run")
}

fn to_server(world: &World, context: u32) -> Vec<u8> {
    world.state().streams[&context].to_server.delivered.clone()
}

#[test]
fn a_tick_changes_what_is_paused_and_lets_it_go_on() {
    let (_envoy, world) = world();
    let context = world.open(1, ConnectOptions::new());
    world.arrive(context, Way::ToServer, b"pause", false);
    world.arrive(context, Way::ToServer, b" second", false);
    in_tick(&world, context, |world| {
        assert_eq!(world.buffer_bytes(DOWNSTREAM, 0, 100), Ok(Some(b"pause second".to_vec())));
        assert_eq!(world.set_buffer_bytes(DOWNSTREAM, 0, 2, b"TT"), Ok(()));
        assert_eq!(world.set_buffer_bytes(DOWNSTREAM, 1_000, 0, b"END"), Ok(()));
        assert_eq!(world.continue_stream(DOWNSTREAM), Ok(()));
        assert_eq!(
            world.buffer_bytes(DOWNSTREAM, 0, 5),
            Ok(Some(b"TTuse".to_vec())),
            "it goes on after the tick"
        );
    });
    assert_eq!(to_server(&world, context), b"TTuse secondEND");
    // Written after that, it waits for what comes next.
    in_tick(&world, context, |world| assert_eq!(world.set_buffer_bytes(DOWNSTREAM, 0, 0, b"LATE"), Ok(())));
    world.arrive(context, Way::ToServer, b"next", false);
    assert_eq!(to_server(&world, context), b"TTuse secondENDLATEnext");
}

#[test]
fn buffers_that_are_not_there() {
    let (_envoy, world) = world();
    let context = world.open(1, ConnectOptions::new());
    in_tick(&world, context, |world| {
        for buffer in [DOWNSTREAM, UPSTREAM, 0, 6] {
            assert_eq!(world.buffer_bytes(buffer, 0, 9), Ok(Some(vec![])), "{buffer}");
            assert_eq!(world.set_buffer_bytes(buffer, 0, 0, b"x"), Err(Status::BAD_ARGUMENT), "{buffer}");
        }
        assert_eq!(world.buffer_bytes(CONFIGURATION, 0, 9), Err(Status::NOT_FOUND));
        assert_eq!(world.set_buffer_bytes(CONFIGURATION, 0, 0, b"x"), Err(Status::NOT_FOUND));
        assert_eq!(world.buffer_bytes(9, 0, 9), Err(Status::BAD_ARGUMENT));
        assert_eq!(world.set_buffer_bytes(9, 0, 0, b"x"), Err(Status::BAD_ARGUMENT));
    });
}

#[test]
fn continuing_and_closing_kinds_of_streams() {
    let (_envoy, world) = world();
    let context = world.open(1, ConnectOptions::new());
    in_tick(&world, context, |world| {
        assert_eq!(world.continue_stream(UPSTREAM), Err(Status::UNIMPLEMENTED));
        assert_eq!((world.continue_stream(0), world.continue_stream(9)), (Ok(()), Err(Status::BAD_ARGUMENT)));
        assert_eq!((world.close_stream(0), world.close_stream(9)), (Ok(()), Err(Status::BAD_ARGUMENT)));
    });
    assert_eq!(world.state().streams[&context].closed, None);
    in_tick(&world, context, |world| assert_eq!(world.close_stream(UPSTREAM), Ok(())));
    assert_eq!(
        world.state().streams[&context].closed,
        Some(ClosedBy::Envoy),
        "either side closes the client's"
    );
}

#[test]
fn a_context_that_has_gone_is_refused_and_a_plugin_has_nothing_to_close() {
    let (_envoy, world) = world();
    let context = world.open(1, ConnectOptions::new());
    world.close(context, ClosedBy::Client);
    world.enter("proxy_on_tick", 1, &[], || {
        assert_eq!(world.set_effective_context(context), Err(Status::BAD_ARGUMENT));
        assert_eq!(world.close_stream(DOWNSTREAM), Ok(()));
        assert_eq!(world.set_property(b"key", b"value"), Err(Status::NOT_FOUND));
        assert_eq!(world.property(b"connection\0id"), Err(Status::NOT_FOUND));
        assert_eq!(world.property(b"xds\0listener_direction"), Err(Status::NOT_FOUND));
        assert_eq!(world.property(b"plugin_root_id"), Ok(Some(b"pausing".to_vec())));
    });
}

#[test]
fn two_closes_of_one_tick_are_nested() {
    let (mut envoy, world) = world();
    let contexts = [(); 2].map(|()| world.open(1, ConnectOptions::new()));
    envoy.take_trace();
    world.enter("proxy_on_tick", 1, &[], || {
        for context in contexts {
            assert_eq!(world.set_effective_context(context), Ok(()));
            assert_eq!(world.close_stream(DOWNSTREAM), Ok(()));
        }
    });
    let lines = envoy.take_trace().iter().map(ToString::to_string).collect::<Vec<_>>();
    let callbacks =
        lines.iter().filter_map(|line| line.strip_prefix("[host->vm] proxy_on_")).collect::<Vec<_>>();
    assert_eq!(
        callbacks,
        [
            "tick()",
            "downstream_connection_close(2, 1)",
            "downstream_connection_close(3, 1)",
            "done(3)",
            "log(3)",
            "delete(3)",
            "done(2)",
            "log(2)",
            "delete(2)",
        ]
    );
}

#[test]
fn an_envoy_that_stops_closes_what_is_left() {
    let (mut envoy, world) = world();
    world.open(1, ConnectOptions::new());
    envoy.take_trace();
    drop(envoy);
    let lines = world.state().trace.iter().map(ToString::to_string).collect::<Vec<_>>();
    let callbacks =
        lines.iter().filter_map(|line| line.strip_prefix("[host->vm] proxy_on_")).collect::<Vec<_>>();
    let connection = ["downstream_connection_close(2, 1)", "done(2)", "log(2)", "delete(2)"];
    assert_eq!(callbacks, [&connection[..], &["done(1)", "delete(1)"]].concat());
}

#[test]
fn octets_presented_again_are_counted_again() {
    let (_envoy, world) = world();
    let context = world.open(1, ConnectOptions::new());
    world.arrive(context, Way::ToServer, b"pause", false);
    world.arrive(context, Way::ToServer, b"!", false);
    let size = in_tick(&world, context, |world| world.property(b"request\0size"));
    assert_eq!(size, Ok(Some(11_u64.to_le_bytes().to_vec())));
}

#[test]
fn a_new_connection_that_waits_is_not_read_until_it_goes_on() {
    let (_envoy, world) = world();
    let opened = |octets: &[u8], end: bool, reset: bool| {
        let context = world.open(1, ConnectOptions::new());
        // As if on_new_connection had paused.
        world.state().streams.get_mut(&context).expect("opened").opening = crate::stream::Opening::Held;
        world.arrive(context, Way::ToServer, octets, end);
        if reset {
            world.client_resets(context);
        }
        assert!(to_server(&world, context).is_empty());
        in_tick(&world, context, |world| assert_eq!(world.continue_stream(DOWNSTREAM), Ok(())));
        (to_server(&world, context), world.state().streams[&context].closed)
    };
    assert_eq!(opened(b"early", false, false), (b"early".to_vec(), None));
    assert_eq!(opened(b"early", true, false), (b"early".to_vec(), None));
    assert_eq!(opened(b"", false, true), (vec![], Some(ClosedBy::Client)));
}

#[test]
fn a_trace_line_per_call_and_malloc_for_what_is_not_empty() {
    let (mut envoy, world) = world();
    envoy.take_trace();
    world.enter("proxy_on_tick", 1, &[1_u32.into()], || {
        let _ = world.property(b"plugin_root_id");
        let _ = world.property(b"nothing");
        let _ = world.buffer_bytes(DOWNSTREAM, 0, 9);
    });
    let lines = envoy.take_trace().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        lines,
        [
            "[host->vm] proxy_on_tick(1)",
            "[vm->host] env.proxy_get_property(*, 14, *, *)",
            "[host->vm] malloc(7)",
            "[host<-vm] malloc return: *",
            "[vm<-host] env.proxy_get_property return: 0",
            "[vm->host] env.proxy_get_property(*, 7, *, *)",
            "[vm<-host] env.proxy_get_property return: 1",
            "[vm->host] env.proxy_get_buffer_bytes(2, 0, 9, *, *)",
            "[vm<-host] env.proxy_get_buffer_bytes return: 0",
            "[host<-vm] proxy_on_tick return: void",
        ]
    );
}

#[test]
fn calls_outside_of_callbacks_are_not_the_modules() {
    let (mut envoy, world) = world();
    envoy.take_trace();
    assert_eq!(world.log(2, b"from the test"), Ok(()));
    assert_eq!(envoy.count_calls(HostCall::Log), 0);
    assert_eq!(envoy.log()[0].context, None);
    envoy.advance(Duration::from_secs(1));
}

#[test]
fn a_module_that_asks_while_it_is_loaded_fails() {
    let world = World::new(module, Settings::new("pausing"), Failures::default());
    world.enter("_initialize", 0, &[], || {
        assert_eq!(world.log(2, b"allowed"), Ok(()));
        assert_eq!(world.log_level(), Err(Status::INTERNAL_FAILURE));
    });
    assert_eq!(world.state().called_too_early, Some("proxy_get_log_level"));
}
