//! Where downloads and running instances are kept: below cargo's target folder.

use std::path::{Path, PathBuf};

/// The folder that holds everything this crate downloads and runs: `<target>/peers`.
///
/// The target folder is the one that cargo built the running program into (it carries a `CACHEDIR.TAG`), else
/// `CARGO_TARGET_DIR`, else `target` in the current folder.
#[must_use]
pub fn peers_folder() -> PathBuf {
    let built_into = std::env::current_exe().ok().and_then(|program| {
        program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_path_buf)
    });
    let target = built_into
        .or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("target"));
    // Servers change their root and their working folder: only an absolute path means the same to them.
    std::path::absolute(target.join("peers")).unwrap_or_else(|_| target.join("peers"))
}
