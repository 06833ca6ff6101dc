//! Servers start, stop, and leave nothing behind, whatever happens to the process that started them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use real_peers::instance::{Ending, processes_in};
use real_peers::mail::{Conversation, MailServer, Server};
use real_peers::wait_until;

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for server in Server::ALL {
        let peer = server.peer();
        let name = |what: &str| format!("{}::{what}", peer.name());
        trials.push(trial(&name("drop_leaves_nothing"), &[peer], move || drop_leaves_nothing(server)));
        trials.push(trial(&name("panic_leaves_nothing"), &[peer], move || panic_leaves_nothing(server)));
        trials.push(trial(&name("crash_leaves_nothing"), &[peer], move || crash_leaves_nothing(server)));
        trials.push(trial(&name("two_at_once"), &[peer], move || two_at_once(server)));
        trials.push(trial(&name("starts_again"), &[peer], move || starts_again(server)));
    }
    trials
}

fn nothing_left(root: &Path) -> Result<()> {
    ensure!(processes_in(root)?.is_empty(), "processes are left");
    ensure!(!root.exists(), "the folder is left");
    Ok(())
}

fn drop_leaves_nothing(kind: Server) -> Result<()> {
    let server = MailServer::start(kind)?;
    // A connection makes most servers start processes for it.
    let client = Conversation::greeted(server.smtp())?;
    let root = server.root().to_path_buf();
    ensure!(!server.processes()?.is_empty(), "no process runs in {}", root.display());
    drop(server);
    nothing_left(&root)?;
    drop(client);
    Ok(())
}

/// After either ending, where it was.
fn starts_again(kind: Server) -> Result<()> {
    let mut server = MailServer::start(kind)?;
    let address = server.smtp();
    ensure!(server.start_again().is_err(), "a second one beside the first");
    for ending in [Ending::Asked, Ending::Killed] {
        server.stop(ending)?;
        ensure!(
            server.processes()?.is_empty() && Conversation::connect(address).is_err(),
            "{ending:?}: it goes on"
        );
        server.start_again()?;
        Conversation::greeted(address).with_context(|| format!("after {ending:?}"))?;
    }
    Ok(())
}

fn panic_leaves_nothing(kind: Server) -> Result<()> {
    let (send, root) = std::sync::mpsc::channel();
    let panicked = std::thread::Builder::new()
        .spawn(move || {
            let server = MailServer::start(kind);
            let root = server.as_ref().map(|server| server.root().to_path_buf());
            let _ = send.send(root.ok());
            // Without the panic hook's message, which would look like a failure.
            std::panic::resume_unwind(Box::new("on purpose"));
        })?
        .join();
    ensure!(panicked.is_err());
    nothing_left(&root.recv()?.context("the server did not start")?)
}

/// Tells this program to start that server and crash.
const CRASH: &str = "REAL_PEERS_CRASH_WITH";

pub(crate) fn server_to_crash_with() -> Option<Server> {
    let name = std::env::var(CRASH).ok()?;
    Server::ALL.into_iter().find(|server| server.peer().name() == name)
}

/// Starts a server, says where, and ends without any destructor.
pub(crate) fn start_and_crash(kind: Server) -> ! {
    let server = MailServer::start(kind);
    if let Ok(server) = &server {
        let _ = writeln!(std::io::stdout(), "{}", server.root().display());
    }
    std::process::abort()
}

fn crash_leaves_nothing(kind: Server) -> Result<()> {
    let output = Command::new(std::env::current_exe()?)
        .env(CRASH, kind.peer().name())
        .stderr(Stdio::null())
        .output()?;
    ensure!(!output.status.success());
    let root = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    ensure!(root.is_absolute(), "the server did not start");
    wait_until("the guardian to clean up", || Ok((!root.exists()).then_some(())))?;
    nothing_left(&root)
}

fn two_at_once(kind: Server) -> Result<()> {
    let (one, other) = (MailServer::start(kind)?, MailServer::start(kind)?);
    drop(Conversation::greeted(one.smtp())?);
    one.tally_after(1)?;
    ensure!(other.tally().connections == 0, "the other one counted it too");
    Ok(())
}
