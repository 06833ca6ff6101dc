//! Samba as a domain controller, and the clients that log in to it as Windows does.

mod answers;
mod lifecycle;
mod refusals;
mod sessions;

use anyhow::Result;
use libtest_mimic::Trial;
use real_peers::Peer;
use real_peers::directory::samba::{LdbLogin, SambaAd, rules};

use crate::trial::trial;

pub(crate) fn trials() -> Vec<Trial> {
    [answers::trials(), lifecycle::trials(), refusals::trials(), sessions::trials()]
        .into_iter()
        .flatten()
        .collect()
}

/// A test that starts controllers of its own.
fn on(name: &str, test: fn() -> Result<()>) -> Trial {
    trial(&format!("samba::{name}"), &[Peer::SambaAd, Peer::LdbTools, Peer::LdapUtils, Peer::Kdc], test)
}

/// The first user's login with Kerberos.
fn kerberos(controller: &SambaAd) -> Result<LdbLogin> {
    Ok(LdbLogin::Kerberos(controller.tickets(rules::USERS[0])?))
}
