//! A small SMTP server for the demo: correct on the wire, and it counts what it did.
//!
//! It speaks RFC 5321 with SIZE, PIPELINING, 8BITMIME, ENHANCEDSTATUSCODES and STARTTLS, on loopback only, one
//! thread per connection. It keeps no mail. What it refuses is written in [`Rules`].

mod lines;
mod rules;
mod session;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::lines::Lines;
pub use self::rules::Rules;
pub use self::tally::Tally;
pub use super::server::Certificate;
use super::server::{Server, Service, Wire, lock};

/// How long a client may be silent before the server hangs up: RFC 5321, section 4.5.3.2.7, asks for five
/// minutes.
const SILENCE: Duration = Duration::from_secs(300);

/// A running server. Dropping it closes all its connections.
#[derive(Debug)]
pub struct SmtpServer(Server<Mail>);

/// What all connections share.
#[derive(Debug)]
struct Mail {
    rules: Rules,
    tls: Arc<rustls::ServerConfig>,
    tally: Mutex<Tally>,
}

impl SmtpServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When there is no port to be had, or the certificate does not fit its key.
    pub fn start(rules: Rules, certificate: &Certificate) -> io::Result<Self> {
        let tls = certificate.server_config().map_err(io::Error::other)?;
        Ok(Self(Server::start("smtp server", Mail { rules, tls, tally: Mutex::default() })?))
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

impl Service for Mail {
    fn converse(&self, wire: &mut Wire<'_>) -> io::Result<()> {
        wire.wait_for(SILENCE)?;
        let mut lines = Lines::new(wire);
        let result = session::converse(&mut lines, self);
        // The client may have gone already: then there is nobody to tell.
        let _ = lines.flush();
        result
    }
}

#[cfg(test)]
mod tests;
