//! MIT Kerberos: a key distribution centre of the test realm, and tickets of it.
//!
//! ```no_run
//! use real_peers::directory::{DirectoryOptions, DirectoryServer, Kdc};
//!
//! # fn main() -> anyhow::Result<()> {
//! let kdc = Kdc::start()?;
//! let keytab = Some(kdc.keytab()?);
//! let slapd = DirectoryServer::start_with(&DirectoryOptions { keytab, ..DirectoryOptions::default() })?;
//! let tickets = kdc.tickets("alice")?;
//! # Ok(())
//! # }
//! ```

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

use super::rules::{PASSWORD, REALM, USERS};
use crate::availability::Peer;
use crate::debian::Program;
use crate::instance::{Instance, free_port, is_listening};
use crate::waiting::wait_until;

/// The service's principal.
pub const SERVICE: &str = "ldap/localhost";

const CONFIG: &str = "/etc/krb5.conf";
const KEYTAB: &str = "/etc/ldap.keytab";
const DATABASE: &str = "/var/lib/krb5kdc/principal";
/// Where clients' configurations and tickets are, so that they are removed with the instance.
const TICKETS: &str = "srv/tickets";

/// A client's Kerberos configuration and the cache with its tickets.
///
/// Both files last as long as the KDC that they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tickets {
    /// For `KRB5_CONFIG`, a file.
    pub config: PathBuf,
    /// For `KRB5CCNAME`, a file.
    pub cache: PathBuf,
}

impl Tickets {
    /// Obtains a ticket-granting ticket with `kinit`, from whatever KDC `config` names.
    ///
    /// # Errors
    /// When Kerberos' tools are missing, or the KDC refuses.
    pub fn obtain(config: PathBuf, cache: PathBuf, principal: &str, password: &str) -> Result<Self> {
        let mut command = Program::of(&Peer::Kdc.require()?)?.command("usr/bin/kinit");
        command.env_clear().env("KRB5_CONFIG", &config).env("LC_ALL", "C");
        let mut kinit = command
            .arg("-c")
            .arg(&cache)
            .arg(principal)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting kinit")?;
        writeln!(kinit.stdin.take().context("kinit has no input")?, "{password}")?;
        let output = kinit.wait_with_output()?;
        if !output.status.success() {
            bail!(
                "kinit {principal} ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(Self { config, cache })
    }
}

/// A running `krb5kdc` of the realm [`REALM`]. Dropping it ends it.
pub struct Kdc {
    instance: Instance,
    port: u16,
    obtained: AtomicU32,
}

/// How often to choose another port when somebody else took ours before the KDC did.
const ATTEMPTS: usize = 3;

impl Kdc {
    /// Starts a KDC that knows [`USERS`] and the directory's service, and waits until it listens.
    ///
    /// # Errors
    /// When the peer is missing (the text says what to do), or it ends at once (with what it wrote).
    pub fn start() -> Result<Self> {
        let bundle = Peer::Kdc.require()?;
        let mut attempt = 1;
        loop {
            match Self::try_start(&bundle) {
                Err(error) if attempt < ATTEMPTS && format!("{error:#}").contains("in use") => attempt += 1,
                result => return result.context("starting the KDC"),
            }
        }
    }

    fn try_start(bundle: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut instance = Instance::new("kdc", bundle, &[])?;
        instance.folder("var/lib/krb5kdc", 0, 0o700)?;
        instance.folder(TICKETS, 0, 0o755)?;
        instance.file(CONFIG, client_configuration(port), 0o644)?;
        instance.file("/etc/krb5kdc/kdc.conf", kdc_configuration(port), 0o600)?;
        // The master password is made up: nobody enters it again, the stash file has the key.
        instance.run("/usr/sbin/kdb5_util", &["create", "-s", "-r", REALM, "-P", "of-no-use"])?;
        for user in USERS {
            administer(&instance, &format!("addprinc -pw {PASSWORD} {user}"))?;
        }
        for service in [SERVICE, "ldap/127.0.0.1"] {
            administer(&instance, &format!("addprinc -randkey {service}"))?;
            administer(&instance, &format!("ktadd -k {KEYTAB} {service}"))?;
        }
        instance.start("/usr/sbin/krb5kdc", &["-n", "-r", REALM])?;
        let mut kdc = Self { instance, port, obtained: AtomicU32::new(0) };
        wait_until("the KDC to listen", || {
            if let Some(status) = kdc.instance.ended()? {
                bail!("it ended with {status} and wrote:\n{}", kdc.log());
            }
            Ok((is_listening(port)? && udp_is_taken(port)).then_some(()))
        })
        .with_context(|| format!("it wrote:\n{}", kdc.log()))?;
        Ok(kdc)
    }

    /// Where it listens, on TCP and UDP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The keys of `ldap/localhost` and `ldap/127.0.0.1`, as a keytab file's content.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn keytab(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.instance.outside(KEYTAB))?)
    }

    /// Logs in one of [`USERS`], and returns that user's tickets, in a cache of their own.
    ///
    /// # Errors
    /// When `kinit` fails.
    pub fn tickets(&self, user: &str) -> Result<Tickets> {
        let number = self.obtained.fetch_add(1, Ordering::Relaxed);
        let cache = self.instance.outside(TICKETS).join(format!("{user}-{number}"));
        Tickets::obtain(self.instance.outside(CONFIG), cache, &format!("{user}@{REALM}"), PASSWORD)
    }

    /// All that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |path| fs::read(self.instance.outside(path)).unwrap_or_default();
        String::from_utf8_lossy(&[read("srv/log/console"), read("srv/log/kdc.log")].concat()).into_owned()
    }

    /// The root that it runs in, which is gone once it is dropped.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.instance.root()
    }
}

fn administer(instance: &Instance, query: &str) -> Result<()> {
    instance.run("/usr/sbin/kadmin.local", &["-r", REALM, "-q", query]).context("filling the KDC").map(drop)
}

/// Whether somebody listens for datagrams there.
fn udp_is_taken(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// Names are taken as they are: a look-up of 127.0.0.1 would turn up this machine's name, for which there is
/// no service.
fn client_configuration(port: u16) -> String {
    format!(
        "[libdefaults]
  default_realm = {REALM}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  {REALM} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {REALM}
  127.0.0.1 = {REALM}
[logging]
  kdc = FILE:/srv/log/kdc.log
"
    )
}

fn kdc_configuration(port: u16) -> String {
    format!(
        "[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {REALM} = {{
    database_name = {DATABASE}
    key_stash_file = /etc/krb5kdc/stash
    acl_file = /etc/krb5kdc/kadm5.acl
    max_life = 10h 0m 0s
  }}
"
    )
}
