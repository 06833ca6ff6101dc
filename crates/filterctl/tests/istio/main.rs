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
#[path = "../trials/mod.rs"]
mod trials;

use std::process::ExitCode;

use anyhow::Result;
use real_peers::Peer;

use crate::trials::{lacking, trial};

/// A test: what it is called, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    trials::run(&[Peer::Istio, Peer::KubeApiServer], |_| {
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
        let of_group = |(peers, tests): (&'static [Peer], &'static [&'static [Test]])| {
            let lack = lacking(peers);
            tests.iter().copied().flatten().map(move |(name, test)| trial(*name, lack.clone(), *test))
        };
        groups.into_iter().flat_map(of_group).collect()
    })
}
