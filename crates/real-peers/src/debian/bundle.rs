//! A package and all that it needs, unpacked.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt;
use crate::folders::peers_folder;
use crate::instance::own_uid;

/// Packages that run together in one root.
#[derive(Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The folder's name below `target/peers/debian/`.
    pub name: &'static str,
    /// The Debian packages; what they depend on comes along.
    pub packages: &'static [&'static str],
}

/// What packages depend on for being installed, not for running. Left out, as nothing is installed.
const ONLY_FOR_INSTALLING: [&str; 31] = [
    "adduser",
    "cpio",
    "cron",
    "cron-daemon-common",
    "debconf",
    "dirmngr",
    "dpkg",
    "e2fsprogs",
    "gnupg",
    "gnupg-l10n",
    "gnupg-utils",
    "gpg",
    "gpg-agent",
    "gpg-wks-client",
    "gpg-wks-server",
    "gpgconf",
    "gpgsm",
    "gpgv",
    "init-system-helpers",
    "libext2fs2",
    "logsave",
    "lsb-base",
    "mariadb-common",
    "mysql-common",
    "pinentry-curses",
    "sensible-utils",
    "ssl-cert",
    "sysvinit-utils",
    "tar",
    "ucf",
    "usrmerge",
];

/// Drivers of graphics cards, and the compiler that they bring. Nothing here draws with one.
const GRAPHICS_DRIVERS: [&str; 3] = ["libgl1-mesa-dri", "libllvm15", "libz3-4"];

/// What a package brings and no program here reads.
const NOT_UNPACKED: [&str; 7] = [
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/share/locale",
    "./usr/share/info",
    "./usr/share/lintian",
    "./usr/share/bug",
    "./usr/lib/*/gconv",
];

/// Folders that are symbolic links below `/usr` on a merged system.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

impl Bundle {
    /// Postfix with Cyrus SASL's plug-ins and its password tool; has `smtp-source` and `smtp-sink` too.
    pub const POSTFIX: Self =
        Self { name: "postfix", packages: &["postfix", "libsasl2-modules", "sasl2-bin"] };
    /// Exim, the daemon with everything built in: PRDR, PROXY, CHUNKING, and lookups in directories.
    pub const EXIM: Self = Self { name: "exim", packages: &["exim4-daemon-heavy"] };
    /// OpenSMTPD, with the shell that it starts deliveries through.
    pub const OPENSMTPD: Self = Self { name: "opensmtpd", packages: &["opensmtpd", "dash"] };
    /// Dovecot's LMTP server.
    pub const DOVECOT: Self = Self { name: "dovecot", packages: &["dovecot-lmtpd"] };
    /// swaks with the Perl modules that its TLS and AUTH need.
    pub const SWAKS: Self =
        Self { name: "swaks", packages: &["swaks", "libnet-ssleay-perl", "libauthen-sasl-perl"] };
    /// OpenLDAP's server with Cyrus SASL's mechanisms, Kerberos among them.
    pub const SLAPD: Self =
        Self { name: "slapd", packages: &["slapd", "libsasl2-modules", "libsasl2-modules-gssapi-mit"] };
    /// OpenLDAP's command-line clients with Cyrus SASL's mechanisms, Kerberos among them.
    pub const LDAP_UTILS: Self = Self {
        name: "ldap-utils",
        packages: &["ldap-utils", "libsasl2-modules", "libsasl2-modules-gssapi-mit"],
    };
    /// MIT Kerberos: the key distribution centre, the tools that fill it, and `kinit`.
    pub const KERBEROS: Self =
        Self { name: "kerberos", packages: &["krb5-kdc", "krb5-admin-server", "krb5-user"] };
    /// python-ldap with its Python and Cyrus SASL's mechanisms, Kerberos among them.
    pub const PYTHON_LDAP: Self = Self {
        name: "python-ldap",
        packages: &["python3-ldap", "libsasl2-modules", "libsasl2-modules-gssapi-mit"],
    };
    /// Java with its compiler, and Maven.
    pub const JAVA: Self = Self { name: "java", packages: &["default-jdk-headless", "maven"] };
    /// Samba as a domain controller, with `samba-tool`, `ldbsearch` and what their Python needs.
    pub const SAMBA: Self = Self {
        name: "samba-ad",
        packages: &["samba", "samba-ad-provision", "samba-dsdb-modules", "samba-vfs-modules", "ldb-tools"],
    };
    /// Prometheus, with promtool.
    pub const PROMETHEUS: Self = Self { name: "prometheus", packages: &["prometheus"] };
    /// Chromium as a program without windows, with fonts to write in: proportional ones and one of fixed width.
    pub const CHROMIUM: Self =
        Self { name: "chromium", packages: &["chromium-headless-shell", "fonts-inter", "fonts-dejavu-core"] };
    /// skopeo, which copies container images between registries and folders.
    pub const SKOPEO: Self = Self { name: "skopeo", packages: &["skopeo"] };
    /// CNCF's distribution: a container registry.
    pub const REGISTRY: Self = Self { name: "registry", packages: &["docker-registry"] };
    /// etcd, which Kubernetes' API server keeps its objects in, and kubectl.
    pub const ETCD: Self = Self { name: "etcd", packages: &["etcd-server", "kubernetes-client"] };

