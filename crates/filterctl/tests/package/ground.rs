//! The release that all tests look at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use filterctl::build::{Toolchain, ToolchainChoice};
use filterctl::package::digests::Digests;
use filterctl::package::{Builder, LOCAL_BUILDER, Options, package};
use filterctl::workspace::Workspace;

use crate::repository;

/// A release and the clone that it was made from.
pub(crate) struct Ground {
    /// For what a test wants to keep beside it.
    pub(crate) scratch: PathBuf,
    /// The clone; its path has what paths may have.
    pub(crate) clone: Workspace,
    /// The commit that was packaged.
    pub(crate) commit: String,
    /// Whether the compiler of releases is not to be had here, so that another one was taken.
    pub(crate) any_toolchain: bool,
    /// The release folder.
    pub(crate) release: PathBuf,
    /// What its `digests.json` says.
    pub(crate) digests: Digests,
}

impl Ground {
    /// The release, made by whoever asks first.
    pub(crate) fn get() -> Result<&'static Self, String> {
        static GROUND: OnceLock<Result<Ground, String>> = OnceLock::new();
        GROUND
            .get_or_init(|| Self::make().map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn make() -> Result<Self> {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
        fs::create_dir_all(&scratch)?;
        let (folder, commit) = clone(&scratch)?;
        let mut clone = Workspace::at(&folder)?;
        // Cargo takes it from the environment of this test. It stays for the next run: compiling the standard
        // library takes its time.
        clone.target = scratch.join("built elsewhere/target");
        let pinned = Toolchain::find_or_install(ToolchainChoice::Pinned, &mut |step| eprintln!("{step}"));
        let any_toolchain = pinned.is_err();
        let options = Options {
            output: scratch.join("release/envoy-filters"),
            any_toolchain,
            allow_dirty: false,
            builder: Builder { id: LOCAL_BUILDER.to_owned(), invocation: None },
        };
        if options.output.exists() {
            fs::remove_dir_all(&options.output)?;
        }
        let release = package(&clone, &options, &mut |step| eprintln!("{step}"))?.canonicalize()?;
        let digests = serde_json::from_slice(&fs::read(release.join("digests.json"))?)?;
        Ok(Self { scratch, clone, commit, any_toolchain, release, digests })
    }

    /// A file of the release.
    pub(crate) fn read(&self, file: &str) -> Result<Vec<u8>> {
        let path = self.release.join(file);
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// A JSON file of the release.
    pub(crate) fn json(&self, file: &str) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.read(file)?).context(file.to_owned())
    }

    /// An empty folder for a test of this name.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The tool, in the clone.
    pub(crate) fn filterctl(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_filterctl"));
        command.current_dir(&self.clone.root).env("CARGO_TARGET_DIR", &self.clone.target);
        command
    }
}

/// Commits what the working copy says now, so that a change is tested before it is committed, and clones that. The same
/// contents give the same commit.
fn clone(scratch: &Path) -> Result<(PathBuf, String)> {
    let snapshot = scratch.join("snapshot.git");
    let clone = scratch.join("a clone, möglichst fern");
    for folder in [&snapshot, &clone] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    let root = repository::root();
    git(&root, &["init", "--quiet", "--bare", &snapshot.display().to_string()])?;
    let in_snapshot = |arguments: &[&str]| {
        let git_dir = format!("--git-dir={}", snapshot.display());
        git(&root, &[&[git_dir.as_str(), "--work-tree=."], arguments].concat())
    };
    // What git ignores here is ignored there too.
    in_snapshot(&["add", "--all", "."])?;
    in_snapshot(&["commit", "--quiet", "--message", "a snapshot"])?;
    let commit = in_snapshot(&["rev-parse", "HEAD"])?.trim().to_owned();
    git(scratch, &["clone", "--quiet", &snapshot.display().to_string(), &clone.display().to_string()])?;
    Ok((clone.canonicalize()?, commit))
}

/// A git that heeds nobody's configuration.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(["-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "gc.auto=0"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_AUTHOR_DATE", "2024-03-01T12:00:00Z")
        .env("GIT_COMMITTER_DATE", "2024-03-01T12:00:00Z")
        .output()
        .context("starting git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", arguments.join(" "), said.trim());
    Ok(String::from_utf8(output.stdout)?)
}

/// Every file of a folder, in order of the paths inside, with its contents.
pub(crate) fn files(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(next) = ahead.pop() {
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                ahead.push(path);
            } else {
                found.push((path.strip_prefix(folder)?.to_owned(), fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
