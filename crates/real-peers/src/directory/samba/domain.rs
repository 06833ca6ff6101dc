//! Makes the domain, once for each target folder: that takes seconds, and a copy of it far less.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::configuration::ATTRIBUTES;
use super::entries::{additions, changes};
use super::rules::{NETBIOS_DOMAIN, PASSWORD, REALM};
use crate::folders::peers_folder;
use crate::instance::{Account, Instance};

/// Provisioning looks this group up, for the owner of policies.
const USERS: Account = Account { name: "users", id: 100, home: "/nonexistent" };

const STATE: &str = "var/lib/samba";
const DATABASE: &str = "/var/lib/samba/private/sam.ldb";

/// Lays out a root with the domain's databases, ready to be configured and started.
pub(super) fn prepare(bundle: &Path) -> Result<Instance> {
    let template = template(bundle).context("making the domain")?;
    let instance = lay_out(bundle)?;
    let state = instance.outside(STATE);
    fs::remove_dir_all(&state)?;
    // Copied, not linked: the controller writes into these files.
    let copied =
        Command::new("cp").args(["--archive", "--reflink=auto"]).arg(&template).arg(&state).status()?;
    if !copied.success() {
        bail!("cp ended with {copied} while copying {}", template.display());
    }
    Ok(instance)
}

fn lay_out(bundle: &Path) -> Result<Instance> {
    let instance = Instance::new("samba", bundle, &[USERS])?;
    for folder in ["root", "var/cache/samba", "var/log/samba", "run/samba", "etc/samba"] {
        instance.folder(folder, 0, 0o755)?;
    }
    instance.folder("var/lib/samba/private", 0, 0o700)?;
    instance.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n", 0o644)?;
    Ok(instance)
}

/// The databases of the domain as they are before the first start; made now if they are not there.
fn template(bundle: &Path) -> Result<PathBuf> {
    let folder = peers_folder().join("samba-domain");
    let template = folder.join(format!("{:016x}", recipe()));
    if template.is_dir() {
        return Ok(template);
    }
    fs::create_dir_all(&folder)?;
    // Test programs run in parallel, and each may find it missing.
    let lock = fs::File::create(folder.join("lock"))?;
    lock.lock().context("locking the folder of domains")?;
    if !template.is_dir() {
        let instance = lay_out(bundle)?;
        provision(&instance)?;
        fill(&instance)?;
        // Renamed when it is complete: that it is there says that it is whole.
        fs::rename(instance.outside(STATE), &template)?;
    }
    Ok(template)
}

/// A number that is another one when the domain would be another one.
fn recipe() -> u64 {
    let mut hasher = DefaultHasher::new();
    (arguments(), additions(), changes()).hash(&mut hasher);
    hasher.finish()
}

fn arguments() -> Vec<String> {
    let mut arguments: Vec<String> = ["/usr/bin/samba-tool", "domain", "provision"].map(str::to_owned).into();
    arguments.extend([
        "--server-role=dc".to_owned(),
        format!("--realm={REALM}"),
        format!("--domain={NETBIOS_DOMAIN}"),
        format!("--adminpass={PASSWORD}"),
        "--host-name=dc1".to_owned(),
        "--host-ip=127.0.0.1".to_owned(),
        "--dns-backend=NONE".to_owned(),
    ]);
    arguments.extend(ATTRIBUTES.map(|line| format!("--option={line}")));
    arguments
}

fn provision(instance: &Instance) -> Result<()> {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    instance.run("/usr/bin/python3", &arguments).map(drop)
}

fn fill(instance: &Instance) -> Result<()> {
    instance.file("tmp/additions.ldif", additions(), 0o600)?;
    let added = instance.run("/usr/bin/ldbadd", &["-d0", "-H", DATABASE, "/tmp/additions.ldif"])?;
    instance.file("tmp/changes.ldif", changes(), 0o600)?;
    let changed = instance.run(
        "/usr/bin/ldbmodify",
        &["-d0", "-H", DATABASE, "--relax", PASSWORD_TIMES_AS_GIVEN, "/tmp/changes.ldif"],
    )?;
    // They end well even when they stopped at an entry.
    for said in [added, changed] {
        ensure!(said.contains("records successfully"), "{said}");
    }
    Ok(())
}

/// Samba's own control (`DSDB_CONTROL_PASSWORD_BYPASS_LAST_SET_OID`): takes `pwdLastSet` as it is.
const PASSWORD_TIMES_AS_GIVEN: &str = "--controls=local_oid:1.3.6.1.4.1.7165.4.3.20:0";
