//! An access logger that counts requests by what came of them, and writes a line to Envoy's log for each that failed.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod metrics;

use std::time::Duration;

use envoy_sdk::metrics::Level;
use envoy_sdk::{AccessLogContext, AccessLogger, ConfigureContext, Module, Result, Stats};
use serde::Deserialize;

use crate::metrics::{BYTES, Class, DURATION, METRICS, REQUESTS};

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).access_logger::<Requests>()
}
envoy_sdk::entry_point!(module);

/// The configuration: JSON. A field that is not here is refused, and so is a value that does not fit; Envoy then says
/// which and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Requests answered with this status or a higher one are logged, and those without an answer.
    pub log_from_status: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { log_from_status: 500 }
    }
}

/// The logger. Envoy has one of these per worker thread.
#[derive(Debug)]
pub struct Requests {
    config: Config,
    stats: Stats,
}

impl AccessLogger for Requests {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        Ok(Self { config, stats: cx.stats(&METRICS, &[], Level::Summary)? })
    }

    fn on_log(&mut self, cx: &mut AccessLogContext<'_>) -> Result<()> {
        let info = cx.stream_info();
        let status = info.response().code()?.filter(|status| *status != 0);
        let took = info.request().duration()?.unwrap_or_default();
        let octets = info.response().size()?.unwrap_or_default();

        self.stats.add(&REQUESTS, Class::of(status), 1);
        self.stats.add(&BYTES, (), octets);
        self.stats.record(&DURATION, (), microseconds(took));

        if status.is_none_or(|status| status >= self.config.log_from_status) {
            // What a client sends, such as the path, belongs in no log: the connection's number is enough to find it.
            let connection = info.connection().id()?.unwrap_or_default();
            let status = status.map_or("no answer".to_owned(), |status| status.to_string());
            log::warn!("connection {connection}: {status} after {} ms", took.as_millis());
        }
        Ok(())
    }
}

fn microseconds(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
