//! Samba as an Active Directory domain controller.
//!
//! ```no_run
//! use real_peers::directory::samba::{LdbLogin, LdbTools, SambaAd, rules};
//! use real_peers::directory::{Protection, Search};
//!
//! # fn main() -> anyhow::Result<()> {
//! let controller = SambaAd::start()?;
//! let login = LdbLogin::Kerberos(controller.tickets("alice")?);
//! let report = LdbTools::of(&controller).search(
//!     controller.ldap(),
//!     &login,
//!     Protection::Integrity,
//!     &Search::below(rules::PEOPLE, "(mail=contact12@*)"),
//!     &[],
//! )?;
//! assert_eq!(report.entries(), 1);
//! assert_eq!(controller.tally_when(|tally| tally.all_searches() > 3)?.searches_under("SIGN"), 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Addresses
//! Samba's ports are fixed: 389, 636, 3268, 3269 and, for Kerberos, 88 and 464. So each controller listens on an
//! address of its own in the loopback network. Clients name it [`rules::HOST`] there, and whatever listens on
//! 127.0.0.1 in front of it [`rules::SERVICE_HOST`] or `localhost`; the controller has keys for all three.

mod configuration;
mod domain;
mod entries;
mod tally;

pub mod rules;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

use super::kdc::Tickets;
use crate::availability::Peer;
use crate::instance::{CERTIFICATE_PATH, Instance, free_address, is_listening_at};
use crate::waiting::wait_until;

pub use super::client::ldb_tools::{LdbLogin, LdbTools};
pub use configuration::SessionKey;
pub use tally::SambaTally;

const LDAP: u16 = 389;
const LDAPS: u16 = 636;
const GLOBAL_CATALOG: u16 = 3268;
const KERBEROS: u16 = 88;
const KERBEROS_PASSWORDS: u16 = 464;
const GLOBAL_CATALOG_TLS: u16 = 3269;
const PORTS: [u16; 6] = [LDAP, LDAPS, GLOBAL_CATALOG, KERBEROS, KERBEROS_PASSWORDS, GLOBAL_CATALOG_TLS];

/// How a controller shall differ from the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SambaOptions {
    /// Whether it refuses logins that neither sign nor seal, with result code 8 (`ldap server require strong
    /// auth = yes`, which is Samba's own default).
    pub requires_signing: bool,
}

/// A running domain controller with the domain that [`rules`] describes. Dropping it ends it.
///
/// It has simple binds, GSSAPI and GSS-SPNEGO with Kerberos or NTLM (plain, signed, sealed), StartTLS, paged
/// results, server-side sorting, virtual list views, DirSync, notifications of changes, and Active Directory's
/// extended names, security descriptors and deleted objects. It has neither "Who am I?", FastBind nor Sicily
/// binds.
pub struct SambaAd {
    instance: Instance,
    address: Ipv4Addr,
    obtained: AtomicU32,
}

/// How often to choose another address when somebody else took ours before the controller did.
const ATTEMPTS: usize = 3;

/// Where standard output goes, and so the log.
const LOG: &str = "srv/log/console";

impl SambaAd {
    /// Starts a controller and waits until it listens. The first one in a target folder makes the domain.
    ///
    /// # Errors
    /// When the peer is missing (the text says what to do), or it ends at once (with what it wrote).
    pub fn start() -> Result<Self> {
        Self::start_with(SambaOptions::default())
    }

