//! The page "Add a protocol" of CONTRIBUTING.md: its blocks of code stand in the example that they are said to be of, and
//! its commands work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The page.
fn page() -> String {
    let document = fs::read_to_string(repository().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let (_, page) = document.split_once("\n## Add a protocol\n").expect("the page");
    page.split("\n## ").next().unwrap_or_default().to_owned()
}

/// The page's blocks in this language, each with the text in front of it.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<(&'a str, &'a str)> {
    let fence = format!("\n```{language}\n");
    let parts: Vec<&str> = page.split(&fence).collect();
    let before = |part: &'a str| part.rsplit_once("\n```\n").map_or(part, |(_, before)| before);
    let block = |part: &'a str| part.split_once("\n```").map_or(part, |(block, _)| block);
    parts.windows(2).map(|pair| (before(pair[0]), block(pair[1]))).collect()
}

#[test]
fn every_block_of_code_stands_in_the_example() {
    let page = page();
    let blocks = blocks(&page, "rust");
    assert!(blocks.len() >= 5, "only {} blocks were found", blocks.len());
    for (before, block) in blocks {
        let file = before.trim_end().lines().last().unwrap_or_default();
        let file = file.strip_prefix("In `").and_then(|rest| rest.strip_suffix("`:"));
        let file = file.unwrap_or_else(|| panic!("nothing says where this stands:\n{block}"));
        let source = fs::read_to_string(repository().join(file)).expect("the example's source");
        let mut rest = source.as_str();
        // A line of its own with an ellipsis stands for what is left out.
        for piece in block.split("\n…\n") {
            let found = rest.split_once(&format!("\n{piece}\n"));
            rest = found.unwrap_or_else(|| panic!("{file} does not have, or not in this order:\n{piece}")).1;
        }
    }
}

#[test]
fn every_command_works() {
    let page = page();
    let commands: Vec<&str> = blocks(&page, "console")
        .into_iter()
        .flat_map(|(_, block)| block.lines().filter_map(|line| line.strip_prefix("$ ")))
        .collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut run = Command::new(words[0]);
        run.args(&words[1..]).current_dir(repository());
        // Of the Cargo that runs us; its package is none of theirs.
        run.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
        let output = run.output().unwrap_or_else(|error| panic!("{command}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}");
    }
}
