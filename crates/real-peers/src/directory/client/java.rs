//! Java's LDAP clients: the UnboundID LDAP SDK, and JNDI, which Java brings along.
//!
//! Java itself is the one in `PATH` if it has its compiler, else Debian's. The SDK comes through Maven. What
//! talks to them is compiled once into the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::{Access, Dialogue, DirectoryClient, Request, order};
use crate::debian::Bundle;
use crate::folders::peers_folder;

/// The SDK in Maven's notation.
const SDK: &str = "com.unboundid:unboundid-ldapsdk:7.0.5";
const SDK_FILE: &str = "unboundid-ldapsdk-7.0.5.jar";
const SDK_SHA256: &str = "463f0ee93f8046c6f72766f111fc27b18ab4727541968b9fa72699023e1b0ff0";
/// What of Maven fetches one file.
const MAVEN_GOAL: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

const SOURCES: [(&str, &str); 3] = [
    ("Dialogue.java", include_str!("java_client/Dialogue.java")),
    ("JndiClient.java", include_str!("java_client/JndiClient.java")),
    ("UnboundIdClient.java", include_str!("java_client/UnboundIdClient.java")),
];

/// The folder that the compiled client and the SDK are in, if they are; else what is lacking.
pub(crate) fn find() -> Result<PathBuf, String> {
    if java().is_none() {
        return Err("neither Java with its compiler in PATH, nor Debian's in the target folder".to_owned());
    }
    let folder = folder();
    // It is renamed into place when it is complete.
    if folder.is_dir() { Ok(folder) } else { Err("its SDK is not here yet".to_owned()) }
}

/// Fetches what is lacking, and compiles.
///
/// # Errors
/// When there is no Java to be had, or Maven or the compiler fails (with what they wrote), or the SDK is not
/// what it should be.
pub(crate) fn install() -> Result<()> {
    let parent = peers_folder().join("java");
    fs::create_dir_all(&parent)?;
    let lock = fs::File::create(parent.join("lock"))?;
    lock.lock()?;
    if find().is_ok() {
        return Ok(());
    }
    if java().is_none() || own_maven().is_none() {
        ensure!(Bundle::can_install(), "there is no java and mvn in PATH, and no apt-get to fetch Debian's");
        Bundle::JAVA.install()?;
    }
    let sdk = parent.join(SDK_FILE);
    if !is_the_sdk(&sdk) {
        eprintln!("downloading Maven's {SDK} into {}", parent.display());
        fetch_sdk(&parent)?;
        ensure!(is_the_sdk(&sdk), "what Maven fetched as {SDK} is not that: its SHA-256 differs");
    }
    let folder = folder();
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    fs::hard_link(&sdk, partial.join(SDK_FILE))?;
    compile(&partial)?;
    fs::rename(&partial, &folder)?;
    Ok(())
}

/// Named after its sources and Java, so that a changed client is compiled anew.
fn folder() -> PathBuf {
    let mut digest = Sha256::new();
    for (name, source) in SOURCES {
        digest.update(name);
        digest.update(source);
    }
    digest.update(SDK_SHA256);
    let java = java().unwrap_or_default();
    digest.update(java.as_os_str().as_encoded_bytes());
    peers_folder().join("java").join(hexadecimal(&digest.finalize()[..8]))
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn is_the_sdk(file: &Path) -> bool {
    fs::read(file).is_ok_and(|octets| hexadecimal(&Sha256::digest(octets)) == SDK_SHA256)
}

/// Java, of the machine or else of the bundle.
fn java() -> Option<PathBuf> {
    let of_the_machine = crate::availability::program("java").filter(|java| has_compiler(java));
    of_the_machine.or_else(|| {
        let machines = Bundle::JAVA.find()?.join("usr/lib/jvm");
        let mut found: Vec<PathBuf> = fs::read_dir(machines)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin/java")))
            .collect();
        found.sort();
        // Started where it lies, with the C library of the machine: apt-get fetched it for this very release.
        found.into_iter().find(|java| java.is_file() && has_compiler(java))
    })
}

fn has_compiler(java: &Path) -> bool {
    static ASKED: std::sync::Mutex<Vec<(PathBuf, bool)>> = std::sync::Mutex::new(Vec::new());
    let mut asked = ASKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((_, answer)) = asked.iter().find(|(of, _)| of == java) {
        return *answer;
    }
    let modules = Command::new(java).arg("--list-modules").stdin(Stdio::null()).output();
    let answer =
        modules.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("jdk.compiler@"));
    asked.push((java.to_path_buf(), answer));
    answer
}

/// The Maven of the machine.
fn own_maven() -> Option<Command> {
    crate::availability::program("mvn").map(Command::new)
}

/// The Maven of the bundle: what Debian's `mvn` starts, with the paths as they are here.
fn bundled_maven() -> Result<Command> {
    let home =
        Bundle::JAVA.find().context("Debian's Maven is not in the target folder")?.join("usr/share/maven");
    let mut command = Command::new(java().context("no Java")?);
    command
        .arg("-classpath")
        .arg(home.join("boot/plexus-classworlds-2.x.jar"))
        .arg(format!("-Dclassworlds.conf={}", home.join("bin/m2.conf").display()))
        .arg(format!("-Dmaven.home={}", home.display()))
        .arg(format!("-Dmaven.multiModuleProjectDirectory={}", home.display()))
        .arg("org.codehaus.plexus.classworlds.launcher.Launcher");
    Ok(command)
}

fn fetch_sdk(folder: &Path) -> Result<()> {
    let mut command = own_maven().map_or_else(bundled_maven, Ok)?;
    command.args(["--batch-mode", "--quiet", MAVEN_GOAL, &format!("-Dartifact={SDK}")]);
    command.arg(format!("-DoutputDirectory={}", folder.display()));
    run(&mut command)
}

fn compile(folder: &Path) -> Result<()> {
    for (name, source) in SOURCES {
        fs::write(folder.join(name), source)?;
    }
    let mut command = Command::new(java().context("no Java")?);
    command.current_dir(folder).args(["-m", "jdk.compiler/com.sun.tools.javac.Main", "-cp", SDK_FILE]);
    run(command.args(SOURCES.map(|(name, _)| name)))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("starting Java")?;
    if !output.status.success() {
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!(
            "{} ended with {}: {}{}",
            command.get_program().display(),
            output.status,
            said,
            complained.trim()
        );
    }
    Ok(())
}

pub(super) fn talk(
    folder: &Path,
    client: DirectoryClient,
    access: &Access,
    requests: &[Request],
) -> Result<Dialogue> {
    let mut command = Command::new(java().context("no Java")?);
    // One short run each: what the compiler would gain later is not worth its start.
    command.args(["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp"]).arg(format!(
        "{}:{}",
        folder.display(),
        folder.join(SDK_FILE).display()
    ));
    if let Some(tickets) = order::tickets(access, requests) {
        command.arg(format!("-Djava.security.krb5.conf={}", tickets.config.display()));
    }
    command.args(["Dialogue", client.name()]);
    order::run(&mut command, access, requests)
}
