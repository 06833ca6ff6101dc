//! The documents say what is so: every command in them is one that the tool takes, and every file that they point to
//! is there. `tests/demo.rs`, `run.rs`, `replay.rs`, `build.rs` and `envoy/` run the commands themselves; CI runs
//! `cargo filterctl test`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use filterctl::cli::Cli;

/// The documents of the repository, with their folders.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace");
    let mut found = Vec::new();
    collect(&root, &mut found);
    assert!(found.iter().any(|path| path.ends_with("README.md")), "no README.md below {}", root.display());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let generated = name.to_string_lossy().starts_with('.') || name == "target" || name == "node_modules";
        if path.is_dir() && !generated {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The commands of a document: lines of console blocks behind a `$`, and code in running text.
fn commands(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("$ "));
    let spans = text.split('`').skip(1).step_by(2);
    lines
        .chain(spans)
        .map(|command| command.split('#').next().unwrap_or_default().trim())
        .filter(|command| command.starts_with("cargo filterctl ") && !command.contains('\n'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_is_one_that_the_tool_takes() {
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a readable document");
        for command in commands(&text) {
            let words = command.split_whitespace().skip(1);
            if let Err(error) = Cli::try_parse_from(words)
                && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            {
                panic!("{}: `{command}`: {error}", document.display());
            }
            seen += 1;
        }
    }
    assert!(seen >= 8, "only {seen} commands were found");
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a readable document");
        let folder = document.parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(folder.join(path).exists(), "{}: nothing is at {path}", document.display());
        }
    }
}
