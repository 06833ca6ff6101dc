//! Many mails quickly: `smtp-source` and `smtp-sink`, Postfix's load tools, and [`Submissions`] of our own for what
//! `smtp-source` does not do.

mod submissions;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};

pub use submissions::{Content, Submissions, message};

use super::server::number_after;

use crate::availability::Peer;
use crate::debian::Program;
use crate::instance::{free_port, is_listening, own_uid};
use crate::waiting::wait_until;

/// What to send with `smtp-source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Mails altogether, at least 1.
    pub mails: u32,
    /// Connections at the same time, at least 1.
    pub connections: u32,
    /// Recipients of each mail, at least 1.
    pub recipients: u32,
    /// Length of each message, in octets.
    pub message_octets: u32,
    /// Whether to open a new connection for each mail.
    pub reconnect: bool,
    /// LMTP instead of SMTP.
    pub lmtp: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self { mails: 1, connections: 1, recipients: 1, message_octets: 1024, reconnect: true, lmtp: false }
    }
}

impl Load {
    /// The command that sends it; for measuring while it runs. [`send`](Self::send) for just doing it.
    ///
    /// # Errors
    /// When the tools are missing.
    pub fn command(&self, server: SocketAddr) -> Result<Command> {
        let mut command = Program::of(&Peer::SmtpLoad.require()?)?.command("usr/sbin/smtp-source");
        if !self.reconnect {
            command.arg("-d");
        }
        if self.lmtp {
            command.arg("-L");
        }
        command
            .args(["-M", "load.client.test", "-f", "load@client.test", "-t", "alice@good.test"])
            .args(["-m", &self.mails.to_string(), "-s", &self.connections.to_string()])
            .args(["-r", &self.recipients.to_string(), "-l", &self.message_octets.to_string()])
            .arg(format!("inet:{}:{}", server.ip(), server.port()))
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Sends it and waits until the last mail is through.
    ///
    /// # Errors
    /// When the tools are missing, or any mail was not accepted: `smtp-source` gives up then.
    pub fn send(&self, server: SocketAddr) -> Result<()> {
        let output = self.command(server)?.output().context("starting smtp-source")?;
        ensure!(
            output.status.success(),
            "smtp-source ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

/// A server that accepts everything and keeps nothing. Ended when dropped, or when this process ends in any
/// way.
pub struct SmtpSink {
    /// A shell that has smtp-sink as its child and ends it when the pipe to it closes.
    shell: Child,
    reader: Option<JoinHandle<()>>,
    seen: Arc<Seen>,
    port: u16,
}

/// What smtp-sink said last.
#[derive(Default)]
struct Seen {
    mails: AtomicU64,
    ended: AtomicBool,
}

impl SmtpSink {
    /// Starts one and waits until it listens. `options` are smtp-sink's own, such as `-L` (LMTP), `-p` (no
    /// PIPELINING),
    /// `-r rcpt` (refuse recipients for now).
    ///
    /// # Errors
    /// When the tools are missing or it ends at once.
    pub fn start(options: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let mut sink = Program::of(&Peer::SmtpLoad.require()?)?.command("usr/sbin/smtp-sink");
        if own_uid() == Some(0) {
            // It refuses to stay root. This account is on every machine.
            sink.args(["-u", "nobody"]);
        }
        sink.args(["-h", "sink.good.test", "-c"]).args(options);
        sink.args([&format!("inet:{}:{port}", Ipv4Addr::LOCALHOST), "1000"]);
        let mut shell = Command::new("sh")
            .args(["-c", "trap '' HUP INT TERM; \"$@\" </dev/null & cat >/dev/null; kill -s KILL $!", "sink"])
            .arg(sink.get_program())
            .args(sink.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        let output = shell.stdout.take().context("smtp-sink has no output")?;
        let seen = Arc::new(Seen::default());
        let reader = {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || read_counts(output, &seen))
        };
        let sink = Self { shell, reader: Some(reader), seen, port };
        wait_until("smtp-sink to listen", || {
            ensure!(!sink.seen.ended.load(Ordering::Acquire), "smtp-sink ended at once");
            Ok(is_listening(port)?.then_some(()))
        })?;
        Ok(sink)
    }

    /// Where it speaks SMTP.
    #[must_use]
    pub fn smtp(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// How many mails it took so far.
    #[must_use]
    pub fn mails(&self) -> u64 {
        self.seen.mails.load(Ordering::Acquire)
    }

    /// Waits until it took that many mails.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn wait_for(&self, mails: u64) -> Result<()> {
        wait_until(&format!("{mails} mails in smtp-sink"), || Ok((self.mails() >= mails).then_some(())))
    }
}

/// Reads `sess=1 quit=1 mesg=1`, which smtp-sink writes over and over, parted by carriage returns.
fn read_counts(output: ChildStdout, seen: &Seen) {
    for update in BufReader::new(output).split(b'\r').map_while(Result::ok) {
        if let Some(mails) = number_after(&String::from_utf8_lossy(&update), "mesg=") {
            seen.mails.store(mails, Ordering::Release);
        }
    }
    seen.ended.store(true, Ordering::Release);
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        if let Some(reader) = self.reader.take() {
            // It ends with the pipe. That it panicked could not be told any more from here.
            let _ = reader.join();
        }
    }
}
