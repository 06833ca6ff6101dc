//! Envoy with the ldap-filter in front of a real server, and a recorder on either side of it.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use envoy_runner::{
    Bootstrap, DownstreamTls, Envoy, EnvoyBinary, Listener, Scrape, StartOptions, Upstream, WasmFilter,
};
use filterctl::filters::Filter;
use rcgen::{CertificateParams, KeyPair};
use real_peers::directory::{DirectoryOptions, DirectoryServer, DirectoryTally};
use real_peers::{Direction, Recorder};

use crate::agreement;
use crate::counts;
use crate::modules::Module;

/// Envoy before a server that somebody else holds. It ends when this is dropped.
pub(crate) struct Relay {
    envoy: Envoy,
    /// The certificate that Envoy shows, as PEM, where it ends TLS.
    pub(crate) certificate: Option<Vec<u8>>,
    _folder: tempfile::TempDir,
}

const LISTENER: &str = "directory";
const CONFIGURATION: &str = r#"{"reporter": "gateway", "level": "detailed"}"#;

impl Relay {
    /// Envoy in front of that address.
    pub(crate) fn before(envoy: &EnvoyBinary, server: SocketAddr) -> Result<Self> {
        Self::start(envoy, server, false)
    }

    /// The same, and Envoy ends TLS: it speaks LDAP in clear text with the server.
    pub(crate) fn ending_tls_before(envoy: &EnvoyBinary, server: SocketAddr) -> Result<Self> {
        Self::start(envoy, server, true)
    }

    fn start(envoy: &EnvoyBinary, server: SocketAddr, ends_tls: bool) -> Result<Self> {
        let filter = Filter::named("ldap").context("the ldap filter")?;
        let module =
            WasmFilter::new(filter.name, &Module::Ldap.artifact()?.path).configuration(CONFIGURATION);
        let upstream = Upstream::new(server.ip().to_string(), server.port());
        let mut listener = Listener::new(LISTENER, upstream).filter(module);
        let folder = tempfile::tempdir()?;
        let mut shown = None;
        if ends_tls {
            let key = KeyPair::generate()?;
            let names = ["localhost", "127.0.0.1"].map(str::to_owned);
            let pem = CertificateParams::new(names)?.self_signed(&key)?.pem();
            let (certificate, private_key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
            std::fs::write(&certificate, &pem)?;
            std::fs::write(&private_key, key.serialize_pem())?;
            listener = listener.tls(DownstreamTls { certificate, private_key, client_authority: None });
            shown = Some(pem.into_bytes());
        }
        let bootstrap = Bootstrap::new().listener(listener).stats_tags(filter.stats_tags());
        let envoy = Envoy::start(envoy, &bootstrap, folder.path(), &StartOptions::default())?;
        Ok(Self { envoy, certificate: shown, _folder: folder })
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.envoy.address(LISTENER)?)
    }

    /// Waits until the statistics are so.
    pub(crate) fn until(&self, condition: impl Fn(&Scrape) -> bool) -> Result<Scrape> {
        self.envoy.wait_for_stats(counts::SOON, condition)?.context("the statistics did not come about")
    }

    /// Waits until the filter has counted just this, all connections are over, nothing is in flight and nothing
    /// failed: a series per line.
    pub(crate) fn counted(&self, expected: &str) -> Result<Scrape> {
        let scrape = counts::wait(&self.envoy, expected).context("what the filter counted")?;
        let connections = counts::count(&scrape, "ldap_connections_opened_total");
        counts::wait(
            &self.envoy,
            &format!(
                "ldap_connections_closed_total {connections}
                 ldap_connections_total {connections}
                 ldap_operations_in_flight 0
                 ldap_persistent_searches 0
                 ldap_internal_errors_total 0
                 envoy_sdk_errors_total 0
                 envoy_sdk_panics_total 0"
            ),
        )
        .context("how the connections ended")?;
        counts::wait(&self.envoy, expected).context("what the filter had counted at the end")
    }
}

/// slapd behind Envoy. Both end when it is dropped.
pub(crate) struct Directory {
    pub(crate) server: DirectoryServer,
    pub(crate) relay: Relay,
}

impl Directory {
    pub(crate) fn start(envoy: &EnvoyBinary) -> Result<Self> {
        Self::start_with(envoy, &DirectoryOptions::default())
    }

    pub(crate) fn start_with(envoy: &EnvoyBinary, options: &DirectoryOptions) -> Result<Self> {
        let server = DirectoryServer::start_with(options)?;
        let relay = Relay::before(envoy, server.ldap())?;
        Ok(Self { server, relay })
    }

    /// The same, and Envoy ends TLS.
    pub(crate) fn start_ending_tls(envoy: &EnvoyBinary) -> Result<Self> {
        let server = DirectoryServer::start()?;
        let relay = Relay::ending_tls_before(envoy, server.ldap())?;
        Ok(Self { server, relay })
    }

    /// Waits until that many connections are over, and for the filter to have counted what slapd's log says; and this
    /// besides.
    pub(crate) fn agree(&self, connections: u64, besides: &str) -> Result<Scrape> {
        self.agree_but_for(connections, |_| {}, besides)
    }

    /// The same where the log does not say all: `corrected` adds what is missing.
    pub(crate) fn agree_but_for(
        &self,
        connections: u64,
        corrected: impl FnOnce(&mut DirectoryTally),
        besides: &str,
    ) -> Result<Scrape> {
        let mut tally = self.server.tally_after(connections)?;
        corrected(&mut tally);
        ensure!(tally.connections == connections, "{tally:?}");
        let expected = agreement::series(&tally)?;
        self.relay
            .counted(&format!("{expected}\n{besides}"))
            .with_context(|| format!("slapd counted {tally:?}"))
    }
}

/// Lets `talk` hold one connection through the relay that `before` starts in front of a recorder, itself behind a
/// recorder, and compares what passed on both sides of Envoy.
pub(crate) fn unchanged<T>(
    server: SocketAddr,
    before: impl FnOnce(SocketAddr) -> Result<Relay>,
    talk: impl FnOnce(SocketAddr, &Relay) -> Result<T>,
) -> Result<(Relay, T)> {
    let behind = Recorder::start(server)?;
    let relay = before(behind.address())?;
    let front = Recorder::start(relay.address()?)?;
    let said = talk(front.address(), &relay)?;
    let (sent, arrived) = (front.finish()?, behind.finish()?);
    for direction in [Direction::ClientToServer, Direction::ServerToClient] {
        let (sent, arrived) = (sent.octets(direction), arrived.octets(direction));
        ensure!(
            !sent.is_empty() && sent == arrived,
            "{direction:?}: {} octets, {}",
            sent.len(),
            arrived.len()
        );
    }
    Ok((relay, said))
}
