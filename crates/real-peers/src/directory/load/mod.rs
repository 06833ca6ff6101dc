//! Many operations quickly: requests that are encoded once, sent over many connections, and counted.
//!
//! ```no_run
//! use real_peers::directory::load::DirectoryLoad;
//! use real_peers::directory::{Scope, message};
//!
//! # fn main() -> anyhow::Result<()> {
//! let filter = message::equal("uid", "alice");
//! let search = message::search("dc=example,dc=test", Scope::Subtree, &filter, &["cn"]);
//! let load = DirectoryLoad { connections: 4, operations: 1000, depth: 8, ..DirectoryLoad::of(search) };
//! let report = load.run("127.0.0.1:389".parse()?)?;
//! println!("{} of {} in {:?}", report.results[&0], report.requests, report.elapsed);
//! # Ok(())
//! # }
//! ```

mod connection;
mod latencies;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

pub use latencies::Latencies;

/// What to ask for, how often and how densely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryLoad {
    /// Connections at the same time, 1 to 512; each has a thread of its own.
    pub connections: u32,
    /// Operations on each of them, without logins.
    pub operations: u64,
    /// Operations that wait for their answer at the same time on one connection, 1 to 1,000. Binds have to go one
    /// by one (RFC 4511 section 4.2.1).
    pub depth: u32,
    /// The bind that each connection begins with, as [`message::bind`](super::message::bind) makes it. It has to
    /// succeed.
    pub login: Option<Vec<u8>>,
    /// The operations, asked for in turn; made by [`message`](super::message), each with one final response.
    pub work: Vec<Vec<u8>>,
    /// Open a new connection after that many operations; at least 1.
    pub reconnect_after: Option<u64>,
    /// When this has passed nothing new is begun.
    pub at_most: Duration,
}

impl DirectoryLoad {
    /// One operation, once, over one connection.
    #[must_use]
    pub fn of(operation: Vec<u8>) -> Self {
        Self {
            connections: 1,
            operations: 1,
            depth: 1,
            login: None,
            work: vec![operation],
            reconnect_after: None,
            at_most: Duration::from_secs(600),
        }
    }

    /// Does it, and waits for the last answer and for the end of each connection.
    ///
    /// # Errors
    /// When a number is out of range, the server cannot be reached, a login fails, a connection ends early or
    /// something comes back that was not asked for. A result that is no success is no error but counted.
    pub fn run(&self, server: SocketAddr) -> Result<LoadReport> {
        ensure!((1..=512).contains(&self.connections), "{} connections", self.connections);
        ensure!((1..=1000).contains(&self.depth), "{} operations at the same time", self.depth);
        ensure!(!self.work.is_empty(), "nothing to do");
        ensure!(self.reconnect_after != Some(0), "a connection for no operation");
        let start = Instant::now();
        let until = start + self.at_most;
        let mut report = LoadReport::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|_| scope.spawn(|| connection::work_through(self, server, until)))
                .collect();
            threads.into_iter().try_for_each(|thread| {
                report.add(thread.join().map_err(|_| anyhow!("a thread of the load panicked"))??);
                anyhow::Ok(())
            })
        })?;
        report.elapsed = start.elapsed();
        report.latencies.sort();
        Ok(report)
    }
}

/// What came of a load, as its client saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Connections made.
    pub connections: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Operations begun, without logins and unbinds.
    pub requests: u64,
    /// Final responses to them, by result code.
    pub results: BTreeMap<u32, u64>,
    /// Entries received.
    pub entries: u64,
    /// References received.
    pub references: u64,
    /// Octets sent, logins and unbinds included.
    pub octets_sent: u64,
    /// Octets received.
    pub octets_received: u64,
    /// From the first connection's begin to the last one's end.
    pub elapsed: Duration,
    /// From sending an operation to reading its final response.
    pub latencies: Latencies,
}

impl LoadReport {
    /// Final responses to operations.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.results.values().sum()
    }

    fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.logins += other.logins;
        self.requests += other.requests;
        for (code, count) in other.results {
            *self.results.entry(code).or_default() += count;
        }
        self.entries += other.entries;
        self.references += other.references;
        self.octets_sent += other.octets_sent;
        self.octets_received += other.octets_received;
        self.latencies.append(other.latencies);
    }
}
