//! What an extension gets from the host, and what it is told when the host refuses.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use envoy_sdk::{
    ConfigureContext, FilterStatus, HostError, Module, NetworkContext, NetworkFilter, NetworkFilterFactory,
    Result, Status, TrafficDirection,
};
use envoy_sdk_test::{ConnectOptions, FakeEnvoy, HostCall, LogLevel};

/// What a test wants to happen in `on_downstream_data`.
type Action = fn(&mut NetworkContext<'_>) -> Result<String>;

thread_local! {
    static ACTION: RefCell<Action> = const { RefCell::new(|_| Ok(String::new())) };
    static ERROR: RefCell<Option<HostError>> = const { RefCell::new(None) };
}

#[derive(serde::Deserialize)]
struct Config {}

struct Probe;

impl NetworkFilterFactory for Probe {
    const NAME: &'static str = "probe";
    type Config = Config;
    type Filter = Probe;

    fn configure(_config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Probe> {
        Ok(Self)
    }
}

impl NetworkFilter for Probe {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let action = ACTION.with_borrow(|action| *action);
        match action(cx) {
            Ok(said) => log::info!("{said}"),
            Err(error) => ERROR.set(error.downcast_ref::<HostError>().copied()),
        }
        Ok(FilterStatus::Continue)
    }
}

fn module() -> Module {
    Module::new().network_filter::<Probe>()
}

fn envoy() -> FakeEnvoy {
    FakeEnvoy::new(module).listener_direction(TrafficDirection::Inbound).configure("{}").expect("configured")
}

/// What `action` says on a connection like that.
fn said(envoy: &mut FakeEnvoy, options: ConnectOptions, action: Action) -> String {
    ACTION.set(action);
    envoy.take_log();
    envoy.connect_with(options).client_sends("data");
    envoy.messages(LogLevel::Info).concat()
}

#[test]
fn a_refused_call_says_which_and_why_and_where() {
    let calls: [(HostCall, Action); 9] = [
        (HostCall::GetBufferBytes, |cx| Ok(cx.buffer().chunks(0..1)?.into_bytes().len().to_string())),
        (HostCall::SetBufferBytes, |cx| cx.buffer().append(b"x").map(|()| String::new())),
        (HostCall::GetProperty, |cx| cx.stream_info().connection().mtls().map(|mtls| mtls.to_string())),
        (HostCall::SetProperty, |cx| cx.filter_state().set("key", b"value").map(|()| String::new())),
        (HostCall::GetCurrentTimeNanoseconds, |cx| cx.now().map(|now| format!("{now:?}"))),
        (HostCall::GetSharedData, |cx| cx.shared_data().get("key").map(|value| format!("{value:?}"))),
        (HostCall::SetSharedData, |cx| cx.shared_data().set("key", b"value").map(|()| String::new())),
        (HostCall::ContinueStream, |cx| cx.continue_reading().map(|()| String::new())),
        (HostCall::CloseStream, |cx| cx.close().map(|()| String::new())),
    ];
    for (call, action) in calls {
        for status in [Status::INTERNAL_FAILURE, Status::UNIMPLEMENTED, Status::from_code(77)] {
            let mut envoy = envoy();
            let mut connection = envoy.connect();
            ACTION.set(action);
            envoy.fail_next(call, status);
            connection.client_sends("data");
            let expected = HostError { call: call.name(), status, context: Some(connection.context()) };
            assert_eq!(ERROR.take(), Some(expected));
            connection.client_sends("data");
            assert_eq!(ERROR.take(), None, "{} works again", call.name());
        }
    }
}

#[test]
fn an_absent_property_is_nothing_and_no_error() {
    let absent = said(&mut envoy(), ConnectOptions::new(), |cx| {
        Ok(format!(
            "{:?} {:?}",
            cx.stream_info().connection().tls_version()?,
            cx.stream_info().property(&["no", "such"])?
        ))
    });
    assert_eq!(absent, "None None");
}

#[test]
fn attributes_of_the_connection() {
    let ask: Action = |cx| {
        let info = cx.stream_info();
        Ok(format!(
            "{:?} {} {:?} {:?} {:?} {:?}",
            info.connection().id()?,
            info.connection().mtls()?,
            info.connection().tls_version()?,
            info.source().address()?,
            info.destination().address()?,
            info.xds().listener_direction()?
        ))
    };
    let options = ConnectOptions::new()
        .connection_id(4_711)
        .mtls("TLSv1.3")
        .client_address("203.0.113.9:5000")
        .listener_address("203.0.113.1:25");
    assert_eq!(
        said(&mut envoy(), options, ask),
        r#"Some(4711) true Some("TLSv1.3") Some("203.0.113.9:5000") Some("203.0.113.1:25") Inbound"#
    );
    let plain = ConnectOptions::new();
    assert!(said(&mut envoy(), plain, ask).starts_with("Some(1) false None Some(\"192.0.2.1:40001\")"));
}

#[test]
fn a_property_of_another_type_is_an_error() {
    let options = ConnectOptions::new().property(&["connection", "id"], "seven");
    ACTION.set(|cx| cx.stream_info().connection().id().map(|id| format!("{id:?}")));
    let said = said(&mut envoy(), options, |cx| match cx.stream_info().connection().id() {
        Ok(id) => Ok(format!("{id:?}")),
        Err(error) => Ok(error.to_string()),
    });
    assert_eq!(said, "connection.id is not a number of 8 octets in context 2");
}

#[test]
fn time_stands_still_during_a_callback() {
    let mut envoy = envoy();
    let told: Action = |cx| {
        let (first, second) = (cx.now()?, cx.now()?);
        assert_eq!(first, second);
        Ok(first.duration_since(SystemTime::UNIX_EPOCH)?.as_secs().to_string())
    };
    envoy.set_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(99));
    assert_eq!(said(&mut envoy, ConnectOptions::new(), told), "99");
    envoy.advance(Duration::from_secs(2));
    envoy.take_trace();
    assert_eq!(said(&mut envoy, ConnectOptions::new(), told), "101");
    // One for the callback, one for the rate limit of the log line.
    assert_eq!(envoy.count_calls(HostCall::GetCurrentTimeNanoseconds), 2);
}

#[test]
fn shared_data_with_versions() {
    let mut envoy = envoy();
    let replaced = said(&mut envoy, ConnectOptions::new(), |cx| {
        let shared = cx.shared_data();
        assert_eq!(shared.get("key")?, None);
        shared.set("key", b"one")?;
        let Some((value, version)) = shared.get("key")? else { return Ok("nothing".to_owned()) };
        assert_eq!(value, b"one");
        let first = shared.replace("key", b"two", version)?;
        let second = shared.replace("key", b"three", version)?;
        Ok(format!("{first} {second}"))
    });
    assert_eq!(replaced, "true false");
    assert_eq!(envoy.shared_data("key"), Some(b"two".to_vec()));
}

#[test]
fn reading_nothing_is_no_host_call() {
    let mut envoy = envoy();
    envoy.take_trace();
    said(&mut envoy, ConnectOptions::new(), |cx| {
        let buffer = cx.buffer();
        Ok(format!("{}", buffer.chunks(4..9)?.into_bytes().len() + buffer.chunks(2..2)?.into_bytes().len()))
    });
    assert_eq!(envoy.count_calls(HostCall::GetBufferBytes), 0);
}
