//! Real mail servers, running.

mod dovecot;
mod exim;
mod opensmtpd;
mod postfix;

pub(super) use exim::EXIM;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{Mailbox, ServerTally};
use crate::availability::Peer;
use crate::instance::{CERTIFICATE_PATH, Ending, Instance, free_port, is_listening};
use crate::waiting::wait_until;

/// A kind of mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// Postfix: AUTH PLAIN, LOGIN and CRAM-MD5 in clear text too, CHUNKING, PIPELINING, DSN, SMTPUTF8,
    /// XCLIENT, XFORWARD, PROXY v1 and v2, TLS from the first octet on a port of its own. Its log counts everything in [`ServerTally`].
    Postfix,
    /// Exim: AUTH PLAIN and LOGIN, CHUNKING, PIPELINING, DSN, SMTPUTF8, PRDR, PROXY v1 and v2, TLS from the
    /// first octet on a port of its own.
    Exim,
    /// OpenSMTPD 6.8: DSN, PROXY v2; neither PIPELINING, CHUNKING nor SMTPUTF8, and SIZE is looked at only
    /// when the content is there. Debian's build offers STARTTLS, answers 220, and then fails every
    /// handshake, since it was written for an older OpenSSL (OpenSMTPD's issue 1171); so there is no AUTH
    /// either, which it offers under TLS only.
    OpenSmtpd,
    /// Dovecot's LMTP server: one reply per recipient after the content, CHUNKING, PIPELINING. Its log does
    /// not say which recipients it refused at RCPT.
    DovecotLmtp,
}

/// What a server does about STARTTLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartTls {
    /// Offers it and does it (see [`Server::has_working_tls`]).
    #[default]
    Works,
    /// Does not offer it.
    NotOffered,
    /// Offers it and answers 454, as a server does whose certificate is lost. Postfix only.
    Fails,
}

/// How a server shall differ from the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerOptions {
    /// What it does about STARTTLS.
    pub starttls: StartTls,
    /// Accepts mails of up to 16 MB and throws them away: for loads. Postfix only.
    pub discards: bool,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Postfix, Self::Exim, Self::OpenSmtpd, Self::DovecotLmtp];

    /// Those that speak SMTP.
    pub const SMTP: [Self; 3] = [Self::Postfix, Self::Exim, Self::OpenSmtpd];

    /// The peer, for asking whether it is available.
    #[must_use]
    pub fn peer(self) -> Peer {
        match self {
            Self::Postfix => Peer::Postfix,
            Self::Exim => Peer::Exim,
            Self::OpenSmtpd => Peer::OpenSmtpd,
            Self::DovecotLmtp => Peer::DovecotLmtp,
        }
    }

    /// Whether its STARTTLS leads to TLS.
    #[must_use]
    pub fn has_working_tls(self) -> bool {
        self != Self::OpenSmtpd
    }

    fn prepare(self, bundle: &Path, ports: Ports, options: ServerOptions) -> Result<Prepared> {
        match self {
            Self::Postfix => postfix::prepare(bundle, ports, options),
            Self::Exim => exim::prepare(bundle, ports, options),
            Self::OpenSmtpd => opensmtpd::prepare(bundle, ports, options),
            Self::DovecotLmtp => dovecot::prepare(bundle, ports, options),
        }
    }

    fn read_log(self, log: &str) -> ServerTally {
        match self {
            Self::Postfix => postfix::tally(log),
            Self::Exim => exim::tally(log),
            Self::OpenSmtpd => opensmtpd::tally(log),
            Self::DovecotLmtp => dovecot::tally(log),
        }
    }
}

/// The ports of one server on 127.0.0.1.
#[derive(Clone, Copy)]
struct Ports {
    plain: u16,
    proxy: u16,
    tls: u16,
}

/// A server that is configured and not yet started.
struct Prepared {
    instance: Instance,
    program: &'static str,
    arguments: &'static [&'static str],
    /// Inside the instance.
    log: &'static str,
    /// Whether it has a listener for the PROXY protocol.
    proxy: bool,
    /// Whether it has a listener for TLS from the first octet.
    tls: bool,
}

/// A running server. Dropping it ends it, with all of its processes.
pub struct MailServer {
    kind: Server,
    instance: Instance,
    ports: Ports,
    log: &'static str,
    proxy: bool,
    tls: bool,
}

/// How often to choose other ports when somebody else took ours before the server did.
const ATTEMPTS: usize = 3;

impl MailServer {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// When the peer is missing (the text says what to do), or the server ends at once (with what it wrote).
    pub fn start(kind: Server) -> Result<Self> {
        Self::start_with(kind, ServerOptions::default())
    }

