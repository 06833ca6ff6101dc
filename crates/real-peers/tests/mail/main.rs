//! Every mail server with every client. A peer that this machine cannot run shows as ignored, with its name;
//! with
//! `CI=true` it is a failure.

mod clients;
mod conversations;
mod lifecycle;
mod load;
mod recorder;
#[path = "../trial.rs"]
mod trial;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use real_peers::Peer;
use trial::trial;

fn main() -> ExitCode {
    // The test of a crashing process starts this program once more, as that process.
    if let Some(kind) = lifecycle::server_to_crash_with() {
        lifecycle::start_and_crash(kind);
    }
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(missing) = real_peers::install(&Peer::MAIL)
    {
        eprintln!("{missing:#}");
        return ExitCode::FAILURE;
    }
    let trials =
        [lifecycle::trials(), clients::trials(), conversations::trials(), load::trials(), recorder::trials()];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}
