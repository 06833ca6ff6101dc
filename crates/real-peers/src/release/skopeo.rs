//! skopeo, which copies images between registries and folders.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::Peer;
use crate::debian::Program;

/// skopeo.
pub struct Skopeo {
    program: Program,
    /// Its home: whatever this machine's user has set up is not its business.
    home: PathBuf,
}

impl Skopeo {
    /// Debian's skopeo, with a home folder of its own below `folder`.
    ///
    /// # Errors
    /// When it has not been downloaded.
    pub fn find(folder: &Path) -> Result<Self> {
        let home = folder.join("skopeo");
        std::fs::create_dir_all(&home)?;
        Ok(Self { program: Program::of(&Peer::Skopeo.require()?)?, home })
    }

    /// Copies an image; both places as skopeo writes them: `oci:FOLDER:TAG`, `docker://HOST/REPOSITORY:TAG`. Nothing of it
    /// is changed: digests are kept, or it fails.
    ///
    /// # Errors
    /// What skopeo wrote.
    pub fn copy(&self, from: &str, to: &str) -> Result<()> {
        let flags =
            ["copy", "--quiet", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
        self.run(&[&flags[..], &[from, to]].concat()).map(drop)
    }

    /// The octets of an image's manifest.
    ///
    /// # Errors
    /// What skopeo wrote.
    pub fn manifest(&self, image: &str) -> Result<Vec<u8>> {
        self.run(&["inspect", "--raw", "--tls-verify=false", image])
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command: Command = self.program.command("usr/bin/skopeo");
        let output = command
            .args(["--insecure-policy", "--tmpdir"])
            .arg(&self.home)
            .args(arguments)
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", &self.home)
            .stdin(Stdio::null())
            .output()
            .context("starting skopeo")?;
        if !output.status.success() {
            bail!("skopeo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(output.stdout)
    }
}
