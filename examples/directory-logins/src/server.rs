//! Where the directory is, and how to check its certificate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Settings;

/// A directory server.
#[derive(Clone)]
pub struct Server {
    address: String,
    /// The URL with the name that its certificate carries.
    url: String,
    tls: Option<Arc<ClientConfig>>,
    /// How long it may take to answer.
    pub(crate) patience: Duration,
}

impl Server {
    /// # Errors
    ///
    /// When `--ca` cannot be read or holds no certificate, or `--ldap` is no address.
    pub fn new(settings: &Settings) -> Result<Self> {
        let Some((host, port)) = settings.ldap.rsplit_once(':') else {
            bail!("--ldap {}: must be HOST:PORT", settings.ldap);
        };
        if port.parse::<u16>().is_err() {
            bail!("--ldap {}: {port:?} is not a port", settings.ldap);
        }
        let name = settings.tls_name.as_deref().unwrap_or(host);
        let mut tls = None;
        if let Some(path) = &settings.ca {
            let context = || format!("--ca {}", path.display());
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).with_context(context)? {
                roots.add(certificate.with_context(context)?).with_context(context)?;
            }
            if roots.is_empty() {
                bail!("{}: no certificate is in it", context());
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config =
                ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
            tls = Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
        }
        Ok(Self {
            address: settings.ldap.clone(),
            url: format!("ldap://{name}:{port}"),
            tls,
            patience: settings.timeout,
        })
    }

    /// A connection, and the task that drives it until it ends.
    pub(crate) async fn connect(&self, starttls: bool) -> Result<(Ldap, JoinHandle<()>)> {
        let connected = timeout(self.patience, self.try_to_connect(starttls)).await;
        let (connection, ldap) = connected.context("no connection in time")??;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                log::debug!("connection lost: {error}");
            }
        });
        Ok((ldap, driver))
    }

    async fn try_to_connect(&self, starttls: bool) -> Result<(LdapConnAsync, Ldap)> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let stream = StdStream::Tcp(stream.into_std()?);
        let mut settings = LdapConnSettings::new().set_starttls(starttls).set_std_stream(stream);
        if let Some(tls) = &self.tls {
            settings = settings.set_config(Arc::clone(tls));
        }
        Ok(LdapConnAsync::with_settings(settings, &self.url).await?)
    }
}
