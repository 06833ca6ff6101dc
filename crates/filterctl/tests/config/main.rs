//! `filterctl config`: what it writes is right, and the same as the samples and the Helm chart say.

mod answers;
mod chart;
mod envoy;
mod generated;
mod samples;
#[path = "../trials/mod.rs"]
mod trials;

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};
use envoy_runner::{NEWEST_ENVOY, OLDEST_ENVOY};
use libtest_mimic::Trial;
use real_peers::Peer;

use crate::trials::{lacking, trial, trial_on};

/// A test: a name, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    trials::run(&[Peer::Helm3], |arguments| {
        let alone = [answers::TESTS, generated::TESTS, samples::TESTS].into_iter().flatten();
        let mut trials: Vec<Trial> = alone.map(|(name, test)| trial(*name, None, *test)).collect();
        trials.extend(chart::TESTS.iter().map(|(name, test)| trial(*name, lacking(&[Peer::Helm3]), *test)));
        for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
            let binary = trials::envoy(version, arguments.list);
            for (name, test) in envoy::TESTS.iter().copied() {
                trials.push(trial_on(format!("envoy {version}: {name}"), binary.clone(), test));
            }
        }
        trials
    })
}

/// What `filterctl config` writes.
pub(crate) fn config(arguments: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_filterctl")).arg("config").args(arguments).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "filterctl config {}: {stderr}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
