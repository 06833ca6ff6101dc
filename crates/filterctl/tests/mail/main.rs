//! Real mail servers and clients on either side of a real Envoy with the smtp-filter: what the filter counts is what
//! they counted themselves, and every mail arrives as it was sent.

mod clients;
mod conversations;
#[path = "../both_ends/counts.rs"]
mod counts;
#[path = "../both_ends/modules.rs"]
#[allow(dead_code, reason = "these tests load one of the modules that others load")]
mod modules;
#[path = "../peers_and_envoys/mod.rs"]
mod peers_and_envoys;
mod relay;
mod restarts;

use std::process::ExitCode;

use peers_and_envoys::Test;
use real_peers::Peer;

fn main() -> ExitCode {
    peers_and_envoys::run(&Peer::MAIL, || {
        [clients::tests(), conversations::tests(), restarts::tests()].into_iter().flatten().collect()
    })
}
