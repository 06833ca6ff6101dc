//! A small SMTP server for the demo: correct on the wire, and it counts what it did.
//!
//! It speaks RFC 5321 with SIZE, PIPELINING, 8BITMIME, ENHANCEDSTATUSCODES and STARTTLS, on loopback only, one
//! thread per connection. It keeps no mail. What it refuses is written in [`Rules`].

mod certificate;
mod lines;
mod rules;
mod session;
mod tally;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use certificate::Certificate;
pub use rules::Rules;
pub use tally::Tally;

/// How long a client may be silent before the server hangs up: RFC 5321, section 4.5.3.2.7, asks for five
/// minutes.
const SILENCE: Duration = Duration::from_secs(300);

/// A running server. Dropping it closes all its connections.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    rules: Rules,
    tls: Arc<rustls::ServerConfig>,
    tally: Mutex<Tally>,
    /// The open connections by number, so that stopping can close them.
    open: Mutex<BTreeMap<u64, TcpStream>>,
    stopping: AtomicBool,
}

impl SmtpServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When there is no port to be had, or the certificate does not fit its key.
    pub fn start(rules: Rules, certificate: &Certificate) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            rules,
            tls: certificate.server_config().map_err(io::Error::other)?,
            tally: Mutex::default(),
            open: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("smtp server".to_owned()).spawn(move || accept(&listener, &shared))?
        };
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counted so far.
    pub fn tally(&self) -> Tally {
        lock(&self.shared.tally).clone()
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor, which then sees that it is to stop.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for stream in lock(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in (0_u64..).zip(listener.incoming()) {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(second) = stream.try_clone() else { continue };
        lock(&shared.open).insert(number, second);
        lock(&shared.tally).connections += 1;
        let of_connection = Arc::clone(shared);
        let spawned = thread::Builder::new().name(format!("smtp connection {number}")).spawn(move || {
            serve(stream, &of_connection);
            lock(&of_connection.open).remove(&number);
        });
        if spawned.is_err() {
            lock(&shared.open).remove(&number);
        }
    }
}

/// Talks to one client until it leaves. A connection that breaks is an ordinary ending.
fn serve(stream: TcpStream, shared: &Shared) {
    let prepared = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(SILENCE)));
    if prepared.is_ok() {
        let mut lines = lines::Lines::new(stream, &shared.tally);
        let _ = session::converse(&mut lines, shared);
        lines.close();
    }
}

/// A panic in another connection leaves counts that are still right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
