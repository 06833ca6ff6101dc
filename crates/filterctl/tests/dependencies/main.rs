//! What the modules link, and what tool and tests use, is what `deny.toml` and `ci/deny-tools.toml` allow, as cargo-deny sees it.
//!
//! Advisories are not looked up here, because that needs a database from the network: the release workflow does it.

#[path = "../repository/mod.rs"]
#[allow(dead_code, reason = "these tests need to know where it is, and nothing else")]
mod repository;
#[path = "../trials/mod.rs"]
mod trials;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use anyhow::{Context, Result, ensure};
use real_peers::Peer;

use crate::trials::{lacking, trial};

const MODULES: [&str; 2] = ["smtp-filter", "ldap-filter"];

fn main() -> ExitCode {
    trials::run(&[Peer::CargoDeny], |_| {
        let of_deny = |(name, test): Test| trial(name, lacking(&[Peer::CargoDeny]), test);
        TESTS.iter().copied().map(of_deny).collect()
    })
}

/// A test: its name, and what it does.
type Test = (&'static str, fn() -> Result<()>);

const TESTS: [Test; 5] = [
    ("modules link what deny.toml allows", || {
        MODULES.iter().try_for_each(|module| allowed(&of_module(module, Path::new("deny.toml"))?))
    }),
    ("tool and tests use what ci/deny-tools.toml allows", || {
        allowed(&of_workspace(Path::new("ci/deny-tools.toml"))?)
    }),
    ("a crate that is not on the list is found", || {
        let policy = changed("deny.toml", r#" "nom","#, "")?;
        refused(&of_module("smtp-filter", policy.path())?, "crate 'nom")
    }),
    ("a licence that is not on the list is found", || {
        let policy = changed("deny.toml", r#"    "MIT","#, "")?;
        refused(&of_module("ldap-filter", policy.path())?, "license is not explicitly allowed")?;
        let policy = changed("ci/deny-tools.toml", "MPL-2.0", "MIT")?;
        refused(&of_workspace(policy.path())?, "ldap3_proto")
    }),
    ("a crate that is linked twice is found", || {
        let policy = changed("deny.toml", r#"skip = ["itertools@0.13", "syn@2"]"#, "")?;
        refused(&of_module("ldap-filter", policy.path())?, "duplicate entries for crate 'syn'")
    }),
];

/// A policy of the repository with something else in one place.
fn changed(policy: &str, what: &str, by: &str) -> Result<tempfile::NamedTempFile> {
    let text = fs::read_to_string(repository::root().join(policy))?;
    ensure!(text.contains(what), "{policy} has no {what:?}");
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    fs::write(file.path(), text.replace(what, by))?;
    Ok(file)
}

fn of_module(package: &str, policy: &Path) -> Result<Output> {
    let manifest = repository::root().join("crates").join(package).join("Cargo.toml");
    checked(
        Command::new(Peer::CargoDeny.require()?).arg("--manifest-path").arg(manifest).arg("--exclude-dev"),
        policy,
    )
}

fn of_workspace(policy: &Path) -> Result<Output> {
    checked(Command::new(Peer::CargoDeny.require()?).arg("--workspace"), policy)
}

fn checked(command: &mut Command, policy: &Path) -> Result<Output> {
    let policy = repository::root().join(policy);
    command
        .current_dir(repository::root())
        .args(["--offline", "--color", "never", "--config"])
        .arg(policy)
        .args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .output()
        .context("starting cargo-deny")
}

fn allowed(output: &Output) -> Result<()> {
    let (found, said) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.success(), "{found}");
    ensure!(said.contains("bans ok, licenses ok, sources ok"), "{said}");
    Ok(())
}

fn refused(output: &Output, why: &str) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains(why), "{why:?} is not in: {said}");
    Ok(())
}
