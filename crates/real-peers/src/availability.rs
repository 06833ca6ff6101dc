//! Which peers this machine can run, and how to get those that it cannot.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

use crate::cluster;
use crate::crates_io::CrateProgram;
use crate::debian::Bundle;
use crate::directory::client::java;
use crate::go::GoProgram;
use crate::instance::may_change_root;
use crate::mail::client::nodemailer;
use crate::release;

/// A program that tests and benchmarks talk to or through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// Postfix, `smtpd` and local delivery.
    Postfix,
    /// Exim, the daemon with PRDR and PROXY support.
    Exim,
    /// OpenSMTPD.
    OpenSmtpd,
    /// Dovecot's LMTP server.
    DovecotLmtp,
    /// `smtp-sink` and `smtp-source`, Postfix's load tools.
    SmtpLoad,
    /// swaks, a Perl client for trying out mail servers.
    Swaks,
    /// Python's `smtplib`.
    Smtplib,
    /// lettre, a Rust mail library; linked into this crate.
    Lettre,
    /// nodemailer, a Node mail library.
    Nodemailer,
    /// OpenLDAP's slapd.
    Slapd,
    /// MIT Kerberos: the key distribution centre, and `kinit`.
    Kdc,
    /// `ldapsearch` and its siblings, of OpenLDAP.
    LdapUtils,
    /// Samba as an Active Directory domain controller, and its tools.
    SambaAd,
    /// `ldbsearch` and its siblings, of Samba.
    LdbTools,
    /// python-ldap, over OpenLDAP's library and Cyrus SASL.
    PythonLdap,
    /// `ldap3`, a Rust LDAP library; linked into this crate.
    Ldap3,
    /// Java, with its own LDAP client (JNDI) and the UnboundID LDAP SDK.
    JavaLdap,
    /// Prometheus and promtool.
    Prometheus,
    /// Chromium, without a window.
    Chromium,
    /// skopeo, which copies container images.
    Skopeo,
    /// A container registry: CNCF's distribution, as Debian packages it.
    Registry,
    /// Helm 3.
    Helm3,
    /// Helm 4.
    Helm4,
    /// Kubernetes' API server with etcd, and kubectl.
    KubeApiServer,
    /// Istio's own code that turns resources into Envoy's configuration, and its CRDs.
    Istio,
    /// Istio's agent, as far as it fetches modules.
    IstioAgent,
    /// cargo-deny, which checks dependencies against a policy.
    CargoDeny,
    /// gungraun-runner, which runs benchmarks in valgrind.
    GungraunRunner,
}

/// Whether a peer can be used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It can, with what stands in this place.
    Available(PathBuf),
    /// It cannot.
    Missing(Missing),
}

/// A peer that cannot be used, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The peer's name.
    pub name: &'static str,
    /// What is lacking.
    pub why: String,
    /// A command that a person can enter to change that.
    pub install_command: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; try: {}", self.name, self.why, self.install_command)
    }
}

/// What makes everything available on a machine that is not Debian, or where we are not root.
const IN_A_CONTAINER: &str = "docker run --rm -it -v \"$PWD\":/project -w /project docker.io/library/rust:bookworm cargo filterctl test";
const AS_ROOT: &str = "sudo --preserve-env=PATH,HOME,CARGO_TARGET_DIR cargo filterctl test";
const VALGRIND: &str = "apt-get install --yes valgrind libc6-dbg";
const DOWNLOAD: &str = "cargo run --package real-peers --example peers -- install";

impl Peer {
    /// The peers that speak LDAP, and Kerberos for it; servers first.
    pub const DIRECTORY: [Self; 8] = [
        Self::Slapd,
        Self::Kdc,
        Self::SambaAd,
        Self::LdapUtils,
        Self::LdbTools,
        Self::PythonLdap,
        Self::Ldap3,
        Self::JavaLdap,
    ];

    /// The peers that speak SMTP, servers first.
    pub const MAIL: [Self; 9] = [
        Self::Postfix,
        Self::Exim,
        Self::OpenSmtpd,
        Self::DovecotLmtp,
        Self::SmtpLoad,
        Self::Swaks,
        Self::Smtplib,
        Self::Lettre,
        Self::Nodemailer,
    ];

    /// What shows and stores metrics, and shows pages.
    pub const OBSERVABILITY: [Self; 2] = [Self::Prometheus, Self::Chromium];

    /// What a release is pushed to and pulled with.
    pub const RELEASE: [Self; 3] = [Self::Skopeo, Self::Registry, Self::IstioAgent];

    /// What takes charts and manifests.
    pub const CLUSTER: [Self; 4] = [Self::Helm3, Self::Helm4, Self::KubeApiServer, Self::Istio];

    /// What looks at the sources.
    pub const SOURCES: [Self; 2] = [Self::CargoDeny, Self::GungraunRunner];

