//! Closing connections.

use std::time::Duration;

use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    Status,
};
use envoy_sdk_test::{ClosedBy, FakeEnvoy, HostCall, LogLevel};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What to do when the server says BYE or ends.
    at_the_end: AtTheEnd,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum AtTheEnd {
    Close,
    CloseAfterFlush,
    Fail,
    Panic,
}

struct Closer(AtTheEnd);

impl NetworkFilterFactory for Closer {
    const NAME: &'static str = "closer";
    type Config = Config;
    type Filter = Closer;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self(config.at_the_end))
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Closer> {
        Ok(Self(self.0))
    }
}

impl NetworkFilter for Closer {
    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        if end_stream || cx.buffer().chunks(0..3)?.into_bytes() == b"BYE" {
            match self.0 {
                AtTheEnd::Close => cx.close()?,
                AtTheEnd::CloseAfterFlush => {
                    cx.buffer().append(b" for ever")?;
                    cx.close_after_flush()?;
                }
                AtTheEnd::Fail => return Err(envoy_sdk::Error::new("the end")),
                AtTheEnd::Panic => panic!("the end"),
            }
        }
        Ok(FilterStatus::Continue)
    }
}

fn module() -> Module {
    Module::new().network_filter::<Closer>()
}

fn envoy(at_the_end: &str) -> FakeEnvoy {
    FakeEnvoy::new(module).configure(format!(r#"{{"at_the_end": "{at_the_end}"}}"#)).expect("configured")
}

const TICK: Duration = Duration::from_millis(1);

#[test]
fn the_connection_is_closed_after_its_last_octets() {
    let mut envoy = envoy("close_after_flush");
    let mut connection = envoy.connect();
    assert_eq!(connection.server_sends("BYE").received, b"BYE for ever");
    assert!(connection.is_open());
    envoy.advance(TICK);
    assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy));
    assert_eq!(envoy.tick_period(), None);
}

#[test]
fn many_connections_close_on_one_timer() {
    let mut envoy = envoy("close_after_flush");
    let mut connections = (0..20).map(|_| envoy.connect()).collect::<Vec<_>>();
    for connection in &mut connections[5..] {
        connection.server_sends("BYE");
    }
    // Gone before the timer fires.
    connections[7].client_resets();
    assert_eq!(envoy.count_calls(HostCall::SetTickPeriodMilliseconds), 1);
    envoy.advance(TICK);
    assert_eq!(envoy.open_connections(), 5);
    assert_eq!(envoy.messages(LogLevel::Warn), [""; 0]);
    // And again: the timer was switched off in between.
    connections[0].server_sends("BYE");
    envoy.advance(TICK);
    assert_eq!(envoy.open_connections(), 4);
}

#[test]
fn a_timer_that_cannot_be_had_is_an_error() {
    let mut envoy = envoy("close_after_flush");
    envoy.fail_next(HostCall::SetTickPeriodMilliseconds, Status::INTERNAL_FAILURE);
    let mut connection = envoy.connect();
    connection.server_sends("BYE");
    assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy), "by the error policy");
    let [line] = &envoy.messages(LogLevel::Error)[..] else { panic!("{:#?}", envoy.log()) };
    assert!(
        line.ends_with("proxy_set_tick_period_milliseconds answered InternalFailure (10) in context 2"),
        "{line}"
    );
}

/// Envoy 1.36.2 and 1.40.0 would call `on_upstream_close` for a context that is deleted, and the VM would be lost:
/// FakeEnvoy refuses that.
#[test]
fn closing_with_the_servers_end_does_not_cost_the_vm() {
    for at_the_end in ["close", "close_after_flush", "fail", "panic"] {
        for last in ["", "BYE", "good night"] {
            let mut envoy = envoy(at_the_end);
            let mut connection = envoy.connect();
            let passage =
                if last.is_empty() { connection.server_ends() } else { connection.server_sends_last(last) };
            let failing = matches!(at_the_end, "fail" | "panic");
            assert_eq!(passage.end_stream, !failing, "after a failure nothing passes any more");
            assert_eq!(passage.received.is_empty(), failing || (last.is_empty() && at_the_end == "close"));
            if failing {
                assert_eq!(connection.client_sends("more").received, b"", "{at_the_end}");
            }
            envoy.advance(TICK);
            assert_eq!(connection.closed_by(), Some(ClosedBy::Envoy), "{at_the_end} {last:?}");
            let closed = envoy.stats().total("envoy_sdk_connections_closed_on_error_total", &[]);
            assert_eq!(closed, u64::from(failing));
        }
    }
}

#[test]
fn a_close_that_envoy_refuses_still_lets_nothing_pass() {
    let mut envoy = envoy("fail");
    let mut connection = envoy.connect();
    envoy.fail_next(HostCall::CloseStream, Status::INTERNAL_FAILURE);
    assert_eq!(connection.server_sends("BYE").received, b"");
    assert!(connection.is_open());
    assert_eq!(connection.client_sends("request").received, b"");
    assert_eq!(connection.server_sends("more").received, b"");
    let last = envoy.messages(LogLevel::Error).pop().unwrap_or_default();
    assert_eq!(last, "closer could not close: proxy_close_stream answered InternalFailure (10) in context 2");
}
