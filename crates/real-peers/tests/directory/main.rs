//! Every directory server with every client. A peer that this machine cannot run shows as ignored, with its name;
//! with `CI=true` it is a failure.

mod clients;
mod conversation;
mod ldap_utils;
mod lifecycle;
mod load;
mod samba;
#[path = "../trial.rs"]
mod trial;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use real_peers::Peer;
use trial::trial;

fn main() -> ExitCode {
    // The test of a crashing process starts this program once more, as that process.
    if lifecycle::is_to_crash() {
        lifecycle::start_and_crash();
    }
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(missing) = real_peers::install(&Peer::DIRECTORY)
    {
        eprintln!("{missing:#}");
        return ExitCode::FAILURE;
    }
    let trials = [
        clients::trials(),
        conversation::trials(),
        ldap_utils::trials(),
        lifecycle::trials(),
        load::trials(),
        samba::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}
