//! An HTTP filter that tells how long the server took: the client by a `server-timing` header, operators by metrics,
//! and a line in the log for each response that took too long.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod metrics;

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use envoy_sdk::metrics::Level;
use envoy_sdk::{
    ConfigureContext, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, Module,
    Result, Stats,
};
use serde::Deserialize;

use crate::metrics::{Class, LATENCY, METRICS, REQUESTS, SLOW};

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).http_filter::<TimingFactory>()
}
envoy_sdk::entry_point!(module);

/// The configuration: JSON. A field that is not here is refused, and so is a value that does not fit; Envoy then says
/// which and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From how many milliseconds on a response is slow.
    pub slow_after_milliseconds: u32,
    /// Whether the client is told how long the server took.
    pub server_timing: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { slow_after_milliseconds: 500, server_timing: true }
    }
}

/// Makes the filter of each request. Envoy has one of these per worker thread.
#[derive(Debug)]
pub struct TimingFactory {
    config: Rc<Config>,
    stats: Stats,
}

impl HttpFilterFactory for TimingFactory {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;
    type Filter = Timing;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = cx.stats(&METRICS, &[], Level::Summary)?;
        Ok(Self { config: Rc::new(config), stats })
    }

    fn new_filter(&self, cx: &mut HttpContext<'_>) -> Result<Timing> {
        Ok(Timing {
            config: Rc::clone(&self.config),
            stats: self.stats.clone(),
            begun: cx.now()?,
            class: Class::None,
        })
    }
}

/// The filter of one request and its response.
#[derive(Debug)]
pub struct Timing {
    config: Rc<Config>,
    stats: Stats,
    begun: SystemTime,
    class: Class,
}

impl HttpFilter for Timing {
    fn on_response_headers(
        &mut self,
        cx: &mut HttpContext<'_>,
        _end_stream: bool,
    ) -> Result<FilterHeadersStatus> {
        // The clock may have been put back meanwhile: then it took no time.
        let took = cx.now()?.duration_since(self.begun).unwrap_or_default();
        let headers = cx.response_headers();
        let status = headers.get(":status")?.and_then(|status| status.to_str()?.parse().ok());
        let status = status.unwrap_or_default();
        self.class = Class::of(status);
        self.stats.record(&LATENCY, (), microseconds(took));
        if took >= Duration::from_millis(self.config.slow_after_milliseconds.into()) {
            self.stats.add(&SLOW, (), 1);
            // What a client sends, such as the path, belongs in no log: the connection's number is enough to find it.
            let connection = cx.stream_info().connection().id()?.unwrap_or_default();
            log::warn!("connection {connection}: {status} after {} ms", took.as_millis());
        }
        if self.config.server_timing {
            let milliseconds = took.as_secs_f64() * 1000.0;
            headers.append("server-timing", format!("upstream;dur={milliseconds:.1}"))?;
        }
        Ok(FilterHeadersStatus::Continue)
    }

    fn on_stream_complete(&mut self, _cx: &mut HttpContext<'_>) -> Result<()> {
        self.stats.add(&REQUESTS, self.class, 1);
        Ok(())
    }
}

fn microseconds(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
