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

/// Which connection to Envoy: the client's port, and the listener's. Clients of two listeners may have the same port.
type Ports = (u16, u16);

#[derive(Debug, Default)]
struct Waiting {
    servers: Mutex<HashMap<Ports, TcpStream>>,
    arrived: Condvar,
    over: AtomicBool,
}

/// Octets of a header of version 2 about TCP over IPv4: signature, command, family, length, two addresses and ports.
const HEADER: usize = 12 + 1 + 1 + 2 + 12;
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Where in it the ports are, the client's first.
const PORTS: usize = 12 + 4 + 8;
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
        let ports = (client.local_addr()?.port(), client.peer_addr()?.port());
        let deadline = Instant::now() + patience;
        let mut servers = self.waiting.servers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(server) = servers.remove(&ports) {
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
            if let Ok(ports) = introduction(&mut server) {
                self.servers.lock().unwrap_or_else(PoisonError::into_inner).insert(ports, server);
                self.arrived.notify_all();
            }
        }
    }
}

/// Reads Envoy's header.
fn introduction(server: &mut TcpStream) -> Result<Ports> {
    server.set_read_timeout(Some(INTRODUCTION))?;
    let mut header = [0; HEADER];
    server.read_exact(&mut header).map_err(io::Error::other)?;
    let [a, b, c, d] = header[PORTS..PORTS + 4] else { bail!("the header is too short") };
    ensure!(header.starts_with(&SIGNATURE), "no header of the PROXY protocol");
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// What Envoy says of a connection that a client on 127.0.0.1 has opened to a listener there.
#[cfg(test)]
pub(super) fn header(client: SocketAddr, listener: SocketAddr) -> Vec<u8> {
    let addresses = [127, 0, 0, 1, 127, 0, 0, 1];
    let ports = [client, listener].map(|address| address.port().to_be_bytes());
    [&SIGNATURE[..], &[0x21, 0x11, 0, 12], &addresses, &ports.concat()].concat()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// What this client's listener says of it to the server, and then `octets`.
    fn forward(client: &TcpStream, meeting: &Meeting, octets: &[u8]) {
        let header = header(client.local_addr().unwrap(), client.peer_addr().unwrap());
        let mut envoy = TcpStream::connect(meeting.address()).unwrap();
        envoy.write_all(&[&header[..], octets].concat()).unwrap();
    }

    fn said(mut server: TcpStream) -> Vec<u8> {
        let mut said = Vec::new();
        server.read_to_end(&mut said).unwrap();
        said
    }

    #[test]
    fn whoever_asks_gets_the_connection_that_was_introduced_as_his() {
        let meeting = Meeting::open().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let clients = [(); 2].map(|()| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        // In the other order.
        forward(&clients[1], &meeting, b"second");
        forward(&clients[0], &meeting, b"first");
        assert_eq!(said(meeting.server_of(&clients[0], INTRODUCTION).unwrap()), b"first");
        assert_eq!(said(meeting.server_of(&clients[1], INTRODUCTION).unwrap()), b"second");
        let late = meeting.server_of(&clients[0], Duration::from_millis(1)).unwrap_err();
        assert!(late.to_string().contains("not forwarded"), "{late}");
    }

    #[test]
    fn clients_of_two_listeners_may_have_the_same_port() {
        let meeting = Meeting::open().unwrap();
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let mut own: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let clients = listeners.each_ref().map(|listener| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind(&own.into()).unwrap();
            socket.connect(&listener.local_addr().unwrap().into()).unwrap();
            let client = TcpStream::from(socket);
            own = client.local_addr().unwrap();
            client
        });
        forward(&clients[0], &meeting, b"first");
        forward(&clients[1], &meeting, b"second");
        assert_eq!(said(meeting.server_of(&clients[1], INTRODUCTION).unwrap()), b"second");
        assert_eq!(said(meeting.server_of(&clients[0], INTRODUCTION).unwrap()), b"first");
    }
}