    /// All peers.
    pub fn all() -> impl Iterator<Item = Self> {
        let groups: [&[Self]; 6] = [
            &Self::MAIL,
            &Self::DIRECTORY,
            &Self::OBSERVABILITY,
            &Self::RELEASE,
            &Self::CLUSTER,
            &Self::SOURCES,
        ];
        groups.into_iter().flatten().copied()
    }

    /// The name to show and to select by, such as `postfix`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postfix => "postfix",
            Self::Exim => "exim",
            Self::OpenSmtpd => "opensmtpd",
            Self::DovecotLmtp => "dovecot-lmtp",
            Self::SmtpLoad => "smtp-load",
            Self::Swaks => "swaks",
            Self::Smtplib => "smtplib",
            Self::Lettre => "lettre",
            Self::Nodemailer => "nodemailer",
            Self::Slapd => "slapd",
            Self::Kdc => "kdc",
            Self::LdapUtils => "ldap-utils",
            Self::SambaAd => "samba-ad",
            Self::LdbTools => "ldb-tools",
            Self::PythonLdap => "python-ldap",
            Self::Ldap3 => "ldap3",
            Self::JavaLdap => "java-ldap",
            Self::Prometheus => "prometheus",
            Self::Chromium => "chromium",
            Self::Skopeo => "skopeo",
            Self::Registry => "registry",
            Self::Helm3 => "helm3",
            Self::Helm4 => "helm4",
            Self::KubeApiServer => "kube-apiserver",
            Self::Istio => "istio",
            Self::IstioAgent => "istio-agent",
            Self::CargoDeny => "cargo-deny",
            Self::GungraunRunner => "gungraun-runner",
        }
    }

    /// The Debian packages that it comes from, if it does.
    #[must_use]
    pub fn bundle(self) -> Option<&'static Bundle> {
        match self {
            Self::Postfix | Self::SmtpLoad => Some(&Bundle::POSTFIX),
            Self::Exim => Some(&Bundle::EXIM),
            Self::OpenSmtpd => Some(&Bundle::OPENSMTPD),
            Self::DovecotLmtp => Some(&Bundle::DOVECOT),
            Self::Swaks => Some(&Bundle::SWAKS),
            Self::Slapd => Some(&Bundle::SLAPD),
            Self::Kdc => Some(&Bundle::KERBEROS),
            Self::LdapUtils => Some(&Bundle::LDAP_UTILS),
            Self::PythonLdap => Some(&Bundle::PYTHON_LDAP),
            Self::SambaAd | Self::LdbTools => Some(&Bundle::SAMBA),
            Self::Prometheus => Some(&Bundle::PROMETHEUS),
            Self::Chromium => Some(&Bundle::CHROMIUM),
            Self::Skopeo => Some(&Bundle::SKOPEO),
            Self::Registry => Some(&Bundle::REGISTRY),
            Self::Smtplib | Self::Lettre | Self::Nodemailer | Self::Ldap3 | Self::JavaLdap => None,
            Self::Helm3 | Self::Helm4 | Self::KubeApiServer => None,
            Self::Istio | Self::IstioAgent => None,
            Self::CargoDeny | Self::GungraunRunner => None,
        }
    }

    /// Whether it runs in a root of its own, and so needs the right to `chroot`.
    fn needs_root(self) -> bool {
        matches!(
            self,
            Self::Postfix
                | Self::Exim
                | Self::OpenSmtpd
                | Self::DovecotLmtp
                | Self::Slapd
                | Self::Kdc
                | Self::SambaAd
                | Self::LdbTools
        )
    }

    /// Looks whether the peer can be used; downloads nothing.
    #[must_use]
    pub fn find(self) -> Availability {
        match self.locate() {
            Ok(place) => Availability::Available(place),
            Err(missing) => Availability::Missing(missing),
        }
    }

    /// The place of the peer, for code that cannot go on without it.
    ///
    /// # Errors
    /// The text of [`Missing`].
    pub fn require(self) -> Result<PathBuf> {
        match self.find() {
            Availability::Available(place) => Ok(place),
            Availability::Missing(missing) => bail!("{missing}"),
        }
    }

    fn locate(self) -> Result<PathBuf, Missing> {
        let missing = |why: String, install_command: &str| Missing {
            name: self.name(),
            why,
            install_command: install_command.to_owned(),
        };
        if self.needs_root() && !may_change_root() {
            return Err(missing(
                "it runs in a root of its own, which needs the right to chroot".to_owned(),
                AS_ROOT,
            ));
        }
        if let Some(bundle) = self.bundle() {
            return bundle.find().ok_or_else(|| {
                let command = if Bundle::can_install() { DOWNLOAD } else { IN_A_CONTAINER };
                missing(
                    format!("Debian's {} is not in the target folder yet", bundle.packages.join(", ")),
                    command,
                )
            });
        }
        match self {
            Self::Smtplib => program("python3")
                .ok_or_else(|| missing("no python3 in PATH".to_owned(), "apt-get install --yes python3")),
            Self::Nodemailer => {
                program("node").and(program("npm")).ok_or_else(|| {
                    missing("no node and npm in PATH".to_owned(), "apt-get install --yes nodejs npm")
                })?;
                nodemailer::find()
                    .ok_or_else(|| missing("its npm package is not here yet".to_owned(), DOWNLOAD))
            }
            Self::JavaLdap => java::find().map_err(|why| missing(why, DOWNLOAD)),
            Self::Helm3 => built(&cluster::HELM_3).map_err(|why| missing(why, DOWNLOAD)),
            Self::Helm4 => built(&cluster::HELM_4).map_err(|why| missing(why, DOWNLOAD)),
            Self::KubeApiServer => cluster::api_server::find().map_err(|why| missing(why, DOWNLOAD)),
            Self::Istio => cluster::istio::find().map_err(|why| missing(why, DOWNLOAD)),
            Self::IstioAgent => built(&release::ISTIO_AGENT).map_err(|why| missing(why, DOWNLOAD)),
            Self::CargoDeny => CrateProgram::CARGO_DENY
                .find()
                .ok_or_else(|| missing("it is not built from crates.io yet".to_owned(), DOWNLOAD)),
            Self::GungraunRunner => {
                program("valgrind").ok_or_else(|| missing("no valgrind in PATH".to_owned(), VALGRIND))?;
                CrateProgram::GUNGRAUN_RUNNER
                    .find()
                    .ok_or_else(|| missing("it is not built from crates.io yet".to_owned(), DOWNLOAD))
            }
            _ => Ok(std::env::current_exe().unwrap_or_default()),
        }
    }

    /// Makes the peer available if it is not: downloads it into the target folder. Says on standard error
    /// what it downloads. Nothing outside the target folder changes, so this needs no root.
    ///
    /// # Errors
    /// What is missing that cannot be downloaded, or why a download failed.
    pub fn install(self) -> Result<PathBuf> {
        if let Availability::Available(place) = self.find() {
            return Ok(place);
        }
        if let Some(bundle) = self.bundle()
            && Bundle::can_install()
        {
            bundle.install()?;
        } else if self == Self::Nodemailer && program("npm").is_some() {
            nodemailer::install()?;
        } else {
            match self {
                Self::JavaLdap => java::install()?,
                Self::Helm3 => drop(cluster::HELM_3.install()?),
                Self::Helm4 => drop(cluster::HELM_4.install()?),
                Self::KubeApiServer => cluster::api_server::install()?,
                Self::Istio => cluster::istio::install()?,
                Self::IstioAgent => drop(release::ISTIO_AGENT.install()?),
                Self::CargoDeny => drop(CrateProgram::CARGO_DENY.install()?),
                Self::GungraunRunner => drop(CrateProgram::GUNGRAUN_RUNNER.install()?),
                _ => {}
            }
        }
        self.require()
    }
}