    /// As [`start`](Self::start), with another configuration than the default.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(kind: Server, options: ServerOptions) -> Result<Self> {
        let bundle = kind.peer().require()?;
        let mut attempt = 1;
        loop {
            match Self::try_start(kind, &bundle, options) {
                Err(error) if attempt < ATTEMPTS && format!("{error:#}").contains("in use") => attempt += 1,
                result => return result.with_context(|| format!("starting {}", kind.peer().name())),
            }
        }
    }

    fn try_start(kind: Server, bundle: &Path, options: ServerOptions) -> Result<Self> {
        let ports = Ports { plain: free_port()?, proxy: free_port()?, tls: free_port()? };
        let Prepared { mut instance, program, arguments, log, proxy, tls } =
            kind.prepare(bundle, ports, options)?;
        instance.start(program, arguments)?;
        let mut server = Self { kind, instance, ports, log, proxy, tls };
        server.wait_until_listening()?;
        Ok(server)
    }

    fn wait_until_listening(&mut self) -> Result<()> {
        let Ports { plain, proxy, tls } = self.ports;
        wait_until("the server to listen", || {
            if let Some(status) = self.instance.ended()? {
                bail!("it ended with {status} and wrote:\n{}", self.log());
            }
            let ready = is_listening(plain)?
                && (!self.proxy || is_listening(proxy)?)
                && (!self.tls || is_listening(tls)?);
            Ok(ready.then_some(()))
        })
        .with_context(|| format!("it wrote:\n{}", self.log()))
    }

    /// Ends it, with all of its processes. Its queue, what it delivered, its log and its ports stay.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self, ending: Ending) -> Result<()> {
        self.instance.stop(ending)
    }

    /// Starts it again after [`stop`](Self::stop), at the same ports, and waits until it listens.
    ///
    /// # Errors
    /// When it was not stopped, or ends at once (with what it wrote).
    pub fn start_again(&mut self) -> Result<()> {
        self.instance.start_again()?;
        self.wait_until_listening()
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Server {
        self.kind
    }

    /// Where it speaks SMTP; for [`Server::DovecotLmtp`] LMTP.
    #[must_use]
    pub fn smtp(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.plain).into()
    }

    /// Where it expects a PROXY protocol header first, if it has such a listener.
    #[must_use]
    pub fn smtp_behind_proxy(&self) -> Option<SocketAddr> {
        self.proxy.then(|| (Ipv4Addr::LOCALHOST, self.ports.proxy).into())
    }

    /// Where it speaks TLS from the first octet (RFC 8314, 3.3), if it has such a listener.
    #[must_use]
    pub fn smtps(&self) -> Option<SocketAddr> {
        self.tls.then(|| (Ipv4Addr::LOCALHOST, self.ports.tls).into())
    }

    /// What it delivered.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::of(self.instance.outside("srv/mail"))
    }

    /// The certificate that it shows after STARTTLS, as PEM.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.instance.outside(CERTIFICATE_PATH))?)
    }

    /// All that it wrote: its log, and before that its standard output and error.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |path| fs::read(self.instance.outside(path)).unwrap_or_default();
        let console = if self.log == "srv/log/console" { Vec::new() } else { read("srv/log/console") };
        String::from_utf8_lossy(&[console, read(self.log)].concat()).into_owned()
    }

    /// What its log says now. A server logs the end of a connection after the client has seen it: prefer
    /// [`tally_when`](Self::tally_when).
    #[must_use]
    pub fn tally(&self) -> ServerTally {
        self.kind.read_log(&self.log())
    }

    /// Waits until its log says what it must, and returns the counts of that moment.
    ///
    /// # Errors
    /// When that does not come about; with the last counts and the log.
    pub fn tally_when(&self, right: impl Fn(&ServerTally) -> bool) -> Result<ServerTally> {
        wait_until("the server's log to say so", || {
            let tally = self.tally();
            Ok(right(&tally).then_some(tally))
        })
        .with_context(|| format!("last seen: {:?}\n{}", self.tally(), self.log()))
    }

    /// Waits until at least `connections` were made and the counts are [complete](ServerTally::complete).
    ///
    /// # Errors
    /// As [`tally_when`](Self::tally_when).
    pub fn tally_after(&self, connections: u64) -> Result<ServerTally> {
        self.tally_when(|tally| tally.connections >= connections && tally.complete)
    }

    /// The processes that it consists of.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        self.instance.processes()
    }

    /// The root that it runs in, which is gone once the server is dropped.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.instance.root()
    }
}

/// The number that follows `name` in a log line, as in `nrcpt=2`.
pub(super) fn number_after(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}
