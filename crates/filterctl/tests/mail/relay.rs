//! Envoy with the smtp-filter in front of a real server.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use envoy_runner::{
    Bootstrap, Envoy, EnvoyBinary, Listener, ProxyProtocol, Scrape, StartOptions, Upstream, WasmFilter,
};
use filterctl::filters::Filter;
use real_peers::mail::{MailServer, Server, ServerOptions};

use crate::counts;
use crate::modules::Module;

/// A server behind Envoy. Both end when it is dropped.
pub(crate) struct Relay {
    pub(crate) server: MailServer,
    envoy: Envoy,
    _folder: tempfile::TempDir,
}

const LISTENER: &str = "mail";
const CONFIGURATION: &str = r#"{"reporter": "gateway", "level": "detailed"}"#;

impl Relay {
    /// The server with Envoy in front of it.
    pub(crate) fn start(envoy: &EnvoyBinary, kind: Server) -> Result<Self> {
        Self::start_with(envoy, kind, ServerOptions::default())
    }

    /// The same with options of the server's.
    pub(crate) fn start_with(envoy: &EnvoyBinary, kind: Server, options: ServerOptions) -> Result<Self> {
        let server = MailServer::start_with(kind, options)?;
        let upstream = Upstream::new("127.0.0.1", server.smtp().port());
        Self::before(envoy, server, upstream)
    }

    /// Envoy puts a PROXY protocol header in front of what it forwards, as a relay that trusts addresses needs it.
    pub(crate) fn start_with_proxy_header(
        envoy: &EnvoyBinary,
        kind: Server,
        version: ProxyProtocol,
    ) -> Result<Self> {
        let server = MailServer::start(kind)?;
        let address =
            server.smtp_behind_proxy().context("the server has no listener for the PROXY protocol")?;
        let upstream = Upstream::new("127.0.0.1", address.port()).proxy_protocol(version);
        Self::before(envoy, server, upstream)
    }

    /// The client itself sends the header, and Envoy passes it on.
    pub(crate) fn start_behind_header(envoy: &EnvoyBinary, kind: Server) -> Result<Self> {
        let server = MailServer::start(kind)?;
        let address =
            server.smtp_behind_proxy().context("the server has no listener for the PROXY protocol")?;
        let upstream = Upstream::new("127.0.0.1", address.port());
        Self::before(envoy, server, upstream)
    }

    fn before(envoy: &EnvoyBinary, server: MailServer, upstream: Upstream) -> Result<Self> {
        let filter = Filter::named("smtp").context("the smtp filter")?;
        let module =
            WasmFilter::new(filter.name, &Module::Smtp.artifact()?.path).configuration(CONFIGURATION);
        let listener = Listener::new(LISTENER, upstream).filter(module);
        let bootstrap = Bootstrap::new().listener(listener).stats_tags(filter.stats_tags());
        let folder = tempfile::tempdir()?;
        let envoy = Envoy::start(envoy, &bootstrap, folder.path(), &StartOptions::default())?;
        Ok(Self { server, envoy, _folder: folder })
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.envoy.address(LISTENER)?)
    }

    /// Waits until the filter has counted just this, all connections are over and none was lost: a series per line.
    pub(crate) fn counted(&self, expected: &str) -> Result<Scrape> {
        let opened = "smtp_connections_opened_total";
        let scrape = counts::wait(&self.envoy, expected).context("what the filter counted")?;
        let connections = counts::count(&scrape, opened);
        counts::wait(
            &self.envoy,
            &format!(
                "smtp_connections_closed_total {connections}
                 smtp_connections_total {connections}
                 smtp_internal_errors_total 0
                 envoy_sdk_errors_total 0
                 envoy_sdk_panics_total 0"
            ),
        )
        .context("how the connections ended")?;
        counts::wait(&self.envoy, expected).context("what the filter had counted at the end")
    }
}
