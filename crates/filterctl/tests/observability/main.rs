//! Rules and dashboards, against what they are for: promtool runs the rules' tests, and a real Prometheus that scrapes a
//! real Envoy with both filters answers every expression.
//!
//! Where Prometheus or Envoy cannot be had, the tests show as ignored by name; with `CI=true` they fail.

#[path = "../both_ends/mod.rs"]
mod both_ends;
#[path = "../trials/mod.rs"]
mod trials;

mod answers;
mod exported;
mod load;
mod rules;
mod runbook;
mod scene;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::NEWEST_ENVOY;
use real_peers::Peer;

use crate::trials::{lacking, trial};

/// A test: a name, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    trials::run(&[Peer::Prometheus], |arguments| {
        let no_prometheus = lacking(&[Peer::Prometheus]);
        let lack = no_prometheus.clone().or_else(|| trials::envoy(NEWEST_ENVOY, arguments.list).err());
        let of_rules = rules::TESTS.iter().map(|(name, test)| trial(*name, no_prometheus.clone(), *test));
        let of_both = [answers::TESTS, exported::TESTS, runbook::TESTS].into_iter().flatten();
        of_rules.chain(of_both.map(|(name, test)| trial(*name, lack.clone(), *test))).collect()
    })
}
