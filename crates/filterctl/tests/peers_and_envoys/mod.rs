//! Tests with real peers on either side of a real Envoy: on the oldest and the newest release. A peer or an Envoy
//! that this machine cannot run shows as ignored, by name; with `CI=true` it is a failure.

#[path = "../trials/mod.rs"]
mod trials;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY, OLDEST_ENVOY};
use real_peers::Peer;

use self::trials::{lacking, trial_on};

/// A test: its name, the peers that it needs, and what it does with an Envoy.
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) peers: Vec<Peer>,
    pub(crate) run: Box<Run>,
}

type Run = dyn Fn(&EnvoyBinary) -> Result<()> + Send;

/// Runs the tests on each Envoy, after installing `peers` where that is possible.
pub(crate) fn run(peers: &[Peer], tests: impl Fn() -> Vec<Test>) -> ExitCode {
    trials::run(peers, |arguments| {
        let mut trials = Vec::new();
        for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
            let envoy = trials::envoy(version, arguments.list);
            for test in tests() {
                let envoy = match lacking(&test.peers) {
                    Some(lack) => Err(lack),
                    None => envoy.clone(),
                };
                let name = format!("envoy {version}: {}", test.name);
                trials.push(trial_on(name, envoy, move |binary| (test.run)(binary)));
            }
        }
        trials
    })
}