    /// Whether this machine has the tools to download and unpack Debian's packages.
    #[must_use]
    pub fn can_install() -> bool {
        ["apt-get", "dpkg-deb", "tar"].iter().all(|tool| {
            Command::new(tool)
                .arg("--version")
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
    }

    /// The root that the packages are unpacked into, if they are.
    #[must_use]
    pub fn find(&self) -> Option<PathBuf> {
        let root = self.root();
        // The root is renamed into place when it is complete: that it is there says that it is whole.
        let owner = fs::metadata(&root).ok()?.uid();
        // Unpacked by somebody else than root, the files lack the owners and modes that servers insist on.
        (owner == 0 || own_uid() != Some(0)).then_some(root)
    }

    fn root(&self) -> PathBuf {
        peers_folder().join("debian").join(self.name)
    }

    /// Downloads and unpacks the packages, unless that was done before, and returns the root.
    ///
    /// # Errors
    /// When `apt-get` cannot resolve or download (its own words), or a file cannot be written.
    pub fn install(&self) -> Result<PathBuf> {
        if let Some(root) = self.find() {
            return Ok(root);
        }
        let folder = peers_folder().join("debian");
        fs::create_dir_all(&folder)?;
        // Test programs run in parallel, and each may find the same bundle missing.
        let lock = fs::File::create(folder.join("lock"))?;
        lock.lock().context("locking the folder of Debian packages")?;
        if let Some(root) = self.find() {
            return Ok(root);
        }
        eprintln!("downloading Debian's {} into {}", self.packages.join(", "), folder.display());
        let left_out = [&ONLY_FOR_INSTALLING[..], &GRAPHICS_DRIVERS].concat();
        let archives = apt::download(self.packages, &left_out, &folder.join("archives"))
            .with_context(|| format!("downloading Debian's {}", self.packages.join(", ")))?;
        let partial = folder.join(format!("{}.partial", self.name));
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        lay_out_merged_usr(&partial)?;
        for archive in &archives {
            unpack(archive, &partial).with_context(|| format!("unpacking {}", archive.display()))?;
        }
        let root = self.root();
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::rename(&partial, &root)?;
        Ok(root)
    }
}

fn lay_out_merged_usr(root: &Path) -> Result<()> {
    for name in MERGED {
        fs::create_dir_all(root.join("usr").join(name))?;
        std::os::unix::fs::symlink(Path::new("usr").join(name), root.join(name))?;
    }
    Ok(())
}

/// Unpacks through `tar` rather than by `dpkg-deb -x`, which would replace the links of the merged layout by
/// folders.
fn unpack(archive: &Path, root: &Path) -> Result<()> {
    let mut list = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(archive)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .context("starting dpkg-deb")?;
    let stream = list.stdout.take().context("dpkg-deb without output")?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--keep-directory-symlink", "--directory"]).arg(root);
    for path in NOT_UNPACKED {
        tar.arg(format!("--exclude={path}"));
    }
    let unpacked = tar.stdin(stream).status().context("starting tar")?;
    let listed = list.wait()?;
    if !unpacked.success() || !listed.success() {
        bail!("dpkg-deb ended with {listed}, tar with {unpacked}");
    }
    Ok(())
}
