//! The certificate that a server shows: self-signed, for `mx.good.test`, made anew for each instance.

use anyhow::Result;
use rcgen::{CertificateParams, KeyPair};

use super::Instance;
use crate::mail::rules::HOST;

/// The certificate in a private root; clients take it as their only root of trust.
pub const CERTIFICATE_PATH: &str = "/etc/peer/certificate.pem";
/// Its private key, readable by root only.
pub(crate) const KEY_PATH: &str = "/etc/peer/key.pem";

/// Makes a certificate for the server's name and for loopback, and writes it into the root.
pub(super) fn place(instance: &Instance) -> Result<()> {
    let key = KeyPair::generate()?;
    let names = [HOST, "localhost", "127.0.0.1"].map(str::to_owned);
    let certificate = CertificateParams::new(names)?.self_signed(&key)?;
    instance.folder("etc/peer", 0, 0o755)?;
    instance.file(CERTIFICATE_PATH, certificate.pem(), 0o644)?;
    instance.file(KEY_PATH, key.serialize_pem(), 0o600)
}
