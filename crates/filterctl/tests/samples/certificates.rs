//! The files that the samples expect below /etc/envoy/certs, and a client that shows a certificate.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use real_peers::directory::ClientIdentity;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// What Envoy's certificates are for: the names of the samples, and those that the test's clients connect to.
const NAMES: [&str; 5] =
    ["mail.example.com", "directory.example.com", "mx.good.test", "localhost", "127.0.0.1"];
/// The certificates that Envoy shows to clients, and the one that clients show to Envoy.
const SIGNED: [&str; 3] = ["mail", "directory", "client"];

/// The certificates of one sample, in a folder of their own.
pub(crate) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Writes them; `trusted` is what Envoy trusts servers by, as PEM.
    pub(crate) fn write(folder: &Path, trusted: &[u8]) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut params = CertificateParams::new([])?;
        // The default is one name for all, by which a certificate would seem to have signed itself.
        params.distinguished_name.push(DnType::CommonName, "the test's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        for name in SIGNED {
            let key = KeyPair::generate()?;
            let certificate =
                CertificateParams::new(NAMES.map(str::to_owned))?.signed_by(&key, &authority)?;
            fs::write(folder.join(format!("{name}.pem")), certificate.pem())?;
            fs::write(folder.join(format!("{name}-key.pem")), key.serialize_pem())?;
        }
        fs::write(folder.join("client-ca.pem"), authority.pem())?;
        fs::write(folder.join("ca.pem"), trusted)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Adds what Envoy shows to servers.
    pub(crate) fn of_envoy(&self, identity: &ClientIdentity) -> Result<()> {
        fs::copy(&identity.certificate, self.folder.join("envoy.pem"))?;
        fs::copy(&identity.key, self.folder.join("envoy-key.pem"))?;
        Ok(())
    }

    /// The authority that signed what Envoy shows to clients, as PEM.
    pub(crate) fn authority(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.folder.join("client-ca.pem"))?)
    }

    /// A client's certificate that Envoy accepts.
    pub(crate) fn client(&self) -> ClientIdentity {
        ClientIdentity {
            certificate: self.folder.join("client.pem"),
            key: self.folder.join("client-key.pem"),
        }
    }

    /// Connects and does the handshake, with the client's certificate or without.
    pub(crate) fn connect(
        &self,
        address: SocketAddr,
        shows_certificate: bool,
    ) -> Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&self.authority()?)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = if shows_certificate {
            let identity = self.client();
            let certificate = CertificateDer::from_pem_file(identity.certificate)?;
            config.with_client_auth_cert(vec![certificate], PrivateKeyDer::from_pem_file(identity.key)?)?
        } else {
            config.with_no_client_auth()
        };
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(real_peers::DEADLINE))?;
        let mut connection = ClientConnection::new(Arc::new(config), NAMES[0].try_into()?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).context("in the TLS handshake")?;
        }
        Ok(StreamOwned::new(connection, socket))
    }
}
