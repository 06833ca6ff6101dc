//! What is packaged: a commit, and whether the checkout says anything else.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The state of a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The repository's root folder.
    pub root: PathBuf,
    /// The commit, in hexadecimal.
    pub commit: String,
    /// What differs from it, as `git status --porcelain` lists it; empty for a clean checkout.
    pub changes: Vec<String>,
    /// The time that everything in the release folder carries, in seconds since 1970: `SOURCE_DATE_EPOCH` if that is
    /// set, else that of the commit.
    pub time: u64,
}

impl Source {
    /// Asks git about the checkout at `root`.
    ///
    /// # Errors
    /// When it is no checkout with a commit (git's own words), or `SOURCE_DATE_EPOCH` is no number.
    pub fn of(root: &Path) -> Result<Self> {
        let commit = git(root, ["rev-parse", "--verify", "HEAD"])?;
        let status = git(root, ["status", "--porcelain", "--untracked-files=normal"])?;
        let time = match env::var("SOURCE_DATE_EPOCH") {
            Ok(seconds) => seconds.parse().with_context(|| format!("SOURCE_DATE_EPOCH={seconds}"))?,
            Err(_) => git(root, ["show", "--no-patch", "--format=%ct", "HEAD"])?.trim().parse()?,
        };
        Ok(Self {
            root: root.to_owned(),
            commit: commit.trim().to_owned(),
            changes: status.lines().map(str::to_owned).collect(),
            time,
        })
    }

    /// The commit, with `-dirty` behind it if the checkout says something else.
    pub fn revision(&self) -> String {
        format!("{}{}", self.commit, if self.changes.is_empty() { "" } else { "-dirty" })
    }

    /// The files of a folder that belong to the repository, in order of their paths, below the root. What git ignores is
    /// not among them.
    ///
    /// # Errors
    /// When git fails.
    pub fn files(&self, folder: &str) -> Result<Vec<PathBuf>> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder];
        let listed = git(&self.root, list)?;
        let mut files: Vec<PathBuf> = listed.split_terminator('\0').map(PathBuf::from).collect();
        files.sort();
        files.dedup();
        // A file that is deleted but not committed so is still listed.
        files.retain(|file| self.root.join(file).is_file());
        Ok(files)
    }
}

fn git<A: AsRef<OsStr>>(root: &Path, arguments: impl IntoIterator<Item = A>) -> Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .env("LC_ALL", "C")
        // Asking must not write into the checkout.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .output()
        .context("starting git, which knows the commit to stamp")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("git in {}: {}", root.display(), said.trim());
    }
    String::from_utf8(output.stdout).context("git lists a path that is not UTF-8")
}
