//! A project that `filterctl new` has made in a folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use filterctl::kind::Kind;
use tempfile::TempDir;

/// A new project. It goes when this is dropped.
pub(crate) struct Demo {
    parent: TempDir,
    pub(crate) name: String,
}

impl Demo {
    /// Makes one, outside of any workspace. Its name is long, as names can be.
    pub(crate) fn new(kind: Kind) -> Result<Self> {
        let name = format!("demo-{kind}-of-a-team-that-likes-long-names");
        let demo = Self { parent: tempfile::tempdir()?, name };
        let output = filterctl(demo.parent.path(), ["new", &demo.name, "--kind", kind.as_str()]).output()?;
        success(&output).context("filterctl new")?;
        Ok(demo)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.parent.path().join(&self.name)
    }

    /// What a metric of the project is called in Prometheus.
    pub(crate) fn metric(&self, name: &str) -> String {
        format!("{}_{name}", self.name.replace('-', "_"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        forget(&self.folder(), &self.name);
    }
}

/// Removes what was compiled of a project: each is in a folder of its own, so that nothing of it could be used again,
/// and the shared target folder would grow with every run.
pub(crate) fn forget(folder: &Path, package: &str) {
    // What stays behind costs only space.
    let _ = cargo(folder, ["clean", "--quiet", "--package", package]).output();
    let modules = target().join("wasm-build/unwind");
    let mut command = cargo(folder, ["clean", "--quiet", "--package", package, "--profile", "wasm"]);
    let _ = command.args(["--target", "wasm32-unknown-unknown", "--target-dir"]).arg(modules).output();
}

/// The tool, to be run in this folder. All projects share a target folder with this workspace: compiling everything
/// four times over would take minutes.
pub(crate) fn filterctl<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    in_folder(Command::new(env!("CARGO_BIN_EXE_filterctl")), folder, arguments)
}

/// Cargo, likewise.
pub(crate) fn cargo<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    in_folder(Command::new(env!("CARGO")), folder, arguments)
}

fn in_folder<A: AsRef<OsStr>>(
    mut command: Command,
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Command {
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target());
    // Nothing is compiled a second time.
    command.env("CARGO_INCREMENTAL", "0");
    command
}

/// The target folder of this workspace.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// An error with everything that was said, if the command failed.
pub(crate) fn success(output: &Output) -> Result<String> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    Ok(stdout)
}

/// Waits for a turn to compile: Cargo would wait for its folder anyway, and two of them share the cores.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
