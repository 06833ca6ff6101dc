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

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

use crate::ground::Ground;

/// A test: its name, the peers that it needs, and what it does with the release.
type Test = (&'static str, &'static [Peer], fn(&Ground) -> Result<()>);

/// What any of the tests needs.
const PEERS: [Peer; 5] = [Peer::Skopeo, Peer::Registry, Peer::Helm3, Peer::Helm4, Peer::IstioAgent];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(error) = real_peers::install(&PEERS)
    {
        eprintln!("{error:#}");
        return ExitCode::FAILURE;
    }
    let groups =
        [again::TESTS, documents::TESTS, envoys::TESTS, files::TESTS, refusals::TESTS, registries::TESTS];
    let trials = groups.into_iter().flatten().map(|test| trial(*test)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial((name, peers, test): Test) -> Trial {
    let missing = peers.iter().find_map(|peer| match peer.find() {
        Availability::Missing(missing) => Some(missing.name),
        Availability::Available(_) => None,
    });
    match missing {
        None => Trial::test(name, move || {
            let ground = Ground::get().map_err(Failed::from)?;
            test(ground).map_err(|error| Failed::from(format!("{error:#}")))
        }),
        Some(peer) => Trial::test(name, move || Err(Failed::from("a peer is missing")))
            .with_kind(format!("missing {peer}"))
            .with_ignored_flag(!real_peers::in_ci()),
    }
}
