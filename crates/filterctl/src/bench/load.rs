//! A load: a bounded amount of work of one kind, that can be done again and again through any listener.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use real_peers::Peer;
use real_peers::directory::{DirectoryOptions, DirectoryServer};
use real_peers::mail::load::SmtpSink;
use real_peers::mail::{self, MailServer, ServerOptions};

use super::load_ldap::{LARGE_DIRECTORY, SMALL_DIRECTORY};
use super::variant::Variant;
use super::{load_ldap, load_smtp};
use crate::filters::Filter;

/// How much was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Connections made, each of which is over.
    pub(super) connections: u64,
    /// Units of work: mails, operations, entries, connections, as the load says.
    pub(super) units: u64,
}

impl Done {
    /// Both of them.
    pub(super) fn and(self, other: Self) -> Self {
        Self { connections: self.connections + other.connections, units: self.units + other.units }
    }
}

/// The most that the filter may cost, as a multiple of the empty Wasm filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Target {
    /// Which variant.
    pub(super) variant: Variant,
    /// The ratio.
    pub(super) at_most: f64,
}

/// One kind of work.
pub(super) struct Load {
    /// By which the command line and the results name it: `smtp-1k-data`.
    pub(super) name: &'static str,
    /// What it is, in a line of a table.
    pub(super) title: &'static str,
    /// What one unit of work is: `mail`.
    pub(super) unit: &'static str,
    /// Before which server it is done.
    pub(super) server: Server,
    /// What it may cost.
    pub(super) targets: &'static [Target],
    /// The counter of the filter that says how many units it saw, with labels; the level of detail does not matter.
    pub(super) counted_as: (&'static str, &'static [(&'static str, &'static str)]),
    /// Does it once; takes about a tenth of a second.
    pub(super) run: Box<dyn Fn(SocketAddr) -> Result<Done>>,
}

/// All loads, those of one server together.
pub(super) fn all() -> Vec<Load> {
    let mut loads = load_smtp::loads();
    loads.extend(load_ldap::loads());
    loads
}

/// A server that loads are done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server {
    /// Postfix's `smtp-sink`.
    SmtpSink,
    /// Postfix itself, which throws away what it accepts.
    Postfix,
    /// slapd with 1,000 entries.
    Directory,
    /// slapd with 100,000 entries.
    LargeDirectory,
}

/// A server that runs until it is dropped.
pub(super) enum Running {
    Sink(SmtpSink),
    Mail(MailServer),
    Directory(DirectoryServer),
}

impl Server {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::SmtpSink, Self::Postfix, Self::Directory, Self::LargeDirectory];

    /// For names of folders.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SmtpSink => "smtp-sink",
            Self::Postfix => "postfix",
            Self::Directory => "slapd",
            Self::LargeDirectory => "slapd-large",
        }
    }

    /// The program that it takes.
    pub(super) fn peer(self) -> Peer {
        match self {
            Self::SmtpSink => Peer::SmtpLoad,
            Self::Postfix => Peer::Postfix,
            Self::Directory | Self::LargeDirectory => Peer::Slapd,
        }
    }

    /// The filter that stands before it.
    ///
    /// # Errors
    /// When this tool does not know it.
    pub(super) fn filter(self) -> Result<&'static Filter> {
        let name = match self {
            Self::SmtpSink | Self::Postfix => "smtp",
            Self::Directory | Self::LargeDirectory => "ldap",
        };
        Filter::named(name).with_context(|| format!("this filterctl knows no {name} filter"))
    }

    /// Installs it where necessary and starts it.
    ///
    /// # Errors
    /// When it cannot be had here (the text says what helps), or does not start.
    pub(super) fn start(self) -> Result<Running> {
        self.peer().install()?;
        // Their logs would be work for the disk, and nobody reads them.
        let directory = |entries| {
            let options = DirectoryOptions { log: false, ..DirectoryOptions::with_entries(entries) };
            Ok(Running::Directory(DirectoryServer::start_with(&options)?))
        };
        match self {
            Self::SmtpSink => Ok(Running::Sink(SmtpSink::start(&[])?)),
            Self::Postfix => {
                let options = ServerOptions { discards: true, ..ServerOptions::default() };
                Ok(Running::Mail(MailServer::start_with(mail::Server::Postfix, options)?))
            }
            Self::Directory => directory(SMALL_DIRECTORY),
            Self::LargeDirectory => directory(LARGE_DIRECTORY),
        }
    }
}

impl Running {
    /// Where it speaks its protocol in clear text.
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Sink(sink) => sink.smtp(),
            Self::Mail(server) => server.smtp(),
            Self::Directory(server) => server.ldap(),
        }
    }
}
