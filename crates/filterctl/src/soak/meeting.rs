//! Where the servers' ends of connections wait for those who hold the clients' ends.
//!
//! Envoy says in a PROXY protocol header, which no filter sees, whose connection it forwards. So one thread can hold both
//! ends of a connection, however many are opened at once.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use envoy_runner::{ProxyProtocol, Upstream};

/// A server that only accepts, and hands out what it has accepted.
#[derive(Debug)]
pub(super) struct Meeting {
    address: SocketAddr,
    waiting: Arc<Waiting>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the port of the client.
    servers: Mutex<HashMap<u16, TcpStream>>,
    arrived: Condvar,
    over: AtomicBool,
}

/// Octets of a header of version 2 about TCP over IPv4: signature, command, family, length, two addresses and ports.
const HEADER: usize = 12 + 1 + 1 + 2 + 12;
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Where in it the client's port is.
const PORT: usize = 12 + 4 + 8;
/// How long Envoy may take to send its header.
const INTRODUCTION: Duration = Duration::from_secs(10);

impl Meeting {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let waiting = Arc::new(Waiting::default());
        let of_thread = Arc::clone(&waiting);
        let accepting = thread::spawn(move || of_thread.accept_all(&listener));
        Ok(Self { address, waiting, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What Envoy has to forward to.
    pub(super) fn upstream(&self) -> Upstream {
        Upstream::new(self.address().ip().to_string(), self.address().port())
            .proxy_protocol(ProxyProtocol::V2)
    }

    /// The server's end of the connection that this client has opened.
    ///
    /// # Errors
    /// When Envoy has not forwarded it within `patience`.
    pub(super) fn server_of(&self, client: &TcpStream, patience: Duration) -> Result<TcpStream> {
        let port = client.local_addr()?.port();
        let deadline = Instant::now() + patience;
        let mut servers = self.waiting.servers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(server) = servers.remove(&port) {
                return Ok(server);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "the connection was not forwarded within {patience:?}");
            let woken = self.waiting.arrived.wait_timeout(servers, left);
            servers = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.waiting.over.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Waiting {
    fn accept_all(&self, listener: &TcpListener) {
        while let Ok((mut server, _)) = listener.accept() {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            // Whoever waits for one that says nothing of itself says so.
            if let Ok(port) = introduction(&mut server) {
                self.servers.lock().unwrap_or_else(PoisonError::into_inner).insert(port, server);
                self.arrived.notify_all();
            }
        }
    }
}

/// Reads Envoy's header: the client's port.
fn introduction(server: &mut TcpStream) -> Result<u16> {
    server.set_read_timeout(Some(INTRODUCTION))?;
    let mut header = [0; HEADER];
    server.read_exact(&mut header).map_err(io::Error::other)?;
    let [high, low] = header[PORT..PORT + 2] else { bail!("the header is too short") };
    ensure!(header.starts_with(&SIGNATURE), "no header of the PROXY protocol");
    Ok(u16::from_be_bytes([high, low]))
}

/// What Envoy says of a client on 127.0.0.1 with this port.
#[cfg(test)]
pub(super) fn header(port: u16) -> Vec<u8> {
    let addresses = [127, 0, 0, 1, 127, 0, 0, 1];
    [&SIGNATURE[..], &[0x21, 0x11, 0, 12], &addresses, &port.to_be_bytes(), &[0, 25]].concat()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn whoever_asks_gets_the_connection_that_was_introduced_as_his() {
        let meeting = Meeting::open().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let clients = [(); 2].map(|()| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        // In the other order.
        for client in clients.iter().rev() {
            let port = client.local_addr().unwrap().port();
            let mut envoy = TcpStream::connect(meeting.address()).unwrap();
            envoy.write_all(&[&header(port)[..], &port.to_be_bytes()].concat()).unwrap();
        }
        for client in &clients {
            let mut server = meeting.server_of(client, INTRODUCTION).unwrap();
            let mut said = Vec::new();
            server.read_to_end(&mut said).unwrap();
            assert_eq!(said, client.local_addr().unwrap().port().to_be_bytes());
        }
        let late = meeting.server_of(&clients[0], Duration::from_millis(1)).unwrap_err();
        assert!(late.to_string().contains("not forwarded"), "{late}");
    }
}
