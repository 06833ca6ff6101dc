//! A file that does not say what the code says is found out.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use filterctl::generated;
use filterctl::metrics;
use filterctl::workspace::Workspace;

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("the files that need no library say what the catalogue says", as_checked_in),
    ("a metric that was renamed in code only is found out", renamed),
    ("a file that is missing is found out", missing),
];

const REMEDY: &str = "cargo filterctl metrics --write";

fn as_checked_in() -> Result<()> {
    let workspace = Workspace::find()?;
    generated::check(&workspace.root, &metrics::files_without_download(&workspace)?, REMEDY)
}

/// A folder with what the code says, in which `change` was made to every file.
fn folder(change: impl Fn(&str) -> String) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for file in metrics::files_without_download(&Workspace::find()?)? {
        let path = folder.path().join(&file.path);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(path, change(&file.contents))?;
    }
    Ok(folder)
}

/// What the check says about a folder.
fn check(root: &Path) -> Result<()> {
    generated::check(root, &metrics::files_without_download(&Workspace::find()?)?, REMEDY)
}

/// In the code it has the one name, in the files that are checked in another: the same as renaming it in code.
fn renamed() -> Result<()> {
    let same = folder(str::to_owned)?;
    check(same.path())?;
    let other = folder(|text| text.replace("smtp_refusals_total", "smtp_rejections_total"))?;
    let error = check(other.path()).err().context("nothing was found")?.to_string();
    for name in ["docs/metrics.md", "recording.yaml", REMEDY] {
        ensure!(error.contains(name), "{name} is not in: {error}");
    }
    ensure!(!error.contains("envoy-stats.yaml"), "its labels are the same: {error}");
    Ok(())
}

fn missing() -> Result<()> {
    let folder = folder(str::to_owned)?;
    fs::remove_file(folder.path().join("deploy/observability/envoy-stats.yaml"))?;
    let error = check(folder.path()).err().context("nothing was found")?.to_string();
    ensure!(error.contains("envoy-stats.yaml") && !error.contains("metrics.md"), "{error}");
    Ok(())
}
