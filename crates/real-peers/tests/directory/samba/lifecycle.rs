//! A controller starts, and leaves nothing behind.

use std::path::Path;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::directory::Conversation;
use real_peers::directory::message;
use real_peers::directory::samba::{SambaAd, rules};
use real_peers::instance::processes_in;

use super::on;

pub(super) fn trials() -> Vec<Trial> {
    vec![on("drop_leaves_nothing", drop_leaves_nothing), on("two_at_once", two_at_once)]
}

fn log_in(controller: &SambaAd) -> Result<()> {
    let mut client = Conversation::connect(controller.ldap())?;
    let [user, _] = rules::USERS;
    client.ask_expecting(&message::bind(&rules::principal(user), rules::PASSWORD), 0)?;
    Ok(())
}

fn nothing_left(root: &Path) -> Result<()> {
    ensure!(processes_in(root)?.is_empty(), "processes are left");
    ensure!(!root.exists(), "the folder is left");
    Ok(())
}

fn drop_leaves_nothing() -> Result<()> {
    let controller = SambaAd::start()?;
    log_in(&controller)?;
    let root = controller.root().to_path_buf();
    ensure!(!controller.processes()?.is_empty(), "no process runs in {}", root.display());
    drop(controller);
    nothing_left(&root)
}

fn two_at_once() -> Result<()> {
    let (one, other) = (SambaAd::start()?, SambaAd::start()?);
    ensure!(one.ldap() != other.ldap(), "both listen at {}", one.ldap());
    log_in(&one)?;
    one.tally_when(|tally| tally.logins.contains_key("simple bind NONE"))?;
    ensure!(other.tally().logins.is_empty(), "the other one counted it too");
    Ok(())
}
