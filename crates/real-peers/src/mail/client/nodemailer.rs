//! nodemailer, a Node library, from npm into the target folder.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{ClientOptions, Submission, script};
use crate::folders::peers_folder;
use crate::mail::Mail;

const PACKAGE: &str = "nodemailer@7";

fn folder() -> PathBuf {
    peers_folder().join("node")
}

/// The folder that the package is in, if it was installed.
pub(crate) fn find() -> Option<PathBuf> {
    let folder = folder();
    // npm writes this file last.
    folder.join("node_modules/.package-lock.json").is_file().then_some(folder)
}

/// Installs the package with npm.
///
/// # Errors
/// When npm fails; with what it wrote.
pub(crate) fn install() -> Result<()> {
    let folder = folder();
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    lock.lock()?;
    if find().is_some() {
        return Ok(());
    }
    eprintln!("downloading npm's {PACKAGE} into {}", folder.display());
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(&folder)
        .arg(PACKAGE)
        .stdin(Stdio::null())
        .output()
        .context("starting npm")?;
    if !output.status.success() {
        bail!("npm ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

pub(super) fn send(
    folder: &Path,
    server: SocketAddr,
    mail: &Mail,
    options: &ClientOptions,
) -> Result<Submission> {
    let mut command = Command::new("node");
    // A CommonJS script, so that `require` finds the package from the working folder.
    command.current_dir(folder).args(["-e", include_str!("nodemailer_client.cjs")]);
    script::run(&mut command, server, mail, options)
}
