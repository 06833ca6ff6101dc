//! One Envoy with a listener for each variant, all before the same server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Bootstrap, Envoy, Memory, Scrape, StartOptions, Upstream};

use super::ground::Ground;
use super::variant::Variant;
use super::worker::Worker;
use crate::filters::Filter;
use crate::stage;

/// How long Envoy may take to notice that the last connection has ended.
const ENDING: Duration = Duration::from_secs(60);

/// More connections than any part opens.
const CONNECTIONS: u32 = 100_000;

/// An Envoy whose one worker serves all variants, so that they share everything but what is compared: memory, caches,
/// the core that the worker runs on.
pub(super) struct Lanes {
    envoy: Envoy,
    worker: Worker,
    addresses: BTreeMap<Variant, SocketAddr>,
}

impl Lanes {
    /// Starts Envoy before this server.
    ///
    /// # Errors
    /// When Envoy refuses a module or does not become ready.
    pub(super) fn open(
        ground: &Ground,
        filter: &Filter,
        variants: &[Variant],
        server: SocketAddr,
        name: &str,
    ) -> Result<Self> {
        let mut bootstrap = Bootstrap::new().stats_tags(filter.stats_tags());
        for variant in variants {
            let upstream =
                Upstream::new(server.ip().to_string(), server.port()).connection_limit(CONNECTIONS);
            bootstrap = bootstrap.listener(variant.listener(ground, filter, upstream));
        }
        // Whatever a filter logs about a connection would be part of what is measured; by default none does.
        let options = StartOptions { log_level: "warning".to_owned(), ..StartOptions::default() };
        let envoy = Envoy::start(&ground.binary, &bootstrap, &ground.folder(name), &options)?;
        let worker = Worker::of(envoy.id())?;
        let addresses = variants
            .iter()
            .map(|variant| Ok((*variant, envoy.address(variant.name())?)))
            .collect::<Result<_>>()?;
        Ok(Self { envoy, worker, addresses })
    }

    /// Where this variant listens.
    ///
    /// # Errors
    /// When it is not among those that were opened.
    pub(super) fn address(&self, variant: Variant) -> Result<SocketAddr> {
        self.addresses.get(&variant).copied().with_context(|| format!("no listener for {}", variant.name()))
    }

    /// The worker's CPU time for something that is done through one of the listeners, its aftermath included.
    ///
    /// # Errors
    /// What `work` fails with, or when the worker does not come to rest.
    pub(super) fn cpu_of<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
        let before = self.worker.at_rest()?;
        let done = work()?;
        Ok((self.worker.at_rest()?.saturating_sub(before), done))
    }

    /// What Envoy holds in memory, once its worker has nothing left to do.
    ///
    /// # Errors
    /// When it is gone, or does not come to rest.
    pub(super) fn memory(&self) -> Result<Memory> {
        self.worker.at_rest()?;
        Ok(self.envoy.memory()?)
    }

    /// How many connections a variant's filter has seen so far; 0 where there is no filter of the suite.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub(super) fn connections_seen(&self, filter: &Filter, variant: Variant) -> Result<f64> {
        let name = format!("{}_connections_opened_total", filter.name);
        std::thread::sleep(stage::GIVEN);
        Ok(self.envoy.scrape()?.counter(&name, &[("stat_prefix", variant.name())]))
    }

    /// The statistics, once no connection is open any more.
    ///
    /// # Errors
    /// When connections stay open.
    pub(super) fn statistics(&self) -> Result<Scrape> {
        stage::final_scrape(&self.envoy, ENDING)
    }

    /// Ends Envoy.
    ///
    /// # Errors
    /// When it had ended by itself, or a filter failed inside: then the numbers are not those of the filter.
    pub(super) fn close(self) -> Result<()> {
        let scrape = self.statistics()?;
        for counter in ["envoy_sdk_errors_total", "envoy_sdk_panics_total"] {
            let failures = scrape.counter(counter, &[]);
            ensure!(failures == 0.0, "{counter} is {failures}: see {}", self.envoy.log_path().display());
        }
        Ok(self.envoy.stop()?)
    }
}
