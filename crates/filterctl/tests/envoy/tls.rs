//! Certificates for one test, and a client that shows one or not.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use envoy_runner::DownstreamTls;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The name of the server.
const HOST: &str = "mx.example";

/// An authority, and what it has signed.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key.
struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let mut params = CertificateParams::new([])?;
        // The default is one name for all, by which a certificate would seem to have signed itself.
        params.distinguished_name.push(DnType::CommonName, "the test's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// What a listener shows its clients; and, with `mutual`, asks them for.
    pub(crate) fn listener(&self, folder: &Path, mutual: bool) -> Result<DownstreamTls> {
        let identity = self.identity()?;
        let write = |name: &str, text: &str| {
            let file = folder.join(name);
            fs::write(&file, text).map(|()| file)
        };
        Ok(DownstreamTls {
            certificate: write("certificate.pem", &identity.pem)?,
            private_key: write("key.pem", &identity.key.serialize_pem())?,
            client_authority: mutual.then(|| write("authority.pem", &self.issuer.pem())).transpose()?,
        })
    }

    /// Does the handshake as a client, which shows a certificate of its own or none.
    pub(crate) fn client(
        &self,
        mut socket: TcpStream,
        shows_certificate: bool,
    ) -> Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = if shows_certificate {
            let identity = self.identity()?;
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
            config.with_client_auth_cert(vec![identity.certificate], key)?
        } else {
            config.with_no_client_auth()
        };
        let mut connection = ClientConnection::new(Arc::new(config), HOST.try_into()?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).context("in the TLS handshake")?;
        }
        Ok(StreamOwned::new(connection, socket))
    }

    fn identity(&self) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([HOST.to_owned()])?.signed_by(&key, &self.issuer)?;
        Ok(Identity { pem: certificate.pem(), certificate: certificate.der().clone(), key })
    }
}
