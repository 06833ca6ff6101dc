//! A release, made from a clone of this repository, and what others do with it: `sha256sum`, Envoy, skopeo, a registry,
//! Helm, Istio's agent, CycloneDX's schema.
//!
//! It is made once for all tests. What this machine cannot run shows as ignored, by name; with `CI=true` it is a failure.

mod again;
mod documents;
mod envoys;
mod files;
mod ground;
mod refusals;
mod registries;
#[path = "../repository/mod.rs"]
#[allow(dead_code, reason = "these tests ask for the root only")]
mod repository;
#[path = "../trials/mod.rs"]
mod trials;

use std::process::ExitCode;

use anyhow::Result;
use real_peers::Peer;

use crate::ground::Ground;
use crate::trials::{lacking, trial};

/// A test: its name, the peers that it needs, and what it does with the release.
type Test = (&'static str, &'static [Peer], fn(&Ground) -> Result<()>);

/// What any of the tests needs.
const PEERS: [Peer; 5] = [Peer::Skopeo, Peer::Registry, Peer::Helm3, Peer::Helm4, Peer::IstioAgent];

fn main() -> ExitCode {
    trials::run(&PEERS, |_| {
        let groups =
            [again::TESTS, documents::TESTS, envoys::TESTS, files::TESTS, refusals::TESTS, registries::TESTS];
        let of_release = |(name, peers, test): Test| {
            trial(name, lacking(peers), move || test(Ground::get().map_err(anyhow::Error::msg)?))
        };
        groups.into_iter().flatten().copied().map(of_release).collect()
    })
}
