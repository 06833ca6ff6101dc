//! Files of the repository that are made from declarations in code: the metric catalogue, the configuration types.
//!
//! They are checked in, because their readers never build anything; a test and `--check` find out when one no longer says
//! what the code says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use similar::TextDiff;

/// Lines around a difference that are shown.
const CONTEXT: usize = 2;
/// Lines of one file's difference that are shown.
const SHOWN: usize = 40;

/// A file as the code says it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Where it belongs, below the repository's root.
    pub path: PathBuf,
    /// Its contents.
    pub contents: String,
}

impl Generated {
    /// A file.
    pub fn new(path: impl Into<PathBuf>, contents: impl Into<String>) -> Self {
        Self { path: path.into(), contents: contents.into() }
    }
}

/// Writes the files that differ, and says which.
///
/// # Errors
/// When a file cannot be written.
pub fn write(root: &Path, files: &[Generated]) -> Result<()> {
    for file in files {
        let path = root.join(&file.path);
        if fs::read_to_string(&path).is_ok_and(|found| found == file.contents) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, &file.contents).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", file.path.display());
    }
    Ok(())
}

/// Compares the files with what is checked in.
///
/// # Errors
/// When one is stale or missing; names each, shows what differs, and says that `remedy` would mend it.
pub fn check(root: &Path, files: &[Generated], remedy: &str) -> Result<()> {
    let mut stale = Vec::new();
    for file in files {
        let found = fs::read_to_string(root.join(&file.path)).unwrap_or_default();
        if found == file.contents {
            continue;
        }
        let name = file.path.display().to_string();
        let diff = TextDiff::from_lines(&found, &file.contents);
        let shown = diff.unified_diff().context_radius(CONTEXT).header(&name, "the code").to_string();
        let lines: Vec<&str> = shown.lines().take(SHOWN).collect();
        eprintln!("{}", lines.join("\n"));
        stale.push(name);
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("stale: {}; `{remedy}` writes them anew", stale.join(", "))
}
