//! Instructions that a callback takes, and what it counts, counted by valgrind. FakeEnvoy's own are among them.
//!
//! `crates/filterctl/tests/instructions` compares them with what was committed.
#![allow(missing_docs, unused_qualifications)] // What gungraun's macros make has none, and has them.

use std::time::Duration;

use envoy_sdk::metrics::{Label as _, Level, catalogue, label};
use envoy_sdk::{
    ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
    Stats,
};
use envoy_sdk_test::{Connection, FakeEnvoy};
use gungraun::{library_benchmark, library_benchmark_group, main};

label! {
    /// One of ten.
    enum Digit: "digit" {
        Nought = "0", One = "1", Two = "2", Three = "3", Four = "4",
        Five = "5", Six = "6", Seven = "7", Eight = "8", Nine = "9",
    }
}

catalogue! {
    /// What the extension counts.
    static CATALOGUE: "sums" {
        /// Counts.
        counter COUNTS: Digit = "counts_total", Summary, FromStart;
        /// Values.
        histogram VALUES: () = "values", Summary, FromStart;
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    collected: bool,
}

struct Sums(Stats);

impl NetworkFilterFactory for Sums {
    const NAME: &'static str = "sums";
    type Config = Config;
    type Filter = Sum;

    fn configure(config: Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        let stats = if config.collected {
            cx.stats_collected_for(Duration::from_millis(100), &CATALOGUE, &[], Level::Summary)
        } else {
            cx.stats(&CATALOGUE, &[], Level::Summary)
        };
        stats.map(Self)
    }

    fn new_filter(&self, _: &mut NetworkContext<'_>) -> Result<Sum> {
        Ok(Sum(self.0.clone()))
    }
}

struct Sum(Stats);

impl NetworkFilter for Sum {
    /// Counts each digit a hundred times for a client that says anything, and puts a value into a histogram.
    fn on_downstream_data(&mut self, _: &mut NetworkContext<'_>, _: bool) -> Result<FilterStatus> {
        for _ in 0..100 {
            Digit::VALUES.iter().for_each(|digit| self.0.add(&COUNTS, *digit, 1));
        }
        self.0.record(&VALUES, (), 1);
        Ok(FilterStatus::Continue)
    }
}

fn connected(collected: bool) -> (FakeEnvoy, Connection) {
    let module = || Module::new().network_filter::<Sums>();
    let mut envoy = FakeEnvoy::new(module)
        .configure(format!(r#"{{"collected": {collected}}}"#))
        .expect("the configuration is right");
    let mut connection = envoy.connect();
    connection.client_sends("x");
    (envoy, connection)
}

#[library_benchmark]
#[bench::nothing_counted(connected(false))]
fn a_callback((envoy, mut connection): (FakeEnvoy, Connection)) -> (FakeEnvoy, Connection) {
    connection.server_sends("x");
    (envoy, connection)
}

#[library_benchmark]
#[bench::given_at_once(connected(false))]
#[bench::collected(connected(true))]
fn a_thousand_counts((envoy, mut connection): (FakeEnvoy, Connection)) -> (FakeEnvoy, Connection) {
    connection.client_sends("x");
    (envoy, connection)
}

library_benchmark_group!(name = sdk, benchmarks = [a_callback, a_thousand_counts]);
main!(library_benchmark_groups = sdk);