/// Installs every peer, and returns those that stay out of reach.
///
/// # Errors
/// As [`install`].
pub fn install_all() -> Result<Vec<Missing>> {
    install(&Peer::all().collect::<Vec<_>>())
}

/// Installs those peers, and returns the ones that stay out of reach.
///
/// # Errors
/// With `CI=true` in the environment a peer out of reach is an error: there a test that silently did not run
/// would be worse than one that failed.
pub fn install(peers: &[Peer]) -> Result<Vec<Missing>> {
    let mut out_of_reach = Vec::new();
    for peer in peers {
        if let Err(error) = peer.install() {
            let missing = match peer.find() {
                Availability::Missing(missing) => Missing { why: format!("{error:#}"), ..missing },
                Availability::Available(_) => continue,
            };
            out_of_reach.push(missing);
        }
    }
    if in_ci() && !out_of_reach.is_empty() {
        let names: Vec<String> = out_of_reach.iter().map(ToString::to_string).collect();
        bail!("peers are missing, and CI=true forbids to skip them:\n{}", names.join("\n"));
    }
    Ok(out_of_reach)
}

/// Whether this runs in continuous integration, where no peer may be missing.
#[must_use]
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// A Go program, if it has been built.
fn built(program: &GoProgram) -> Result<PathBuf, String> {
    program.find().ok_or_else(|| "it is not built from its Go sources yet".to_owned())
}

/// The program of that name in `PATH`, provided that it starts. Asked once for each name: to start npm takes
/// a second.
pub(crate) fn program(name: &'static str) -> Option<PathBuf> {
    static FOUND: Mutex<BTreeMap<&str, Option<PathBuf>>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found.entry(name).or_insert_with(|| look_for(name)).clone()
}

fn look_for(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|file| file.is_file())?;
    let starts = Command::new(&found)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    starts.then_some(found)
}
