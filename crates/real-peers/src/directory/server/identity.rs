//! A certificate for a client to log in with.

use std::path::PathBuf;

use anyhow::Result;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::configuration::TRUSTED_PATH;
use crate::directory::rules::USERS;
use crate::instance::Instance;

const CERTIFICATE_PATH: &str = "/etc/ldap/client/certificate.pem";
const KEY_PATH: &str = "/etc/ldap/client/key.pem";

/// A client's certificate and key, as PEM files, which last as long as their server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where it lies, as seen from outside.
pub(super) fn of(instance: &Instance) -> ClientIdentity {
    ClientIdentity { certificate: instance.outside(CERTIFICATE_PATH), key: instance.outside(KEY_PATH) }
}

/// Makes a self-signed certificate in the name of the first user, and lets the server trust it.
pub(super) fn place(instance: &Instance) -> Result<()> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new([])?;
    parameters.distinguished_name.remove(DnType::CommonName);
    parameters.distinguished_name.push(DnType::CommonName, USERS[0]);
    let certificate = parameters.self_signed(&key)?.pem();
    instance.file(CERTIFICATE_PATH, &certificate, 0o644)?;
    instance.file(KEY_PATH, key.serialize_pem(), 0o600)?;
    instance.file(TRUSTED_PATH, &certificate, 0o644)
}
