//! A small directory for the demo: correct on the wire, and it counts what it did.
//!
//! It speaks LDAP (RFC 4511) with simple binds, searches in pages, changes, comparisons, StartTLS and "Who am I?", on
//! loopback only, one thread per connection. Failures carry the words of Active Directory, or the password policy
//! control where the client asks for it. It forgets all changes when it ends.
//!
//! Messages are read and written by `ldap3_proto`, which shares nothing with the `ldap-filter`: that the two count the
//! same is no matter of course.

mod bind;
mod content;
mod entries;
mod matching;
mod messages;
mod name;
mod search;
mod session;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use self::entries::Entries;
use self::messages::Messages;
pub use self::tally::{Counts, Leg, Tally};
pub use super::server::Certificate;
use super::server::{Server, Service, Wire, lock};

/// A running directory. Dropping it closes all its connections.
#[derive(Debug)]
pub struct DirectoryServer(Server<Directory>);

/// What all connections share.
#[derive(Debug)]
struct Directory {
    tls: Arc<rustls::ServerConfig>,
    entries: Mutex<Entries>,
    tally: Mutex<Tally>,
}

impl DirectoryServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When there is no port to be had, or the certificate does not fit its key.
    pub fn start(certificate: &Certificate) -> io::Result<Self> {
        let directory = Directory {
            tls: certificate.server_config().map_err(io::Error::other)?,
            entries: Mutex::new(content::entries()),
            tally: Mutex::default(),
        };
        Ok(Self(Server::start("directory", directory)?))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// What it counted so far.
    pub fn tally(&self) -> Tally {
        let traffic = self.0.traffic();
        Tally {
            connections: traffic.connections.load(Ordering::Relaxed),
            octets_received: traffic.received.load(Ordering::Relaxed),
            octets_sent: traffic.sent.load(Ordering::Relaxed),
            ..lock(&self.0.service().tally).clone()
        }
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.0.open_connections()
    }
}

impl Service for Directory {
    fn converse(&self, wire: &mut Wire<'_>) -> io::Result<()> {
        session::converse(Messages::new(wire), self)
    }
}

#[cfg(test)]
mod tests;
