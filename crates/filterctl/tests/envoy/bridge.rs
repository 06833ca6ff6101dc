//! A running Envoy between clients and a server that are the test itself.

use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result};
use envoy_runner::{Bootstrap, Envoy, Listener, Scrape, StartOptions, Upstream, WasmFilter};
use filterctl::filters::Filter;
use filterctl::stage::final_scrape;
use serde_json::Value;
use socket2::SockRef;

use crate::counts::{self, SOON};
use crate::ground::Ground;
use crate::modules::Module;
use crate::wire::{Wire, prepare};

/// A running Envoy between clients and a server that are the test itself.
pub(crate) struct Bridge {
    /// The Envoy.
    pub(crate) envoy: Envoy,
    /// Where Envoy connects to as to the server.
    pub(crate) server: TcpListener,
}

impl Bridge {
    /// Starts Envoy with listeners that forward to the upstream that they are given.
    pub(crate) fn start(
        ground: &Ground,
        listeners: impl FnOnce(&Upstream) -> Result<Vec<Listener>>,
    ) -> Result<Self> {
        Self::start_with(ground, &StartOptions::default(), listeners)
    }

    /// The same with options of Envoy's.
    pub(crate) fn start_with(
        ground: &Ground,
        options: &StartOptions,
        listeners: impl FnOnce(&Upstream) -> Result<Vec<Listener>>,
    ) -> Result<Self> {
        let server = TcpListener::bind("127.0.0.1:0").context("listening as the server")?;
        // On Linux, this bounds accept(2).
        SockRef::from(&server).set_read_timeout(Some(SOON))?;
        let upstream = Upstream::new("127.0.0.1", server.local_addr()?.port());
        let envoy = start(ground, options, listeners(&upstream)?)?;
        Ok(Self { envoy, server })
    }

    /// A new connection through this listener.
    pub(crate) fn open(&self, listener: &str) -> Result<Wire> {
        let client = self.connect(listener)?;
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

    /// Waits until these series have these values: see [`counts::Expected`].
    pub(crate) fn counts(&self, expected: &str) -> Result<Scrape> {
        counts::wait(&self.envoy, expected)
    }

    /// The statistics when all connections are over, histograms included.
    pub(crate) fn final_scrape(&self) -> Result<Scrape> {
        final_scrape(&self.envoy, SOON)
    }
}

impl Ground {
    /// The filter `smtp` with this configuration.
    pub(crate) fn smtp(&self, configuration: &Value) -> Result<WasmFilter> {
        let module = Module::Smtp.artifact()?;
        Ok(WasmFilter::new("smtp", &module.path).configuration(configuration.to_string()))
    }
}

/// Starts Envoy with the tag rules of the suite.
pub(crate) fn start(ground: &Ground, options: &StartOptions, listeners: Vec<Listener>) -> Result<Envoy> {
    let filter = Filter::named("smtp").context("the smtp filter")?;
    let bootstrap = listeners.into_iter().fold(Bootstrap::new(), Bootstrap::listener);
    let bootstrap = bootstrap.stats_tags(filter.stats_tags());
    Ok(Envoy::start(&ground.binary, &bootstrap, &ground.folder, options)?)
}

/// A client's connection.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let client = TcpStream::connect_timeout(&address, SOON).context("connecting to Envoy")?;
    prepare(&client)?;
    Ok(client)
}
