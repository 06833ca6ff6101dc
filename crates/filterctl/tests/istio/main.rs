//! The manifests of `deploy/istio/`, asked about by those who will be asked in a cluster: a real API server with Istio's
//! CRDs, Istio's admission checks, and Istio's pilot.
//!
//! What cannot be had here shows as ignored tests, by name; with `CI=true` as failures.

mod admission;
mod bootstrap;
mod declarations;
mod deploy;
mod envoy_filters;
mod expected;
mod placement;
mod schemas;
mod telemetry;
mod traps;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

/// A test: what it is called, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let groups: [(&[Peer], &[&[Test]]); 3] = [
        (
            &[Peer::Istio],
            &[
                admission::TESTS,
                placement::TESTS,
                envoy_filters::TESTS,
                traps::TESTS,
                telemetry::TESTS,
                bootstrap::TESTS,
            ],
        ),
        (&[Peer::KubeApiServer], &[schemas::TESTS]),
        (&[], &[declarations::TESTS]),
    ];
    let mut trials = Vec::new();
    for (peers, tests) in groups {
        let missing = if arguments.list { None } else { peers.iter().find_map(|peer| unavailable(*peer)) };
        for (name, test) in tests.iter().copied().flatten() {
            trials.push(trial(name, *test, missing.as_deref()));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Why a peer cannot be had here, if so.
fn unavailable(peer: Peer) -> Option<String> {
    let failed = peer.install().err().map(|error| format!("{error:#}"));
    match peer.find() {
        Availability::Available(_) => None,
        Availability::Missing(missing) => Some(failed.unwrap_or_else(|| missing.to_string())),
    }
}

fn trial(name: &str, test: fn() -> Result<()>, missing: Option<&str>) -> Trial {
    match missing.map(str::to_owned) {
        None => Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}")))),
        Some(why) => Trial::test(name, move || Err(Failed::from(why)))
            .with_kind("missing peer")
            .with_ignored_flag(!real_peers::in_ci()),
    }
}
