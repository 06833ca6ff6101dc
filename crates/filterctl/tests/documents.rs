//! The documents say what is so: every command in them is one that the tool takes, and every file that they point to
//! is there. `tests/demo.rs`, `run.rs`, `replay.rs`, `build.rs` and `envoy/` run the commands themselves; CI runs
//! `cargo filterctl test`.

mod repository;

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use clap::error::ErrorKind;
use filterctl::cli::Cli;

/// The documents of the repository.
fn documents() -> Vec<PathBuf> {
    let found = repository::files("md");
    assert!(found.iter().any(|path| path.ends_with("README.md")), "no README.md");
    found
}

/// The commands of a document: lines of console blocks behind a `$`, and code in running text.
fn commands(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("$ "));
    let spans = text.split('`').skip(1).step_by(2);
    lines
        .chain(spans)
        .flat_map(|line| line.split(" && "))
        .map(|command| command.split('#').next().unwrap_or_default().trim())
        .map(|command| command.strip_prefix("cargo ").unwrap_or(command))
        .filter(|command| command.starts_with("filterctl ") && !command.contains('\n'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_is_one_that_the_tool_takes() {
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a readable document");
        for command in commands(&text) {
            // A subcommand alone is only named.
            let is_named = command.split_whitespace().count() == 2;
            let words = command.split_whitespace().chain(is_named.then_some("--help"));
            if let Err(error) = Cli::try_parse_from(words)
                && !matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                )
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
        // What looks like a link in code is none.
        let text: String = text.split('`').step_by(2).collect();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(folder.join(path).exists(), "{}: nothing is at {path}", document.display());
        }
    }
}

/// The document whose claims each name a test, in code: `tests/hostile/slow.rs::slow_loris`, below this crate where no
/// crate is named.
const SECURITY: &str = "SECURITY.md";

#[test]
fn every_test_that_stands_for_security_is_there() {
    let root = repository::root();
    let text = fs::read_to_string(root.join(SECURITY)).expect("the document");
    let mut named = 0;
    for span in text.split('`').skip(1).step_by(2) {
        let (file, test) = span.split_once("::").map_or((span, None), |(file, test)| (file, Some(test)));
        let path = match file.split('/').next() {
            Some("crates") if !file.contains('*') => root.join(file),
            Some("tests") => root.join("crates/filterctl").join(file),
            _ => continue,
        };
        assert!(path.exists(), "{SECURITY}: nothing is at {file}");
        if let Some(test) = test {
            let source = fs::read_to_string(&path).expect("a source");
            let runner = fs::read_to_string(path.with_file_name("main.rs")).unwrap_or_default();
            assert!(names_a_test(&source, &runner, test), "{SECURITY}: no test {test} in {file}");
        }
        named += 1;
    }
    assert!(named >= 40, "only {named} tests are named");
}

/// The comparison of SDKs, and the column of ours.
const COMPARISON: (&str, &str) = ("crates/envoy-sdk/README.md", "this `envoy-sdk`");

#[test]
fn every_link_to_a_test_names_one() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a readable document");
        let folder = document.parent().expect("a folder");
        for (file, test) in links_to_tests(&text) {
            let path = folder.join(file);
            let source = fs::read_to_string(&path).unwrap_or_default();
            let runner = fs::read_to_string(path.with_file_name("main.rs")).unwrap_or_default();
            assert!(names_a_test(&source, &runner, test), "{}: no test {test} in {file}", document.display());
        }
    }
}

#[test]
fn every_yes_of_the_comparison_leads_to_its_test() {
    let (document, column) = COMPARISON;
    let text = fs::read_to_string(repository::root().join(document)).expect("the comparison");
    let (mut ours, mut claims) = (None, 0);
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        ours = match cells.len() {
            1 => None,
            _ => cells.iter().position(|cell| *cell == column).or(ours),
        };
        let claim = ours.and_then(|ours| cells.get(ours)).filter(|cell| cell.contains("yes"));
        if let Some(claim) = claim {
            assert!(links_to_tests(claim).next().is_some(), "{document}: no test stands for {line}");
            claims += 1;
        }
    }
    assert!(claims >= 30, "only {claims} claims in {document}");
}

/// Links like `tests/boundary.rs#a_panic_is_caught` or `scenarios/src/timers.rs#timers-one`: the file and the test.
fn links_to_tests(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter_map(|target| target.split_once('#')).filter(|(file, _)| file.ends_with(".rs"))
}

/// Whether a source file has this test: a function with `#[test]`, one that a table of `TESTS` lists or that a trial
/// calls, here or in the suite's `main.rs`; or a scenario.
fn names_a_test(source: &str, runner: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let defines = |line: &&str| line.trim_start_matches("pub(crate) ").starts_with(&format!("fn {name}("));
    let Some(definition) = lines.iter().position(defines) else {
        return lines
            .windows(2)
            .any(|pair| pair[0].starts_with("Scenario::") && pair[1].starts_with(&format!("\"{name}\",")));
    };
    let mut attributes = lines[..definition].iter().rev().take_while(|line| line.starts_with("#["));
    let is_called = |text: &str, call: &str| text.contains("Trial::test(") && text.contains(call);
    attributes.any(|line| *line == "#[test]")
        || (source.contains("TESTS") && source.contains(&format!(", {name})")))
        || is_called(source, &format!("|| {name}("))
        || is_called(runner, &format!("::{name}("))
}

#[test]
fn a_test_is_told_from_other_functions() {
    let source = "#[test]\n#[cfg(unix)]\nfn a() {}\nconst TESTS: &[Test] = &[(\"it works\", b)];\nfn b() {}\nfn c() {}\npub(crate) fn e() {}";
    let is_test = |name| names_a_test(source, "Trial::test(name, move || kinds::e())", name);
    assert!(is_test("a") && is_test("b") && is_test("e"));
    assert!(!is_test("c") && !is_test("d"));
    let scenario = "Scenario::network(\n    \"timers-one\",\n    \"A timer fires once\",";
    assert!(names_a_test(scenario, "", "timers-one") && !names_a_test(scenario, "", "A timer fires once"));
}
