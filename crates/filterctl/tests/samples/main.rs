//! The samples of deploy/envoy/ in real Envoys, in front of real servers: each starts as it stands, but for addresses,
//! ports and paths ([`rewriting`]), and passes real mail and real directory traffic.

mod access_log;
mod blocks;
mod capabilities;
mod certificates;
#[path = "../both_ends/counts.rs"]
mod counts;
mod failures;
mod filters_from_files;
mod first_steps;
mod ldap_directory;
mod mail_and_directory;
#[path = "../both_ends/modules.rs"]
#[allow(dead_code, reason = "these tests load some of the modules that others load")]
mod modules;
mod mutual_tls;
#[path = "../peers_and_envoys/mod.rs"]
mod peers_and_envoys;
mod rewriting;
mod running;
mod smtp_proxy_protocol;
mod smtp_relay;

use std::process::ExitCode;

use peers_and_envoys::Test;
use real_peers::Peer;

/// Whoever stands behind the samples or talks through them.
const PEERS: [Peer; 5] = [Peer::Postfix, Peer::Exim, Peer::Smtplib, Peer::Slapd, Peer::LdapUtils];

fn main() -> ExitCode {
    peers_and_envoys::run(&PEERS, || {
        [
            access_log::tests(),
            blocks::tests(),
            capabilities::tests(),
            failures::tests(),
            filters_from_files::tests(),
            first_steps::tests(),
            ldap_directory::tests(),
            mail_and_directory::tests(),
            mutual_tls::tests(),
            smtp_proxy_protocol::tests(),
            smtp_relay::tests(),
        ]
        .into_iter()
        .flatten()
        .collect()
    })
}
