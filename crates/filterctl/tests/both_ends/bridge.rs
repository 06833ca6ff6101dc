//! A running Envoy between clients and a server that are the test itself.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result};
use common_metrics::StatsTag;
use envoy_runner::{Bootstrap, Envoy, Listener, Scrape, StartOptions, Upstream};
use filterctl::filters::{FILTERS, Filter};
use filterctl::stage::final_scrape;
use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};

use super::counts::{self, SOON};
use super::script::Script;
use super::subject::{Ground, Subject};
use super::wire::{Wire, prepare};

/// The listener of tests that need just one.
pub(crate) const LISTENER: &str = "front";

/// A running Envoy between clients and a server that are the test itself.
pub(crate) struct Bridge {
    /// The Envoy.
    pub(crate) envoy: Envoy,
    /// Where Envoy connects to as to the server.
    pub(crate) server: TcpListener,
    /// What is tested.
    pub(crate) subject: &'static Subject,
}

impl Bridge {
    /// Starts Envoy with listeners that forward to the upstream that they are given.
    pub(crate) fn start(
        ground: &Ground,
        listeners: impl FnOnce(&Upstream) -> Result<Vec<Listener>>,
    ) -> Result<Self> {
        Self::start_with(ground, &StartOptions::default(), listeners)
    }

    /// Starts Envoy with one listener, [`LISTENER`], that has the filter with this configuration.
    pub(crate) fn with(ground: &Ground, configuration: &Value) -> Result<Self> {
        let filter = ground.filter(configuration)?;
        Self::start(ground, |upstream| Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter)]))
    }

    /// Like [`start`](Self::start), with options of Envoy's.
    pub(crate) fn start_with(
        ground: &Ground,
        options: &StartOptions,
        listeners: impl FnOnce(&Upstream) -> Result<Vec<Listener>>,
    ) -> Result<Self> {
        let server = listen()?;
        let upstream = Upstream::new("127.0.0.1", server.local_addr()?.port());
        let envoy = start(ground, options, listeners(&upstream)?)?;
        Ok(Self { envoy, server, subject: ground.subject })
    }

    /// A new connection through this listener.
    pub(crate) fn open(&self, listener: &str) -> Result<Wire> {
        let client = self.connect(listener)?;
        let server = self.accept()?;
        Wire::new(Box::new(client.try_clone()?), client, server)
    }

    /// A new connection through this listener, of a client with this address of the loopback network.
    pub(crate) fn open_from(&self, client: Ipv4Addr, listener: &str) -> Result<Wire> {
        let client = connect_from(client, self.envoy.address(listener)?)?;
        let server = self.accept()?;
        Wire::new(Box::new(client.try_clone()?), client, server)
    }

    /// The client's end of a new connection.
    pub(crate) fn connect(&self, listener: &str) -> Result<TcpStream> {
        connect(self.envoy.address(listener)?)
    }

    /// The server's end of a new connection.
    pub(crate) fn accept(&self) -> Result<TcpStream> {
        let (server, _) = self.server.accept().context("waiting for Envoy to connect to the server")?;
        Ok(server)
    }

    /// A new connection through [`LISTENER`] on which this has been said.
    pub(crate) fn opened(&self, script: &Script) -> Result<Wire> {
        let mut wire = self.open(LISTENER)?;
        wire.play(script)?;
        Ok(wire)
    }

    /// Waits until these series have these values: see [`counts::Expected`]. `*_` begins the filter's own.
    pub(crate) fn counts(&self, expected: &str) -> Result<Scrape> {
        counts::wait(&self.envoy, &self.subject.series(expected))
    }

    /// The value of a series, written likewise.
    pub(crate) fn count(&self, scrape: &Scrape, series: &str) -> f64 {
        counts::count(scrape, &self.subject.series(series))
    }

    /// The statistics when all connections are over, histograms included.
    pub(crate) fn final_scrape(&self) -> Result<Scrape> {
        final_scrape(&self.envoy, SOON)
    }
}

/// A server that Envoy can connect to.
pub(crate) fn listen() -> Result<TcpListener> {
    let server = TcpListener::bind("127.0.0.1:0").context("listening as the server")?;
    // On Linux, this bounds accept(2).
    SockRef::from(&server).set_read_timeout(Some(SOON))?;
    Ok(server)
}

/// Starts Envoy with the tag rules of all filters.
pub(crate) fn start(ground: &Ground, options: &StartOptions, listeners: Vec<Listener>) -> Result<Envoy> {
    Ok(Envoy::start(&ground.binary, &bootstrap(listeners), &ground.folder, options)?)
}

/// These listeners, and the tag rules of all filters: nobody's may touch what another one exports.
pub(crate) fn bootstrap(listeners: Vec<Listener>) -> Bootstrap {
    let mut tags: Vec<StatsTag> = Vec::new();
    for tag in FILTERS.iter().flat_map(Filter::stats_tags) {
        // Envoy takes each name once.
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    listeners.into_iter().fold(Bootstrap::new(), Bootstrap::listener).stats_tags(tags)
}

/// A connection of a client with this address of the loopback network.
pub(crate) fn connect_from(client: Ipv4Addr, address: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((client, 0)).into()).with_context(|| format!("binding to {client}"))?;
    socket.connect_timeout(&address.into(), SOON).context("connecting to Envoy")?;
    let client = TcpStream::from(socket);
    prepare(&client)?;
    Ok(client)
}

/// A client's connection.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let client = TcpStream::connect_timeout(&address, SOON).context("connecting to Envoy")?;
    prepare(&client)?;
    Ok(client)
}
