//! A stranger's path: the release folder and its document `docs/first-steps.md`, no cargo, a stock Envoy, a stock Prometheus.
//!
//! The document's commands are run as they stand, in their order, in one shell. The ports are those of the document.

mod document;

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use filterctl::package::{Builder, LOCAL_BUILDER, Options, package};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer, in_ci};

/// How long the whole path may take: it downloads an Envoy and starts three servers.
const LIMIT: Duration = Duration::from_secs(300);

/// What a reader has to have besides a Prometheus.
const READERS_TOOLS: [&str; 4] = ["bash", "curl", "jq", "python3"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let name = "the first steps lead from a release to labelled metrics";
    let missing = match Peer::Prometheus.find() {
        Availability::Missing(missing) => Some(missing.to_string()),
        Availability::Available(_) => {
            let lacking = READERS_TOOLS.into_iter().find(|tool| !starts(tool));
            lacking.map(|tool| format!("{tool}, which docs/first-steps.md asks for, is not in the PATH"))
        }
    };
    if let Some(missing) = &missing {
        eprintln!("{missing}");
    }
    let is_skipped = missing.is_some() && !in_ci();
    let walk = || walk().map_err(|error| Failed::from(format!("{error:#}")));
    libtest_mimic::run(&arguments, vec![Trial::test(name, walk).with_ignored_flag(is_skipped)]).exit_code()
}

fn starts(tool: &str) -> bool {
    let mut version = Command::new(tool);
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn walk() -> Result<()> {
    let workspace = Workspace::find()?;
    let ground = tempfile::tempdir_in(&workspace.target)?;
    let release = ground.path().join("release");
    let options = Options {
        output: release.clone(),
        any_toolchain: true,
        allow_dirty: true,
        builder: Builder { id: LOCAL_BUILDER.to_owned(), invocation: None },
    };
    package(&workspace, &options, &mut |step| eprintln!("{step}"))?;

    let programs = ground.path().join("bin");
    fs::create_dir(&programs)?;
    let prometheus = real_peers::observability::prometheus_program()?;
    symlink(prometheus, programs.join("prometheus"))?;
    // A stranger has none of these: whoever calls one fails.
    for name in ["cargo", "rustc", "rustup"] {
        symlink("/bin/false", programs.join(name))?;
    }

    let text = fs::read_to_string(release.join("docs/first-steps.md"))?;
    let script = document::script(&text);
    let said = run(&script, &release, &programs)?;

    for promised in document::promised(&text) {
        ensure!(said.contains(promised), "the document promises {promised:?}; what was said:\n{said}");
    }
    ensure!(said.matches(r#"{"outcome":"accepted","message_bytes":"#).count() == 5, "five events:\n{said}");
    ensure!(said.contains(r#""outcome":"accepted""#) && said.contains(r#""resultType":"vector""#), "{said}");

    // What other documents say to do with what is there now.
    let events = document::script(&fs::read_to_string(release.join("docs/events.md"))?);
    let said = run(&events.replace("rejected", "accepted"), &release, &programs).context("docs/events.md")?;
    ensure!(said.matches(r#""event":"transaction""#).count() == 5, "five events:\n{said}");
    let operate = document::script(&fs::read_to_string(release.join("docs/operate.md"))?);
    run(&operate.replace("/etc/envoy/", "deploy/envoy/"), &release, &programs).context("docs/operate.md")?;
    let switched = fs::read_to_string(release.join("deploy/envoy/filters/smtp.yaml"))?;
    ensure!(switched.contains("\n              \"mode\": \"off\""), "{switched}");
    Ok(())
}

/// Runs a script of Bash in a folder, with the `programs` before all others, and gives back what it wrote.
fn run(script: &str, folder: &Path, programs: &Path) -> Result<String> {
    let log = folder.with_file_name("said");
    let output = fs::File::create(&log)?;
    let mut shell = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path(programs)?)
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        // Whatever it starts can be ended with it.
        .process_group(0)
        .spawn()
        .context("starting bash")?;
    let group = shell.id();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = shell.try_wait()? {
            break Some(status);
        }
        if started.elapsed() > LIMIT {
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    // Nothing is left of it, however it went.
    Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status()?;
    shell.wait()?;
    let mut said = String::new();
    fs::File::open(&log)?.read_to_string(&mut said)?;
    match status {
        Some(status) if status.success() => Ok(said),
        Some(status) => bail!("the commands ended with {status}:\n{said}"),
        None => bail!("the commands took longer than {LIMIT:?}:\n{said}"),
    }
}

/// A `PATH` that begins with that folder.
fn path(first: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").context("PATH")?;
    let folders = std::iter::once(first.to_owned()).chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}
