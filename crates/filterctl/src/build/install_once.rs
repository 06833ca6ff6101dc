//! Installing something into a folder exactly once, whoever asks.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::BuildError;

/// Makes `folder` by `install`, unless it is there already. `install` is given an empty folder that takes the
/// name only when it is complete; others who want the same wait meanwhile.
pub(super) fn install_once(
    folder: &Path,
    install: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(BuildError::io("creating", parent))?;
    let lock_path = folder.with_extension("lock");
    let lock = File::create(&lock_path).map_err(BuildError::io("creating", &lock_path))?;
    lock.lock().map_err(BuildError::io("locking", &lock_path))?;
    if folder.is_dir() {
        return Ok(());
    }
    let partial = folder.with_extension("partial");
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(BuildError::io("removing", &partial)(error));
        }
        _ => {}
    }
    fs::create_dir(&partial).map_err(BuildError::io("creating", &partial))?;
    install(&partial)?;
    fs::rename(&partial, folder).map_err(BuildError::io("creating", folder))
}
