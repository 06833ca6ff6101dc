//! The certificate that a server shows: self-signed, for `mx.good.test` and for the names that configuration samples
//! connect to, made anew for each instance.

use anyhow::Result;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::Instance;
use crate::mail::rules::HOST;

/// The certificate in a private root; clients take it as their only root of trust.
pub const CERTIFICATE_PATH: &str = "/etc/peer/certificate.pem";
/// Its private key, readable by root only.
pub(crate) const KEY_PATH: &str = "/etc/peer/key.pem";

/// The servers in the samples of deploy/envoy, which are verified by these names.
const IN_SAMPLES: [&str; 2] = ["mail.example.com", "directory.example.com"];

/// Makes a certificate for the server's names and for loopback, and writes it into the root.
pub(super) fn place(instance: &Instance) -> Result<()> {
    let key = KeyPair::generate()?;
    let names = [HOST, "localhost", "127.0.0.1"].into_iter().chain(IN_SAMPLES).map(str::to_owned);
    let mut parameters = CertificateParams::new(names.collect::<Vec<_>>())?;
    // Of its own: who trusts several of them looks for the issuer by its name.
    let subject = instance.root().file_name().unwrap_or_default().to_string_lossy();
    parameters.distinguished_name.push(DnType::CommonName, subject);
    let certificate = parameters.self_signed(&key)?;
    instance.folder("etc/peer", 0, 0o755)?;
    instance.file(CERTIFICATE_PATH, certificate.pem(), 0o644)?;
    instance.file(KEY_PATH, key.serialize_pem(), 0o600)
}
