//! `filterctl test`: everything that proves the suite, in one command.
//!
//! Sets up what is missing (the Wasm toolchain, two versions of Envoy, real mail servers), then runs the
//! lints and every test of the workspace. What cannot be set up here is skipped by name; with `CI=true` that
//! is a failure.
//!
//! In the folder of a module, or in a project of one's own, the lints and tests of that.

mod room;
mod scope;
mod summary;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY, OLDEST_ENVOY};

use self::scope::Scope;
use self::summary::Summary;
use crate::build;
use crate::workspace::Workspace;

/// Runs the lints and tests of the extension in the current folder, or of the whole suite.
///
/// In the folder of an extension, such as one that `filterctl new` has made: formatting, clippy, rustdoc and tests of that
/// package. At the root of the suite: everything there is, after setting up what it needs.
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
    let scope = Scope::here(&workspace);
    if scope.is_suite() {
        set_up(&workspace);
    }
    let mut summary = Summary::default();
    if !arguments.no_lints && arguments.filter.is_none() {
        for lint in LINTS {
            lint.check(&scope, &mut summary)?;
        }
    }
    let mut tests = cargo(&scope);
    tests.arg("test").args(scope.packages()).arg("--no-fail-fast");
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
    if let Some(shortage) = room::shortage(&workspace.target) {
        println!("{shortage}");
    }
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

/// A check of the sources.
struct Lint {
    name: &'static str,
    /// The subcommand of Cargo.
    command: &'static str,
    /// What stands behind the packages.
    options: &'static [&'static str],
    /// What rustup calls the tool, where it can be missing.
    component: Option<&'static str>,
}

const LINTS: [Lint; 3] = [
    Lint { name: "formatting", command: "fmt", options: &["--check"], component: Some("rustfmt") },
    Lint {
        name: "clippy",
        command: "clippy",
        options: &["--all-targets", "--", "-D", "warnings"],
        component: Some("clippy"),
    },
    Lint {
        name: "rustdoc",
        command: "doc",
        options: &["--no-deps", "--document-private-items"],
        component: None,
    },
];

impl Lint {
    fn check(&self, scope: &Scope, summary: &mut Summary) -> Result<()> {
        if let Some(component) = self.component {
            let probe = cargo(scope).args([self.command, "--version"]).output();
            if !probe.is_ok_and(|output| output.status.success()) {
                let reason =
                    format!("the component {component} is not installed: rustup component add {component}");
                summary.skip(self.name, &reason);
                return Ok(());
            }
        }
        let packages = if self.command == "fmt" { scope.packages_to_format() } else { scope.packages() };
        let mut command = cargo(scope);
        command.arg(self.command).args(packages).args(self.options).env("RUSTDOCFLAGS", "-D warnings");
        stage(self.name, &mut command, summary)
    }
}

fn cargo(scope: &Scope) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&scope.folder);
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
