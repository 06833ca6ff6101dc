//! A background service that asks a server every now and then whether it is well, counts the answers, and writes a line
//! to Envoy's log when that changes.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod metrics;

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use envoy_sdk::metrics::Level;
use envoy_sdk::{
    BackgroundService, CallbackContext, ConfigureContext, HttpCallError, HttpCallId, HttpRequest,
    HttpResponse, Module, Result, Stats, TimerId,
};
use serde::Deserialize;

use crate::metrics::{HEALTHY, LATENCY, METRICS, Outcome, PROBES};

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).background_service::<Prober>()
}
envoy_sdk::entry_point!(module);

/// The configuration: JSON. A field that is not here is refused, and so is a value that does not fit; Envoy then says
/// which and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The cluster of Envoy's configuration that is asked.
    pub cluster: String,
    /// The path that is asked for.
    pub path: String,
    /// Time between two probes, in milliseconds, and how long an answer may take.
    pub interval_milliseconds: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        const TEN_SECONDS: NonZeroU32 = NonZeroU32::new(10_000).unwrap();
        Self {
            cluster: "upstream".to_owned(),
            path: "/".to_owned(),
            interval_milliseconds: TEN_SECONDS,
        }
    }
}

/// The service. As a singleton it exists once per Envoy.
#[derive(Debug)]
pub struct Prober {
    config: Config,
    stats: Stats,
    /// When the probe was sent that waits for its answer.
    asked: SystemTime,
    /// What came of the last probe.
    last: Option<Outcome>,
}

impl BackgroundService for Prober {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = cx.stats(&METRICS, &[], Level::Summary)?;
        let prober = Self { config, stats, asked: SystemTime::UNIX_EPOCH, last: None };
        cx.set_timer(prober.interval())?;
        Ok(prober)
    }

    fn on_timer(&mut self, cx: &mut CallbackContext<'_>, _timer: TimerId) -> Result<()> {
        // First of all: whatever happens to this probe, there will be another one.
        cx.set_timer(self.interval())?;
        self.asked = cx.now()?;
        let request = HttpRequest::get(&self.config.cluster, &self.config.path);
        if let Err(error) = cx.http_call(&self.config.cluster, &request, self.interval()) {
            self.note(Outcome::Failed, &error.to_string());
        }
        Ok(())
    }

    fn on_http_call_done(
        &mut self,
        cx: &mut CallbackContext<'_>,
        _call: HttpCallId,
        response: Result<HttpResponse<'_>, HttpCallError>,
    ) -> Result<()> {
        let took = cx.now()?.duration_since(self.asked).unwrap_or_default();
        self.stats.record(&LATENCY, (), microseconds(took));
        match response {
            Ok(response) => {
                let status = response.status()?;
                let outcome = if status < 400 { Outcome::Healthy } else { Outcome::Unhealthy };
                self.note(outcome, &format!("status {status}"));
            }
            Err(error) => self.note(Outcome::Failed, &error.to_string()),
        }
        Ok(())
    }
}

impl Prober {
    fn interval(&self) -> Duration {
        Duration::from_millis(self.config.interval_milliseconds.get().into())
    }

    fn note(&mut self, outcome: Outcome, why: &str) {
        self.stats.add(&PROBES, outcome, 1);
        let before = self.last.replace(outcome);
        if before == Some(outcome) {
            return;
        }
        // A gauge is only ever changed by a difference.
        let healthy = |outcome| i64::from(outcome == Some(Outcome::Healthy));
        self.stats.shift(&HEALTHY, (), healthy(Some(outcome)) - healthy(before));
        let cluster = &self.config.cluster;
        match outcome {
            Outcome::Healthy => log::info!("{cluster} is healthy: {why}"),
            Outcome::Unhealthy | Outcome::Failed => log::warn!("{cluster} is not healthy: {why}"),
        }
    }
}

fn microseconds(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
