//! Programs from crates.io, each built into a folder of its own below `target/peers/crates/`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::folders::peers_folder;

/// A program that is built from a published crate.
#[derive(Clone, Copy, Debug)]
pub struct CrateProgram {
    /// The crate's name, and the program's.
    pub name: &'static str,
    /// Which version.
    pub version: &'static str,
}

impl CrateProgram {
    /// Checks dependencies against a policy: `deny.toml`.
    pub const CARGO_DENY: Self = Self { name: "cargo-deny", version: "0.20.2" };
    /// Runs benchmarks in valgrind. Of the version of the crate `gungraun` in `Cargo.toml`.
    pub const GUNGRAUN_RUNNER: Self = Self { name: "gungraun-runner", version: "0.20.0" };

    /// The program, if it has been built.
    #[must_use]
    pub fn find(&self) -> Option<PathBuf> {
        let program = self.folder().join("bin").join(self.name);
        program.is_file().then_some(program)
    }

    /// Builds the program, unless that has been done. Says on standard error that it does, because it takes a minute or
    /// two.
    ///
    /// # Errors
    /// When Cargo cannot build it; with what it wrote.
    pub fn install(&self) -> Result<PathBuf> {
        let folder = self.folder();
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        if let Some(program) = self.find() {
            return Ok(program);
        }
        let build = folder.join("build");
        eprintln!("building {} {} from crates.io into {}", self.name, self.version, folder.display());
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["install", "--quiet", "--locked", self.name, "--version", self.version, "--root"])
            .arg(&folder)
            .arg("--target-dir")
            .arg(&build)
            .stdin(Stdio::null())
            .output()
            .context("starting cargo")?;
        if !output.status.success() {
            bail!("{} does not build: {}", self.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        fs::remove_dir_all(&build)?;
        self.find().with_context(|| format!("the crate {} has no program of that name", self.name))
    }

    fn folder(&self) -> PathBuf {
        peers_folder().join("crates").join(format!("{}-{}", self.name, self.version))
    }
}
