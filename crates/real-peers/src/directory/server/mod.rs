//! OpenLDAP's slapd, running.

mod configuration;
mod identity;
mod log;
mod tally;
mod tree;

use std::fs;
use std::io::BufWriter;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::availability::Peer;
use crate::instance::{CERTIFICATE_PATH, Ending, Instance, free_port, is_listening};
use crate::waiting::wait_until;

pub use identity::ClientIdentity;
pub use tally::DirectoryTally;

/// How a directory server shall differ from the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryOptions {
    /// How many people to generate below [`STAFF`](super::rules::STAFF).
    pub entries: u32,
    /// The most entries that a search returns, unless the administrator asks. 500 is slapd's own default.
    pub size_limit: u32,
    /// Whether it logs what it does. Without that [`DirectoryTally`] stays empty, and it runs at full speed.
    pub log: bool,
    /// The Kerberos key of `ldap/localhost`, in a keytab as [`Kdc::keytab`](super::Kdc::keytab) returns it,
    /// for GSSAPI logins.
    pub keytab: Option<Vec<u8>>,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self { entries: 100, size_limit: 500, log: true, keytab: None }
    }
}

impl DirectoryOptions {
    /// The default with another number of generated people. 100,000 take a few seconds to load.
    #[must_use]
    pub fn with_entries(entries: u32) -> Self {
        Self { entries, ..Self::default() }
    }
}

/// The ports of one server on 127.0.0.1.
#[derive(Clone, Copy)]
struct Ports {
    plain: u16,
    tls: u16,
    proxy: u16,
}

impl Ports {
    fn choose() -> Result<Self> {
        Ok(Self { plain: free_port()?, tls: free_port()?, proxy: free_port()? })
    }

    fn all(self) -> [u16; 3] {
        [self.plain, self.tls, self.proxy]
    }

    fn urls(self) -> String {
        let Self { plain, tls, proxy } = self;
        format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/ pldap://127.0.0.1:{proxy}/")
    }
}

/// A running slapd with the tree that [`rules`](super::rules) describes. Dropping it ends it.
///
/// It has simple binds, SASL (PLAIN, LOGIN, CRAM-MD5, DIGEST-MD5, SCRAM, with a keytab GSSAPI, over TLS with
/// a certificate EXTERNAL), StartTLS, paged results, server-side sorting, virtual list views, content
/// synchronisation, password policy, password modify, who-am-i, cancel and dynamic entries.
pub struct DirectoryServer {
    instance: Instance,
    ports: Ports,
}

/// How often to choose other ports when somebody else took ours before the server did.
const ATTEMPTS: usize = 3;

/// Where standard error goes, and so the log.
const LOG: &str = "srv/log/console";

impl DirectoryServer {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// When the peer is missing (the text says what to do), or the server ends at once (with what it wrote).
    pub fn start() -> Result<Self> {
        Self::start_with(&DirectoryOptions::default())
    }

