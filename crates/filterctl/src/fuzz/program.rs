//! The program that fuzzes: libFuzzer with all targets, built from crates/fuzz with coverage of our own crates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::targets::Target;
use crate::workspace::Workspace;

/// The crates whose coverage guides the fuzzer. Generic code of theirs is compiled where it is used, so the targets are
/// among them.
const INSTRUMENTED: [&str; 7] = [
    "common_metrics",
    "envoy_sdk",
    "fuzz_targets",
    "ldap_filter",
    "session_driver",
    "session_test",
    "smtp_filter",
];

/// What makes rustc count edges and compare operands for libFuzzer. All of it is stable.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Why there is nothing to fuzz with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no C++ compiler ({compiler}): libFuzzer is C++. On Debian: apt-get install g++")]
pub struct NoCompiler {
    compiler: String,
}

/// Whether there is the C++ compiler that libFuzzer takes.
///
/// # Errors
/// When there is none.
pub fn check_compiler() -> Result<(), NoCompiler> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let version =
        Command::new(&compiler).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if version.is_ok_and(|status| status.success()) { Ok(()) } else { Err(NoCompiler { compiler }) }
}

/// The fuzzer, built.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    /// Where each target has its folder.
    work: PathBuf,
}

impl Program {
    /// Builds it, in a profile and with a wrapper of its own, so that other builds keep what they have.
    ///
    /// # Errors
    /// When there is no C++ compiler, or something does not compile.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        check_compiler()?;
        let work = workspace.target.join("fuzzing");
        fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
        let wrapper = work.join("instrumented");
        write_wrapper(&wrapper)?;
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(&workspace.root)
            .args([
                "build",
                "--package",
                "fuzz-targets",
                "--bin",
                "fuzz",
                "--features",
                "libfuzzer",
                "--profile",
                "fuzz",
            ])
            .env("RUSTC_WORKSPACE_WRAPPER", &wrapper)
            .stdin(Stdio::null())
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("the fuzzer does not build:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(Self { path: workspace.target.join("fuzz").join("fuzz"), work })
    }

    /// The folder of a target: its corpus, seeds, dictionary and finds.
    pub fn folder(&self, target: &Target) -> PathBuf {
        self.work.join(&target.name)
    }

    /// Writes seeds and dictionary of a target anew. Recordings below `seeds` become seeds too.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub fn prepare(&self, target: &Target, seeds: Option<&Path>) -> Result<()> {
        let folder = self.folder(target);
        for part in ["corpus", "finds"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("making {}", part.display()))?;
        }
        let mut command = self.command(target);
        command.env("FUZZ_PREPARE", &folder);
        if let Some(seeds) = seeds {
            command.env("FUZZ_SEEDS", seeds);
        }
        let output = command.output().context("cannot start the fuzzer")?;
        if !output.status.success() {
            bail!("no seeds for {}: {}", target.name, String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(())
    }

    /// The fuzzer, to be told what to do with a target.
    pub fn command(&self, target: &Target) -> Command {
        let mut command = Command::new(&self.path);
        command.env("FUZZ_TARGET", &target.name).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        command
    }
}

/// Cargo calls it in place of rustc, for the packages of the workspace.
fn write_wrapper(path: &Path) -> Result<()> {
    let names = INSTRUMENTED.map(|name| format!("*\" --crate-name {name} \"*")).join(" | ");
    let script = format!(
        "#!/bin/sh\n# Written by filterctl fuzz: rustc, with coverage for libFuzzer in our own crates.\n\
         case \" $* \" in\n{names}) set -- \"$@\" {} ;;\nesac\nexec \"$@\"\n",
        FLAGS.join(" ")
    );
    // The same octets as before are left alone: Cargo would build everything anew.
    if fs::read_to_string(path).is_ok_and(|there| there == script) {
        return Ok(());
    }
    fs::write(path, script).with_context(|| format!("writing {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", path.display()))
}
