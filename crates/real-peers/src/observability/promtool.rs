//! promtool, which checks and tests rules.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::Peer;
use crate::debian::Program;

/// promtool, which checks and tests rules.
pub struct Promtool {
    root: PathBuf,
}

impl Promtool {
    /// The one of Debian's package.
    ///
    /// # Errors
    /// When that is not in the target folder: see [`Peer::install`].
    pub fn find() -> Result<Self> {
        Ok(Self { root: Peer::Prometheus.require()? })
    }

    /// Checks that these are files of rules.
    ///
    /// # Errors
    /// When one is not, with what promtool says.
    pub fn check_rules(&self, files: &[&Path]) -> Result<()> {
        self.run(&["check", "rules"], files)
    }

    /// Runs these files of tests.
    ///
    /// # Errors
    /// When a test fails, with what promtool says.
    pub fn test_rules(&self, files: &[&Path]) -> Result<()> {
        self.run(&["test", "rules"], files)
    }

    fn run(&self, arguments: &[&str], files: &[&Path]) -> Result<()> {
        let output = command(&self.root, "usr/bin/promtool")?
            .args(arguments)
            .args(files)
            .stdin(Stdio::null())
            .output()
            .context("starting promtool")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!("promtool {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&said).trim());
        }
        Ok(())
    }
}

/// A command that runs a program of the bundle.
pub(super) fn command(root: &Path, program: &str) -> Result<Command> {
    Ok(Program::of(root)?.command(program))
}
