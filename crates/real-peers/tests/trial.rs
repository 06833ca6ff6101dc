//! A test that needs peers.

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use real_peers::{Availability, Peer};

/// A test that needs those peers; ignored, and named after the first one that is missing, when one is.
pub(crate) fn trial(name: &str, peers: &[Peer], test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    let missing = peers.iter().find_map(|peer| match peer.find() {
        Availability::Missing(missing) => Some(missing),
        Availability::Available(_) => None,
    });
    let trial = Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}"))));
    match missing {
        Some(missing) => trial.with_kind(format!("missing {}", missing.name)).with_ignored_flag(true),
        None => trial,
    }
}
