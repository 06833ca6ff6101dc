//! Whatever an author can name says how it is used: each public type and trait has an example that runs, or leads to one.
//! (That everything public is described at all, the lint `missing_docs` sees to.)

use std::fs;
use std::path::{Path, PathBuf};

/// What no author of an extension names: the ABI's side of it, and what the VM keeps.
const INTERNAL: [&str; 1] = ["src/abi"];

#[test]
fn every_public_type_shows_how_it_is_used() {
    let sources = sources(&package().join("src"));
    let mut seen = 0;
    let mut bare = Vec::new();
    for path in sources {
        let source = fs::read_to_string(&path).expect("a source file");
        for (name, document) in public_types(&source) {
            seen += 1;
            if !document.contains("```") && !document.contains(" See [") {
                bare.push(format!("{}: {name}", path.strip_prefix(package()).unwrap_or(&path).display()));
            }
        }
    }
    assert!(seen >= 50, "only {seen} public types were found");
    assert!(bare.is_empty(), "without an example:\n{}", bare.join("\n"));
}

/// Public types and traits of a file, with their documentation.
fn public_types(source: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut document = String::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            document += text;
            document.push('\n');
        } else if line.starts_with("#[") || line.starts_with(['}', ')', ']']) {
        } else {
            let kinds = ["pub struct ", "pub enum ", "pub trait "];
            if let Some(name) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) {
                let end =
                    name.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(name.len());
                found.push((&name[..end], std::mem::take(&mut document)));
            }
            document.clear();
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
    let mut found = Vec::new();
    for path in entries {
        if INTERNAL.iter().any(|internal| path.ends_with(internal)) {
        } else if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
