//! The files of this repository, for tests that hold for all of them.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// Every file with this extension that a person wrote, in order of the paths.
pub(crate) fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root(), extension, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let generated = name.to_string_lossy().starts_with('.') || name == "target" || name == "node_modules";
        if path.is_dir() && !generated {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|its_own| its_own == extension) {
            found.push(path);
        }
    }
}
