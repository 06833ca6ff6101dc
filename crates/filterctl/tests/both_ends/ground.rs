//! What a test stands on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use envoy_runner::EnvoyBinary;

/// What a test stands on: a release of Envoy, what is tested if not all tests have the same, and a folder of its own.
pub(crate) struct Ground<S = ()> {
    /// The release.
    pub(crate) binary: EnvoyBinary,
    /// What is tested.
    pub(crate) subject: S,
    /// Empty at first; kept where a test fails, because Envoy's log is in it.
    pub(crate) folder: PathBuf,
}

impl<S> Ground<S> {
    pub(crate) fn new(binary: EnvoyBinary, subject: S, test: &str) -> Self {
        let name: String = test.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        Self {
            binary,
            subject,
            folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("envoy-tests").join(name),
        }
    }

    /// Runs a test here.
    pub(crate) fn stand(&self, test: fn(&Self) -> Result<()>) -> Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).context("clearing the test's folder")?;
        }
        fs::create_dir_all(&self.folder).context("making the test's folder")?;
        test(self).with_context(|| format!("see {}", self.folder.display()))?;
        fs::remove_dir_all(&self.folder).context("clearing the test's folder")
    }
}
