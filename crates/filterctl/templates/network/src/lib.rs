//! A network filter that gives each client a quota: a connection in which the client sends more octets than that is
//! closed, and the octets that were too many never reach the server.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod metrics;

use std::num::NonZeroU64;

use envoy_sdk::metrics::Level;
use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory,
    Result, Stats,
};
use serde::Deserialize;

use crate::metrics::{BYTES, CONNECTIONS, Ending, METRICS, Sender};

/// What this module contains.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).network_filter::<QuotaFactory>()
}
envoy_sdk::entry_point!(module);

/// The configuration: JSON. A field that is not here is refused, and so is a value that does not fit; Envoy then says
/// which and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many octets a client may send in one connection, 1 or more.
    pub max_bytes_from_client: NonZeroU64,
}

impl Default for Config {
    fn default() -> Self {
        const ONE_MEBIBYTE: NonZeroU64 = NonZeroU64::new(1 << 20).unwrap();
        Self { max_bytes_from_client: ONE_MEBIBYTE }
    }
}

/// Makes the filter of each connection. Envoy has one of these per worker thread.
#[derive(Debug)]
pub struct QuotaFactory {
    quota: NonZeroU64,
    stats: Stats,
}

impl NetworkFilterFactory for QuotaFactory {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;
    type Filter = Quota;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = cx.stats(&METRICS, &[], Level::Summary)?;
        Ok(Self { quota: config.max_bytes_from_client, stats })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Quota> {
        Ok(Quota { quota: self.quota.get(), sent: 0, stats: self.stats.clone() })
    }
}

/// The filter of one connection.
#[derive(Debug)]
pub struct Quota {
    quota: u64,
    /// Octets from the client so far.
    sent: u64,
    stats: Stats,
}

impl Quota {
    fn is_exceeded(&self) -> bool {
        self.sent > self.quota
    }
}

impl NetworkFilter for Quota {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _: bool) -> Result<FilterStatus> {
        let octets = cx.buffer().len() as u64;
        self.stats.add(&BYTES, Sender::Client, octets);
        self.sent = self.sent.saturating_add(octets);
        if !self.is_exceeded() {
            return Ok(FilterStatus::Continue);
        }
        // What a peer sends belongs in no log: the connection's number is enough to find it.
        let connection = cx.stream_info().connection().id()?.unwrap_or_default();
        log::warn!("connection {connection}: {} octets, {} allowed", self.sent, self.quota);
        cx.close()?;
        // These octets stay here, and go with the connection.
        Ok(FilterStatus::StopIteration)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _: bool) -> Result<FilterStatus> {
        self.stats.add(&BYTES, Sender::Server, cx.buffer().len() as u64);
        Ok(FilterStatus::Continue)
    }

    fn on_stream_complete(&mut self, _cx: &mut NetworkContext<'_>) -> Result<()> {
        let ending = if self.is_exceeded() { Ending::OverQuota } else { Ending::WithinQuota };
        self.stats.add(&CONNECTIONS, ending, 1);
        Ok(())
    }
}