    /// As [`start`](Self::start), with other options than the default.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(options: SambaOptions) -> Result<Self> {
        let bundle = Peer::SambaAd.require()?;
        let mut attempt = 1;
        loop {
            match Self::try_start(&bundle, options) {
                Err(error) if attempt < ATTEMPTS && format!("{error:#}").contains(TAKEN) => attempt += 1,
                result => return result.context("starting Samba"),
            }
        }
    }

    fn try_start(bundle: &Path, options: SambaOptions) -> Result<Self> {
        let mut instance = domain::prepare(bundle)?;
        let address = free_address(&PORTS)?;
        instance.file("etc/hosts", configuration::hosts(address), 0o644)?;
        instance.file(configuration::SMB_CONF, configuration::smb_conf(address, options), 0o644)?;
        // For the controller's tools, which run in its root.
        instance.file("etc/krb5.conf", configuration::krb5_conf(address, SessionKey::Aes), 0o644)?;
        instance.folder(configuration::TICKETS, 0, 0o755)?;
        // One process for everything: nothing here needs more, and its log is in order.
        instance.start("/usr/sbin/samba", &["--interactive", "--model=single", "--debug-stdout"])?;
        let mut controller = Self { instance, address, obtained: AtomicU32::new(0) };
        wait_until("Samba to listen", || {
            if let Some(status) = controller.instance.ended()? {
                bail!("it ended with {status}");
            }
            let listening = PORTS
                .into_iter()
                .try_fold(true, |all, port| Ok::<_, anyhow::Error>(all && is_listening_at((address, port))?));
            Ok(listening?.then_some(()))
        })
        .with_context(|| format!("it wrote:\n{}", controller.log()))?;
        Ok(controller)
    }

    /// Where it speaks LDAP in clear text, and offers StartTLS. Not 127.0.0.1.
    #[must_use]
    pub fn ldap(&self) -> SocketAddr {
        (self.address, LDAP).into()
    }

    /// Where it speaks TLS from the first octet.
    #[must_use]
    pub fn ldaps(&self) -> SocketAddr {
        (self.address, LDAPS).into()
    }

    /// Where it answers for the whole forest, in clear text.
    #[must_use]
    pub fn global_catalog(&self) -> SocketAddr {
        (self.address, GLOBAL_CATALOG).into()
    }

    /// The certificate that it shows, as PEM; for `localhost` and 127.0.0.1, and its own issuer.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.instance.outside(CERTIFICATE_PATH))?)
    }

    /// Logs in one of [`rules::USERS`], or [`rules::ADMINISTRATOR`], and returns that user's tickets, in a cache
    /// of their own. Any Kerberos client can use them, for `localhost` too.
    ///
    /// # Errors
    /// When Kerberos' tools are missing, or `kinit` fails.
    pub fn tickets(&self, user: &str) -> Result<Tickets> {
        self.tickets_for(user, SessionKey::Aes)
    }

    /// As [`tickets`](Self::tickets), for sessions with that kind of key. [`LdbTools`] take AES in any case.
    ///
    /// # Errors
    /// As [`tickets`](Self::tickets).
    pub fn tickets_for(&self, user: &str, key: SessionKey) -> Result<Tickets> {
        let number = self.obtained.fetch_add(1, Ordering::Relaxed);
        let name = |what: &str| format!("{}/{user}-{number}.{what}", configuration::TICKETS);
        self.instance.file(&name("conf"), configuration::krb5_conf(self.address, key), 0o644)?;
        let [config, cache] = ["conf", "cache"].map(|what| self.instance.outside(&name(what)));
        Tickets::obtain(config, cache, &format!("{user}@{}", rules::REALM), rules::PASSWORD)
    }

    /// All that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.instance.outside(LOG)).unwrap_or_default()).into_owned()
    }

    /// What its log says now. It logs the end of a connection after the client has seen it: prefer
    /// [`tally_when`](Self::tally_when).
    #[must_use]
    pub fn tally(&self) -> SambaTally {
        tally::read(&self.log())
    }

    /// Waits until its log says what it must, and returns the counts of that moment.
    ///
    /// # Errors
    /// When that does not come about; with the last counts.
    pub fn tally_when(&self, right: impl Fn(&SambaTally) -> bool) -> Result<SambaTally> {
        wait_until("Samba's log to say so", || {
            let tally = self.tally();
            Ok(right(&tally).then_some(tally))
        })
        .with_context(|| format!("last seen: {:?}", self.tally()))
    }

    /// Waits until at least `connections` to its LDAP ports are over.
    ///
    /// # Errors
    /// As [`tally_when`](Self::tally_when).
    pub fn tally_after(&self, connections: u64) -> Result<SambaTally> {
        self.tally_when(|tally| tally.disconnections >= connections)
    }

    /// The processes that it consists of.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        self.instance.processes()
    }

    /// The root that it runs in, which is gone once it is dropped.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.instance.root()
    }

    pub(super) fn instance(&self) -> &Instance {
        &self.instance
    }
}

/// What Samba writes when a port is taken.
const TAKEN: &str = "NT_STATUS_ADDRESS_ALREADY_ASSOCIATED";
