//! Servers start, stop, and leave nothing behind, whatever happens to the process that started them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, STAFF};
use real_peers::directory::{Access, DirectoryOptions, DirectoryServer, Kdc, LdapUtils, Login, Search};
use real_peers::instance::processes_in;
use real_peers::{Peer, wait_until};

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let both = [Peer::Slapd, Peer::Kdc];
    vec![
        trial("lifecycle::drop_leaves_nothing", &both, drop_leaves_nothing),
        trial("lifecycle::panic_leaves_nothing", &both, panic_leaves_nothing),
        trial("lifecycle::crash_leaves_nothing", &both, crash_leaves_nothing),
        trial("lifecycle::two_at_once", &[Peer::Slapd, Peer::LdapUtils], two_at_once),
        trial("lifecycle::many_entries", &[Peer::Slapd, Peer::LdapUtils], many_entries),
        trial("lifecycle::without_log", &[Peer::Slapd, Peer::LdapUtils], without_log),
    ]
}

fn started() -> Result<(Kdc, DirectoryServer)> {
    let kdc = Kdc::start()?;
    let keytab = Some(kdc.keytab()?);
    let server = DirectoryServer::start_with(&DirectoryOptions { keytab, ..DirectoryOptions::default() })?;
    Ok((kdc, server))
}

fn roots((kdc, server): &(Kdc, DirectoryServer)) -> [PathBuf; 2] {
    [kdc.root(), server.root()].map(Path::to_path_buf)
}

fn nothing_left(root: &Path) -> Result<()> {
    ensure!(processes_in(root)?.is_empty(), "processes are left");
    ensure!(!root.exists(), "the folder is left");
    Ok(())
}

fn drop_leaves_nothing() -> Result<()> {
    let peers = started()?;
    let roots = roots(&peers);
    for root in &roots {
        ensure!(!processes_in(root)?.is_empty(), "no process runs in {}", root.display());
    }
    drop(peers);
    roots.iter().try_for_each(|root| nothing_left(root))
}

fn panic_leaves_nothing() -> Result<()> {
    let (send, received) = std::sync::mpsc::channel();
    let panicked = std::thread::Builder::new()
        .spawn(move || {
            let peers = started();
            let _ = send.send(peers.as_ref().map(roots).ok());
            // Without the panic hook's message, which would look like a failure.
            std::panic::resume_unwind(Box::new("on purpose"));
        })?
        .join();
    ensure!(panicked.is_err());
    received.recv()?.context("the servers did not start")?.iter().try_for_each(|root| nothing_left(root))
}

/// Tells this program to start servers and crash.
const CRASH: &str = "REAL_PEERS_CRASH";

pub(crate) fn is_to_crash() -> bool {
    std::env::var_os(CRASH).is_some()
}

/// Starts servers, says where, and ends without any destructor.
pub(crate) fn start_and_crash() -> ! {
    let peers = started();
    if let Ok(peers) = &peers {
        for root in roots(peers) {
            let _ = writeln!(std::io::stdout(), "{}", root.display());
        }
    }
    std::process::abort()
}

fn crash_leaves_nothing() -> Result<()> {
    let output = Command::new(std::env::current_exe()?).env(CRASH, "1").stderr(Stdio::null()).output()?;
    ensure!(!output.status.success());
    let output = String::from_utf8(output.stdout)?;
    let roots: Vec<PathBuf> = output.lines().map(PathBuf::from).collect();
    ensure!(roots.len() == 2, "the servers did not start: {output}");
    wait_until("the guardians to clean up", || Ok(roots.iter().all(|root| !root.exists()).then_some(())))?;
    roots.iter().try_for_each(|root| nothing_left(root))
}

fn two_at_once() -> Result<()> {
    let (one, other) = (DirectoryServer::start()?, DirectoryServer::start()?);
    LdapUtils::find()?.who_am_i(&Access::to(one.ldap()).login(Login::Anonymous), &[])?;
    one.tally_after(1)?;
    ensure!(other.tally().connections == 0, "the other one counted it too");
    Ok(())
}

fn all_staff(server: &DirectoryServer) -> Result<u64> {
    let access = Access::to(server.ldap()).simple(ADMIN_DN, ADMIN_PASSWORD);
    let search = Search::below(STAFF, "(objectClass=person)").attributes(["uid"]);
    let report = LdapUtils::find()?.search(&access, &search, &[])?;
    ensure!(report.result() == Some(0), "{report:?}");
    Ok(report.entries())
}

fn many_entries() -> Result<()> {
    let server = DirectoryServer::start_with(&DirectoryOptions::with_entries(3000))?;
    ensure!(all_staff(&server)? == 3000);
    ensure!(server.tally_after(1)?.entries == 3000);
    Ok(())
}

fn without_log() -> Result<()> {
    let server =
        DirectoryServer::start_with(&DirectoryOptions { log: false, ..DirectoryOptions::default() })?;
    ensure!(all_staff(&server)? == 100);
    let tally = server.tally();
    ensure!(tally.connections == 0 && tally.operations.is_empty(), "{tally:?}");
    Ok(())
}
