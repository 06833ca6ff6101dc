//! What a new project may be called.

use std::fmt;

/// A name: of the package, of the extension in it (its `root_id`), and, with `_` for `-`, of the crate and in front of
/// the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

/// Why a name cannot be taken, and what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be the name of a project: {reason}")]
pub(super) struct NameError {
    name: String,
    reason: String,
}

/// In octets: as much as an extension's name may have.
const LONGEST: usize = 64;

/// Crates that the project itself uses, or that Rust brings.
const TAKEN: [&str; 14] = [
    "alloc",
    "common-metrics",
    "core",
    "envoy-runner",
    "envoy-sdk",
    "envoy-sdk-test",
    "filterctl",
    "log",
    "proc_macro",
    "proxy-wasm",
    "serde",
    "serde_json",
    "std",
    "test",
];

/// Keywords of Rust, also those that are only reserved: no crate can be called so.
const KEYWORDS: [&str; 49] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "unsafe", "unsized", "use", "virtual", "where",
    "while",
];

impl Name {
    /// Takes a name.
    ///
    /// # Errors
    /// When it cannot be a package, an extension and a crate alike; the message says what would do.
    pub(super) fn parse(name: &str) -> Result<Self, NameError> {
        let refuse = |reason: String| Err(NameError { name: name.to_owned(), reason });
        let Some(first) = name.chars().next() else {
            return refuse("it is empty; my-filter would do".to_owned());
        };
        if let Some(wrong) = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_')) {
            let right = match like(name) {
                Some(right) => format!("{right} would do"),
                None => "my-filter would do".to_owned(),
            };
            return refuse(format!("{wrong:?} is none of a-z, 0-9, - and _; {right}"));
        }
        if !first.is_ascii_lowercase() {
            return refuse(format!("it begins with {first:?}, not with a letter; filter-{name} would do"));
        }
        if name.len() > LONGEST {
            return refuse(format!("it has {} characters; at most {LONGEST} would do", name.len()));
        }
        let is_taken = |taken: &&str| taken.replace('-', "_") == name.replace('-', "_");
        if TAKEN.iter().any(is_taken) {
            return refuse(format!("a crate that it uses is called so; my-{name} would do"));
        }
        if KEYWORDS.contains(&name) {
            return refuse(format!("it is a word of Rust; {name}-filter would do"));
        }
        Ok(Self(name.to_owned()))
    }

    /// As the package and the extension are called: `my-filter`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As the crate is called, and its metrics begin: `my_filter`.
    pub(super) fn identifier(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The nearest name that would do.
fn like(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let right = words.collect::<Vec<_>>().join("-");
    Name::parse(&right).is_ok().then_some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_package_extension_and_crate() {
        for name in ["a", "demo-filter", "demo_filter", "x86-64", "asynchronous", &"n".repeat(64)] {
            assert_eq!(Name::parse(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
        assert_eq!(Name::parse("my-own_filter").unwrap().identifier(), "my_own_filter");
    }

    #[test]
    fn what_cannot_be_a_name_is_told_with_what_would_do() {
        let refused = |name: &str| Name::parse(name).unwrap_err().to_string();
        for (name, reason) in [
            ("", "it is empty; my-filter would do"),
            ("My Filter", "'M' is none of a-z, 0-9, - and _; my-filter would do"),
            ("a/b", "'/' is none of a-z, 0-9, - and _; a-b would do"),
            ("größe", "'ö' is none of a-z, 0-9, - and _; gr-e would do"),
            ("..", "'.' is none of a-z, 0-9, - and _; my-filter would do"),
            ("2fast", "it begins with '2', not with a letter; filter-2fast would do"),
            ("-x", "it begins with '-', not with a letter; filter--x would do"),
            ("envoy_sdk", "a crate that it uses is called so; my-envoy_sdk would do"),
            ("std", "a crate that it uses is called so; my-std would do"),
            ("loop", "it is a word of Rust; loop-filter would do"),
        ] {
            assert_eq!(refused(name), format!("{name:?} cannot be the name of a project: {reason}"));
        }
        assert!(refused(&"n".repeat(65)).ends_with("it has 65 characters; at most 64 would do"));
    }
}
