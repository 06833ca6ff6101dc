//! The release folder as files, and its list of checksums.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::build::sha256;

/// The list of checksums, as `sha256sum -c` reads it.
pub const SUMS: &str = "SHA256SUMS";
/// Everybody may read a release, whatever the umask says.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// A folder that is being filled. It takes its name only when it is complete.
#[derive(Debug)]
pub(super) struct Folder {
    partial: PathBuf,
    place: PathBuf,
}

impl Folder {
    /// Whether there can be a folder at `place`.
    ///
    /// # Errors
    /// When something is there that is no earlier release folder.
    pub(super) fn check(place: &Path) -> Result<()> {
        ensure!(
            is_replaceable(place),
            "{} is there and is no release folder: remove it, or name another --output",
            place.display()
        );
        Ok(())
    }

    /// A folder that will be at `place`.
    ///
    /// # Errors
    /// As [`Folder::check`], or when it cannot be made.
    pub(super) fn new(place: &Path) -> Result<Self> {
        Self::check(place)?;
        let name = place.file_name().context("the output is no folder's name")?.to_string_lossy();
        let partial = place.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        remove(&partial)?;
        fs::create_dir_all(&partial).with_context(|| format!("making {}", partial.display()))?;
        Ok(Self { partial, place: place.to_owned() })
    }

    /// Where a file or folder stands until the folder is complete.
    pub(super) fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.partial.join(inside)
    }

    /// Writes a file, and the folders above it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, inside: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(inside);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        fs::write(&path, contents).with_context(|| format!("writing {}", path.display()))
    }

    /// The SHA-256 of every file that is there now, in hexadecimal, by its path inside.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn sums(&self) -> Result<BTreeMap<String, String>> {
        sums(&self.partial)
    }

    /// Writes the checksums, and gives the folder its name. One that was there before is replaced.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(super) fn finish(self) -> Result<PathBuf> {
        let sums = self.sums()?;
        let lines: String = sums.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect();
        self.write(SUMS, lines)?;
        set_modes(&self.partial)?;
        remove(&self.place)?;
        fs::rename(&self.partial, &self.place).with_context(|| format!("making {}", self.place.display()))?;
        Ok(self.place.clone())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // After `finish` it is not there any more; before, half a release is of no use.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

/// Compares a release folder with its list of checksums: every file is listed, and as it was.
///
/// # Errors
/// Names the files that are missing, changed, or not listed.
pub fn verify(folder: &Path) -> Result<()> {
    let path = folder.join(SUMS);
    let list = fs::read_to_string(&path)
        .with_context(|| format!("reading {}: is this a release folder?", path.display()))?;
    let mut found = sums(folder)?;
    found.remove(SUMS);
    let mut problems = Vec::new();
    for line in list.lines() {
        let Some((sum, path)) = line.split_once("  ") else { bail!("{SUMS}: `{line}` is no checksum") };
        match found.remove(path) {
            Some(its) if its == sum => {}
            Some(_) => problems.push(format!("{path} was changed")),
            None => problems.push(format!("{path} is missing")),
        }
    }
    problems.extend(found.keys().map(|path| format!("{path} is not listed")));
    ensure!(problems.is_empty(), "{} is not as it was made: {}", folder.display(), problems.join(", "));
    Ok(())
}

fn is_replaceable(place: &Path) -> bool {
    let empty = || fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
    !place.exists() || place.join(SUMS).is_file() || empty()
}

fn sums(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for path in files(folder)? {
        let contents = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let inside = path.strip_prefix(folder)?.to_str().context("a path that is not text")?;
        sums.insert(inside.to_owned(), sha256(&contents));
    }
    Ok(sums)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(unix)]
fn set_modes(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            set_modes(&path)?;
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(FILE_MODE))?;
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))?;
    Ok(())
}

#[cfg(not(unix))]
fn set_modes(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_when_it_is_complete_and_says_what_was_changed() {
        let around = tempfile::tempdir().unwrap();
        let place = around.path().join("release");
        let folder = Folder::new(&place).unwrap();
        folder.write("a/one", "1").unwrap();
        folder.write("two", "2").unwrap();
        assert!(!place.exists());
        assert_eq!(folder.finish().unwrap(), place);
        verify(&place).unwrap();
        assert_eq!(fs::read_dir(around.path()).unwrap().count(), 1);

        fs::write(place.join("a/one"), "x").unwrap();
        fs::remove_file(place.join("two")).unwrap();
        fs::write(place.join("three"), "").unwrap();
        let error = verify(&place).unwrap_err().to_string();
        assert!(error.ends_with("a/one was changed, two is missing, three is not listed"), "{error}");
    }

    #[test]
    fn only_a_release_folder_is_replaced() {
        let around = tempfile::tempdir().unwrap();
        let place = around.path().join("release");
        Folder::new(&place).unwrap().finish().unwrap();
        let again = Folder::new(&place).unwrap();
        again.write("one", "1").unwrap();
        again.finish().unwrap();
        assert!(place.join("one").is_file());

        fs::remove_file(place.join(SUMS)).unwrap();
        let error = Folder::new(&place).unwrap_err().to_string();
        assert!(error.contains("is there and is no release folder"), "{error}");
        assert!(place.join("one").is_file());
    }
}