    /// As [`start`](Self::start), with other options than the default.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(options: &DirectoryOptions) -> Result<Self> {
        let bundle = Peer::Slapd.require()?;
        let mut attempt = 1;
        loop {
            match Self::try_start(&bundle, options) {
                Err(error) if attempt < ATTEMPTS && format!("{error:#}").contains("in use") => attempt += 1,
                result => return result.context("starting slapd"),
            }
        }
    }

    fn try_start(bundle: &Path, options: &DirectoryOptions) -> Result<Self> {
        let ports = Ports::choose()?;
        let mut instance = prepare(bundle, options)?;
        // To stay in the foreground, where standard error is the log, it wants a debug level in any case.
        let level = if options.log { "stats" } else { "0" };
        instance.start("/usr/sbin/slapd", &["-d", level, "-f", configuration::PATH, "-h", &ports.urls()])?;
        let mut server = Self { instance, ports };
        server.wait_until_listening()?;
        Ok(server)
    }

    fn wait_until_listening(&mut self) -> Result<()> {
        wait_until("slapd to listen", || {
            if let Some(status) = self.instance.ended()? {
                bail!("it ended with {status}");
            }
            let listening = self
                .ports
                .all()
                .into_iter()
                .try_fold(true, |all, port| Ok::<_, anyhow::Error>(all && is_listening(port)?));
            Ok(listening?.then_some(()))
        })
        .with_context(|| format!("it wrote:\n{}", self.log()))
    }

    /// Ends it. Its entries and its ports stay.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self, ending: Ending) -> Result<()> {
        self.instance.stop(ending)
    }

    /// Lets it stand still, as a server that hangs: it holds its connections and answers nothing. Only
    /// [`Ending::Killed`] ends it then.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn freeze(&self) -> Result<()> {
        self.instance.freeze()
    }

    /// Starts it again after [`stop`](Self::stop), at the same ports, and waits until it listens. Its log begins anew.
    ///
    /// # Errors
    /// When it was not stopped, or ends at once (with what it wrote).
    pub fn start_again(&mut self) -> Result<()> {
        self.instance.start_again()?;
        self.wait_until_listening()
    }

    /// Where it speaks LDAP in clear text, and offers StartTLS.
    #[must_use]
    pub fn ldap(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.plain).into()
    }

    /// Where it speaks TLS from the first octet.
    #[must_use]
    pub fn ldaps(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.tls).into()
    }

    /// Where it expects a header of the PROXY protocol, version 2, before LDAP in clear text.
    #[must_use]
    pub fn ldap_behind_proxy(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.proxy).into()
    }

    /// The certificate that it shows, as PEM; for `localhost` and 127.0.0.1, and its own issuer.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.instance.outside(CERTIFICATE_PATH))?)
    }

    /// What a client shows to log in as the first of [`USERS`](super::rules::USERS) by SASL EXTERNAL.
    #[must_use]
    pub fn client_identity(&self) -> ClientIdentity {
        identity::of(&self.instance)
    }

    /// All that it wrote: what it did, when it logs that, and errors.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.instance.outside(LOG)).unwrap_or_default()).into_owned()
    }

    /// What its log says now. A server logs the end of a connection after the client has seen it: prefer
    /// [`tally_when`](Self::tally_when).
    #[must_use]
    pub fn tally(&self) -> DirectoryTally {
        log::read(&self.log())
    }

    /// What its log says now of one connection; the first one since its start has the number 0.
    #[must_use]
    pub fn tally_of_connection(&self, number: u64) -> DirectoryTally {
        log::read_connection(&self.log(), number)
    }

    /// Waits until its log says what it must, and returns the counts of that moment.
    ///
    /// # Errors
    /// When that does not come about; with the last counts and the log.
    pub fn tally_when(&self, right: impl Fn(&DirectoryTally) -> bool) -> Result<DirectoryTally> {
        wait_until("slapd's log to say so", || {
            let tally = self.tally();
            Ok(right(&tally).then_some(tally))
        })
        .with_context(|| format!("last seen: {:?}\n{}", self.tally(), self.log()))
    }

    /// Waits until at least `connections` were made and all of them are over.
    ///
    /// # Errors
    /// As [`tally_when`](Self::tally_when).
    pub fn tally_after(&self, connections: u64) -> Result<DirectoryTally> {
        self.tally_when(|tally| tally.connections >= connections && tally.complete)
    }

    /// The processes that it consists of.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        self.instance.processes()
    }

    /// The root that it runs in, which is gone once the server is dropped.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.instance.root()
    }
}

/// Lays out its root and loads the tree.
fn prepare(bundle: &Path, options: &DirectoryOptions) -> Result<Instance> {
    let instance = Instance::new("slapd", bundle, &[])?;
    instance.folder("var/lib/ldap", 0, 0o700)?;
    identity::place(&instance)?;
    instance.file(configuration::PATH, configuration::slapd_conf(options.size_limit), 0o600)?;
    if let Some(keytab) = &options.keytab {
        instance.file("/etc/krb5.keytab", keytab, 0o600)?;
        instance.file("/etc/krb5.conf", configuration::krb5_conf(), 0o644)?;
        // For the replay cache.
        instance.folder("var/tmp", 0, 0o1777)?;
    }
    let mut ldif = BufWriter::new(fs::File::create(instance.outside("tmp/tree.ldif"))?);
    tree::write(&mut ldif, options.entries).context("writing the tree")?;
    drop(ldif.into_inner().context("writing the tree")?);
    // `-q`: without the checks and the locking that only matter when something is there already.
    instance
        .run("/usr/sbin/slapadd", &["-q", "-w", "-f", configuration::PATH, "-l", "/tmp/tree.ldif"])
        .context("loading the tree")?;
    fs::remove_file(instance.outside("tmp/tree.ldif"))?;
    Ok(instance)
}
