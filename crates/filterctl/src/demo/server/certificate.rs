//! The server's own certificate, made when the demo starts.

use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A self-signed certificate and its key.
pub struct Certificate {
    made: CertifiedKey<KeyPair>,
}

impl Certificate {
    /// Makes a new key and a certificate for this host name.
    ///
    /// # Errors
    ///
    /// When the name is no valid DNS name.
    pub fn for_host(name: &str) -> Result<Self, rcgen::Error> {
        Ok(Self { made: generate_simple_self_signed([name.to_owned()])? })
    }

    /// The certificate in PEM, without the key: what a client has to trust.
    pub fn pem(&self) -> String {
        self.made.cert.pem()
    }

    pub(in crate::demo) fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.made.cert.der().clone()], key)?;
        Ok(Arc::new(config))
    }
}
