//! Every mail server with every client. A peer that this machine cannot run shows as ignored, with its name;
//! with
//! `CI=true` it is a failure.

mod clients;
mod conversations;
mod lifecycle;
mod load;
mod recorder;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

fn main() -> ExitCode {
    // The test of a crashing process starts this program once more, as that process.
    if let Some(kind) = lifecycle::server_to_crash_with() {
        lifecycle::start_and_crash(kind);
    }
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(missing) = real_peers::install_all()
    {
        eprintln!("{missing:#}");
        return ExitCode::FAILURE;
    }
    let trials =
        [lifecycle::trials(), clients::trials(), conversations::trials(), load::trials(), recorder::trials()];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

/// A test that needs those peers; ignored, and named after the first one that is missing, when one is.
fn trial(name: &str, peers: &[Peer], test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
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
