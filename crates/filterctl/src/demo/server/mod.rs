//! What the demos' servers have in common: a port on loopback, a thread for each connection, TLS, and the count of
//! what passed on the wire.

mod certificate;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

pub use certificate::Certificate;
pub(super) use wire::Wire;

/// What a server says to its clients.
pub(super) trait Service: Send + Sync + 'static {
    /// Talks to one client until it leaves. A connection that breaks is an ordinary ending.
    fn converse(&self, wire: &mut Wire<'_>) -> io::Result<()>;
}

/// A running server on a free port of 127.0.0.1. Dropping it closes all its connections.
#[derive(Debug)]
pub(super) struct Server<S> {
    address: SocketAddr,
    shared: Arc<Shared<S>>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared<S> {
    name: &'static str,
    service: S,
    traffic: Traffic,
    /// The open connections by number, so that stopping can close them.
    open: Mutex<BTreeMap<u64, TcpStream>>,
    stopping: AtomicBool,
}

/// What passed on the wire, in clear text or not.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Connections accepted.
    pub(super) connections: AtomicU64,
    /// Octets received.
    pub(super) received: AtomicU64,
    /// Octets sent.
    pub(super) sent: AtomicU64,
}

impl<S: Service> Server<S> {
    /// Begins to listen; `name` is what its threads are called.
    pub(super) fn start(name: &'static str, service: S) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            name,
            service,
            traffic: Traffic::default(),
            open: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(name.to_owned()).spawn(move || accept(&listener, &shared))?
        };
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }
}

impl<S> Server<S> {
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn service(&self) -> &S {
        &self.shared.service
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.shared.traffic
    }

    pub(super) fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }
}

impl<S> Drop for Server<S> {
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

fn accept<S: Service>(listener: &TcpListener, shared: &Arc<Shared<S>>) {
    for (number, stream) in (0_u64..).zip(listener.incoming()) {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(second) = stream.try_clone() else { continue };
        lock(&shared.open).insert(number, second);
        shared.traffic.connections.fetch_add(1, Ordering::Relaxed);
        let of_connection = Arc::clone(shared);
        let name = format!("{} {number}", shared.name);
        let spawned = thread::Builder::new().name(name).spawn(move || {
            if stream.set_nodelay(true).is_ok() {
                let mut wire = Wire::new(stream, &of_connection.traffic);
                let _ = of_connection.service.converse(&mut wire);
                wire.close();
            }
            lock(&of_connection.open).remove(&number);
        });
        if spawned.is_err() {
            lock(&shared.open).remove(&number);
        }
    }
}

/// A panic in another connection leaves counts that are still right.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
