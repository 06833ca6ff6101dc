//! The `log` crate's messages on their way to Envoy's log.

use std::time::Duration;

use envoy_sdk::{
    ConfigureContext, FilterStatus, LIMITED_BY_WRITER, Module, NetworkContext, NetworkFilter,
    NetworkFilterFactory, Result, Status,
};
use envoy_sdk_test::{FakeEnvoy, HostCall, LogLevel};

#[derive(serde::Deserialize)]
struct Config {}

/// Logs a line per octet.
struct Talker;

impl NetworkFilterFactory for Talker {
    const NAME: &'static str = "talker";
    type Config = Config;
    type Filter = Talker;

    fn configure(_config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        log::info!("configured");
        Ok(Self)
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Talker> {
        Ok(Self)
    }
}

impl NetworkFilter for Talker {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        for octet in cx.buffer().chunks(0..10_000)?.into_bytes() {
            match octet {
                b'e' => log::error!("an error"),
                b'w' => log::warn!("a warning"),
                b'i' => log::info!("information"),
                b'd' => log::debug!("a detail"),
                b'o' => log::info!(target: LIMITED_BY_WRITER, "one that is limited otherwise"),
                _ => log::trace!("a trace"),
            }
        }
        Ok(FilterStatus::Continue)
    }
}

fn module() -> Module {
    Module::new().network_filter::<Talker>()
}

#[test]
fn lines_keep_their_level_and_context() {
    let mut envoy = FakeEnvoy::new(module).configure("{}").expect("configured");
    envoy.connect().client_sends("ewidt");
    let lines = envoy.log().into_iter().map(|line| (line.level, line.context)).collect::<Vec<_>>();
    assert_eq!(
        lines,
        [
            (LogLevel::Info, Some(1)),
            (LogLevel::Error, Some(2)),
            (LogLevel::Warn, Some(2)),
            (LogLevel::Info, Some(2)),
            (LogLevel::Debug, Some(2)),
            (LogLevel::Trace, Some(2)),
        ]
    );
}

#[test]
fn below_envoys_level_nothing_is_even_asked() {
    for (level, logged) in
        [(LogLevel::Debug, 5), (LogLevel::Info, 4), (LogLevel::Warn, 2), (LogLevel::Error, 1)]
    {
        let mut envoy = FakeEnvoy::new(module).log_level(level).configure("{}").expect("configured");
        envoy.connect().client_sends("ewidt");
        assert_eq!((envoy.log().len(), envoy.count_calls(HostCall::Log)), (logged, logged), "{level:?}");
    }
}

#[test]
fn a_flood_is_cut_short_and_counted() {
    let mut envoy = FakeEnvoy::new(module).configure("{}").expect("configured");
    let mut connection = envoy.connect();
    envoy.take_log();
    connection.client_sends("i".repeat(2_000));
    let dropped = |envoy: &FakeEnvoy| {
        envoy.stats().total("envoy_sdk_log_lines_dropped_total", &[("extension", "talker")])
    };
    // One of the 500 that may come at once was used during configuration.
    assert_eq!((envoy.take_log().len(), dropped(&envoy)), (499, 1_501));
    envoy.advance(Duration::from_secs(2));
    connection.client_sends("i".repeat(1_000));
    assert_eq!((envoy.take_log().len(), dropped(&envoy)), (100, 2_401));
}

#[test]
fn lines_that_have_a_limit_of_their_own_neither_fall_under_this_one_nor_use_it_up() {
    let mut envoy = FakeEnvoy::new(module).configure("{}").expect("configured");
    let mut connection = envoy.connect();
    envoy.take_log();
    connection.client_sends("o".repeat(2_000) + "i");
    assert_eq!(envoy.take_log().len(), 2_001);
    assert_eq!(envoy.stats().total("envoy_sdk_log_lines_dropped_total", &[]), 0);
}

#[test]
fn a_log_that_fails_fails_alone() {
    let mut envoy = FakeEnvoy::new(module).configure("{}").expect("configured");
    envoy.fail_always(HostCall::Log, Status::INTERNAL_FAILURE);
    envoy.fail_always(HostCall::GetCurrentTimeNanoseconds, Status::INTERNAL_FAILURE);
    let mut connection = envoy.connect();
    assert_eq!(connection.client_sends("ewid").received, b"ewid");
    assert_eq!(envoy.stats().total("envoy_sdk_errors_total", &[]), 0);
}
