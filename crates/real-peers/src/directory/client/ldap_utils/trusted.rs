//! A certificate in a file, for programs that read it from nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;

use crate::folders::peers_folder;

static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// The file, removed when this is dropped.
pub(super) struct TrustedFile {
    path: PathBuf,
}

impl TrustedFile {
    pub(super) fn with(pem: &[u8]) -> Result<Self> {
        let folder = peers_folder().join("run");
        fs::create_dir_all(&folder)?;
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("trusted-{}-{number}.pem", std::process::id()));
        fs::write(&path, pem)?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TrustedFile {
    fn drop(&mut self) {
        // What is left is a certificate of no secrecy.
        let _ = fs::remove_file(&self.path);
    }
}
