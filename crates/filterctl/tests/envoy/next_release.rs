//! The sources of a release that does not exist yet: these, with another version and one more field in every filter's
//! configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use filterctl::build::{Artifact, Request};
use filterctl::workspace::Workspace;

use crate::both_ends::modules::build_one;

/// Its version.
pub(crate) const NEXT_VERSION: &str = "0.1000.0";
/// The field of its configuration that this release does not know.
pub(crate) const NEXT_FIELD: &str = "next";

/// What of the repository is needed to build modules.
const NEEDED: [&str; 6] = ["Cargo.toml", "Cargo.lock", ".cargo", "ci", "crates", "examples"];

/// The module of this filter, built.
pub(crate) fn module(filter: &str) -> Result<Artifact> {
    static SOURCES: OnceLock<Result<Workspace, String>> = OnceLock::new();
    let sources = SOURCES.get_or_init(|| sources().map_err(|error| format!("{error:#}")));
    let workspace = sources.as_ref().map_err(|error| anyhow!("{error}"))?;
    let modules = vec![filter.to_owned()];
    build_one(workspace, &Request { modules, suffix: "-next".to_owned(), ..Request::default() })
}

/// Makes the sources, and says which workspace they are.
fn sources() -> Result<Workspace> {
    let this = Workspace::find()?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("next-release");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("clearing {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for name in NEEDED {
        copy(&this.root.join(name), &folder.join(name))?;
    }
    let version = |version| format!("version = \"{version}\"\n");
    replace(&folder.join("Cargo.toml"), &version(env!("CARGO_PKG_VERSION")), &version(NEXT_VERSION))?;
    let limits = "    pub limits: L,\n}";
    let and_more =
        format!("    pub limits: L,\n    /// Something new.\n    pub {NEXT_FIELD}: Option<u64>,\n}}");
    replace(&folder.join("crates/session-driver/src/config.rs"), limits, &and_more)?;
    // The compiler leaves a module under a name that says nothing of where its sources are.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("next-release-target");
    Ok(Workspace { target, ..Workspace::at(&folder)? })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).with_context(|| format!("copying {}", from.display()));
    }
    fs::create_dir_all(to)?;
    let entries: Vec<PathBuf> = fs::read_dir(from)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    for entry in entries {
        copy(&entry, &to.join(entry.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn replace(file: &Path, old: &str, new: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    ensure!(text.matches(old).count() == 1, "{} does not hold {old:?} once", file.display());
    fs::write(file, text.replacen(old, new, 1))?;
    Ok(())
}
