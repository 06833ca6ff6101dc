//! What a test stands on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use envoy_runner::{EnvoyBinary, WasmFilter};
use serde_json::Value;

use crate::subject::Subject;

/// What a test stands on: a release of Envoy, a filter, and a folder of its own.
pub(crate) struct Ground {
    /// The release.
    pub(crate) binary: EnvoyBinary,
    /// The filter.
    pub(crate) subject: &'static Subject,
    /// Empty at first; kept where a test fails, because Envoy's log is in it.
    pub(crate) folder: PathBuf,
}

impl Ground {
    pub(crate) fn new(binary: EnvoyBinary, subject: &'static Subject, test: &str) -> Self {
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

    /// The filter with this configuration.
    pub(crate) fn filter(&self, configuration: &Value) -> Result<WasmFilter> {
        let module = self.subject.module.artifact()?;
        Ok(WasmFilter::new(self.subject.name, &module.path).configuration(configuration.to_string()))
    }
}
