//! Real directory servers and clients on either side of a real Envoy with the ldap-filter: what the filter counts is
//! what they counted themselves, and every octet arrives as it was sent.

mod agreement;
mod clients;
mod conversations;
#[path = "../both_ends/counts.rs"]
mod counts;
mod layers;
#[path = "../both_ends/modules.rs"]
#[allow(dead_code, reason = "these tests load one of the modules that others load")]
mod modules;
#[path = "../peers_and_envoys/mod.rs"]
mod peers_and_envoys;
mod relay;
mod restarts;
mod samba;
mod tools;

use std::process::ExitCode;

use peers_and_envoys::Test;
use real_peers::Peer;

fn main() -> ExitCode {
    peers_and_envoys::run(&Peer::DIRECTORY, || {
        [
            clients::tests(),
            conversations::tests(),
            layers::tests(),
            restarts::tests(),
            samba::tests(),
            tools::tests(),
        ]
        .into_iter()
        .flatten()
        .collect()
    })
}
