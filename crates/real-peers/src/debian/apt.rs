//! Asking `apt-get` what a package needs, and downloading it; without root and without changing the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Downloads `packages` and what they depend on, except `left_out`, into `folder`; returns the archives.
pub(super) fn download(packages: &[&str], left_out: &[&str], folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let attempt = |lists| fetch(&closure(packages, folder, lists)?, left_out, folder, lists);
    // The system's package lists are absent (fresh containers have none) or name versions that are gone.
    // Lists of our own cost a few MB and no root; those of the last bundle may still do.
    attempt(Lists::OfTheSystem)
        .or_else(
            |_| if folder.join("lists").is_dir() { attempt(Lists::OurOwn) } else { bail!("no lists yet") },
        )
        .or_else(|_| {
            update(folder)?;
            attempt(Lists::OurOwn)
        })
}

/// Which package lists `apt-get` reads.
#[derive(Clone, Copy)]
enum Lists {
    OfTheSystem,
    OurOwn,
}

/// One package as apt's index names it.
struct Needed {
    /// `name=version`, as `apt-get download` takes it.
    selector: String,
    /// The archive's file name, as apt gives it.
    file: String,
}

fn apt_get(folder: &Path, lists: Lists) -> Command {
    let mut command = Command::new("apt-get");
    command.env("LC_ALL", "C").current_dir(folder).args(["-o", "Debug::NoLocking=1"]);
    if matches!(lists, Lists::OurOwn) {
        command
            .arg("-o")
            .arg(format!("Dir::State::lists={}/lists", folder.display()))
            .arg("-o")
            .arg(format!("Dir::Cache={}/cache", folder.display()));
    }
    command
}

fn update(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("lists/partial"))?;
    fs::create_dir_all(folder.join("cache/archives/partial"))?;
    eprintln!("reading Debian's package lists into {}", folder.display());
    run(apt_get(folder, Lists::OurOwn).args(["-qq", "update"])).map(drop)
}

/// Everything that the packages need on a machine where nothing is installed.
fn closure(packages: &[&str], folder: &Path, lists: Lists) -> Result<Vec<Needed>> {
    let nothing_installed = folder.join("nothing-installed");
    fs::write(&nothing_installed, "")?;
    let mut command = apt_get(folder, lists);
    command
        .args(["install", "--print-uris", "-qq", "--yes", "--no-install-recommends"])
        .arg("-o")
        .arg(format!("Dir::State::status={}", nothing_installed.display()))
        .args(packages);
    let output = run(&mut command)?;
    let needed: Vec<Needed> = output.lines().filter_map(needed_from).collect();
    if needed.is_empty() {
        bail!("apt-get found nothing to download for {}", packages.join(" "));
    }
    Ok(needed)
}

/// Reads a line `'URI' name_version_architecture.deb size hash`.
fn needed_from(line: &str) -> Option<Needed> {
    let file = line.split_whitespace().nth(1)?;
    let mut parts = file.split('_');
    let (name, version) = (parts.next()?, parts.next()?);
    // apt writes the colon of a version's epoch as %3a in file names.
    Some(Needed { selector: format!("{name}={}", version.replace("%3a", ":")), file: file.to_owned() })
}

fn fetch(needed: &[Needed], left_out: &[&str], folder: &Path, lists: Lists) -> Result<Vec<PathBuf>> {
    let wanted: Vec<&Needed> = needed
        .iter()
        .filter(|one| !one.selector.split('=').next().is_some_and(|name| left_out.contains(&name)))
        .collect();
    let absent: Vec<&str> = wanted
        .iter()
        .filter(|one| !folder.join(&one.file).is_file())
        .map(|one| one.selector.as_str())
        .collect();
    if !absent.is_empty() {
        run(apt_get(folder, lists).args(["-qq", "download"]).args(&absent))?;
    }
    wanted
        .iter()
        .map(|one| {
            let path = folder.join(&one.file);
            if path.is_file() { Ok(path) } else { bail!("apt-get did not bring {}", one.file) }
        })
        .collect()
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().context("starting apt-get")?;
    if !output.status.success() {
        bail!("apt-get ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
