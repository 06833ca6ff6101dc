//! An access logger that writes no lines: it turns log entries into metrics.
//!
//! The same logger serves HTTP and TCP: a request counts by class of status and how long it took, a connection by its
//! duration and octets, and both by why Envoy says they went wrong. Under wasm32 this crate is the module
//! `access-log-metrics.wasm`; see README.md for how to run it.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod metrics;

pub use metrics::{ACCESS_LOG, Class, Direction, Flag};

use std::time::Duration;

use envoy_sdk::metrics::Level;
use envoy_sdk::{AccessLogContext, AccessLogger, ConfigureContext, Module, ResponseFlags, Result, Stats};
use serde::Deserialize;

use crate::metrics::{BYTES, CONNECTION_DURATION, CONNECTIONS, REQUEST_DURATION, REQUESTS, RESPONSE_FLAGS};

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).access_logger::<AccessLogMetrics>()
}
envoy_sdk::entry_point!(module);

/// The plugin's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which listener this is: the label `stat_prefix` of everything that is counted. 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub stat_prefix: String,
}

/// The logger of one plugin.
#[derive(Debug)]
pub struct AccessLogMetrics {
    stats: Stats,
}

impl AccessLogger for AccessLogMetrics {
    const NAME: &'static str = "access-log-metrics";
    type Config = Config;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let common = [("stat_prefix", config.stat_prefix.as_str())];
        Ok(Self { stats: cx.stats(&ACCESS_LOG, &common, Level::Summary)? })
    }

    fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()> {
        let info = cx.stream_info();
        let duration = milliseconds(info.request().duration()?.unwrap_or_default())?;
        // Only a request has a protocol in this sense; a TCP connection has none.
        if info.request().protocol()?.is_some() {
            let class = Class::of(info.response().code()?);
            self.stats.add(&REQUESTS, class, 1);
            self.stats.record(&REQUEST_DURATION, class, duration);
        } else {
            self.stats.add(&CONNECTIONS, (), 1);
            self.stats.record(&CONNECTION_DURATION, (), duration);
            self.stats.add(&BYTES, Direction::Received, info.request().size()?.unwrap_or(0));
            self.stats.add(&BYTES, Direction::Sent, info.response().size()?.unwrap_or(0));
        }
        let flags = info.response().flags()?;
        for (flag, name, _) in ResponseFlags::ALL {
            if flags.contains(*flag) {
                self.stats.add(&RESPONSE_FLAGS, Flag::named(name), 1);
            }
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> Result<u64> {
    Ok(u64::try_from(duration.as_millis())?)
}
