//! `filterctl test`: everything that proves the suite, in one command.
//!
//! Sets up what is missing (the Wasm toolchain, two versions of Envoy, real mail servers), then runs the
//! lints and every test of the workspace. What cannot be set up here is skipped by name; with `CI=true` that
//! is a failure.

mod summary;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY, OLDEST_ENVOY};

use self::summary::Summary;
use crate::build;
use crate::workspace::Workspace;

/// What `filterctl test` is asked to do.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Arguments {
    /// Leave out formatting, clippy and rustdoc.
    #[arg(long)]
    no_lints: bool,
    /// Only the tests whose name contains this.
    filter: Option<String>,
}

/// Runs it all. An error says how many tests or stages failed.
///
/// # Errors
/// When a stage fails or cannot be started.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    set_up(&workspace);
    let workspace = workspace.root.as_path();
    let mut summary = Summary::default();
    if !arguments.no_lints && arguments.filter.is_none() {
        for (name, component, words) in LINTS {
            lint(workspace, name, component, words, &mut summary)?;
        }
    }
    let mut tests = cargo(workspace);
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    if let Some(filter) = &arguments.filter {
        tests.args(["--", filter]);
    }
    stage("tests", &mut tests, &mut summary)?;
    println!("{summary}");
    if summary.succeeded() { Ok(()) } else { bail!("{} failed", summary.failures()) }
}

/// Builds and installs what the tests look for. A test that then misses something says so itself, and is
/// skipped or fails: here a failure is only shown.
fn set_up(workspace: &Workspace) {
    let progress: &mut dyn FnMut(&str) = &mut |step| println!("{step}");
    println!("== setting up");
    if let Err(error) = build::build(workspace, &build::Request::default(), progress) {
        println!("no modules: {error}");
    }
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        if let Err(error) = EnvoyBinary::install(version, &workspace.envoy_installs(), progress) {
            println!("no Envoy {version}: {error}");
        }
    }
    match real_peers::install_all() {
        Ok(missing) => missing.iter().for_each(|peer| println!("{peer}")),
        Err(error) => println!("no real peers: {error:#}"),
    }
}

/// Name, rustup component, and cargo's words.
const LINTS: [(&str, &str, &[&str]); 3] = [
    ("formatting", "rustfmt", &["fmt", "--all", "--check"]),
    ("clippy", "clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ("rustdoc", "rustc", &["doc", "--workspace", "--no-deps", "--document-private-items"]),
];

fn lint(workspace: &Path, name: &str, component: &str, words: &[&str], summary: &mut Summary) -> Result<()> {
    let probe = match component {
        "rustfmt" => cargo(workspace).args(["fmt", "--version"]).output(),
        "clippy" => cargo(workspace).args(["clippy", "--version"]).output(),
        _ => cargo(workspace).arg("--version").output(),
    };
    if !probe.is_ok_and(|output| output.status.success()) {
        summary.skip(
            name,
            &format!("the component {component} is not installed: rustup component add {component}"),
        );
        return Ok(());
    }
    let mut command = cargo(workspace);
    command.args(words).env("RUSTDOCFLAGS", "-D warnings");
    stage(name, &mut command, summary)
}

fn cargo(workspace: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace);
    command
}

/// Runs one stage, shows what it prints, and takes down the results of test runners.
fn stage(name: &str, command: &mut Command, summary: &mut Summary) -> Result<()> {
    println!("\n== {name}");
    let mut child = command
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let output = child.stdout.take().context("the stage has no output")?;
    let mut screen = std::io::stdout().lock();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        screen.write_all(&line)?;
        screen.write_all(b"\n")?;
        summary.read(&String::from_utf8_lossy(&line));
    }
    drop(screen);
    let status = child.wait()?;
    if !status.success() {
        summary.fail(name);
    }
    Ok(())
}
