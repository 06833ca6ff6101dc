//! `filterctl validate`: every kind of mistake, with its place and what would be right.

mod command;
mod envoy;
mod filter_config;
mod helm;
mod istio;
mod samples;

use std::path::Path;

use filterctl::filters::Filter;
use filterctl::validate::{Kind, Severity, check};

/// What is found in a text: `line:column severity: path: message (suggestion)`.
fn findings(file: &str, source: &str, kind: Option<Kind>, filter: Option<&str>) -> Vec<String> {
    let filter = filter.map(|name| Filter::named(name).unwrap());
    let outcome = check(Path::new(file), source, kind, filter).unwrap();
    let line = |finding: filterctl::validate::Finding| {
        let path = if finding.path.is_empty() { String::new() } else { format!("{}: ", finding.path) };
        let suggestion = finding.suggestion.map(|it| format!(" ({it})")).unwrap_or_default();
        format!("{} {}: {path}{}{suggestion}", finding.at, finding.severity, finding.message)
    };
    outcome.findings.into_iter().map(line).collect()
}

/// Checks that exactly these things are found; each is the beginning of what is said, `…` stands for anything.
#[track_caller]
fn assert_found(found: &[String], expected: &[&str]) {
    let matches = |found: &str, expected: &str| {
        let mut rest = found;
        expected.split('…').enumerate().all(|(index, part)| match rest.find(part) {
            Some(at) if index > 0 || at == 0 => {
                rest = &rest[at + part.len()..];
                true
            }
            _ => false,
        })
    };
    let all = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| matches(f, e));
    assert!(all, "found {found:#?}\nexpected {expected:#?}");
}

/// Whether nothing is wrong enough to be an error.
#[track_caller]
fn assert_no_error(file: &Path) {
    let outcome = filterctl::validate::check_file(file, None, None).unwrap();
    assert_eq!(outcome.count(Severity::Error), 0, "{:#?}", outcome.findings);
}
