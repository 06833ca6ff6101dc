//! What there is to fuzz: `crates/fuzz/targets.toml`, which the fuzzer itself is made from.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::failure::Usage;
use crate::workspace::Workspace;

/// One thing to fuzz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name: `smtp-session`.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Octets of the longest input that is worth trying.
    pub longest: usize,
    /// Whether the short run of the tests leaves it out.
    pub long_run_only: bool,
    /// Whether it is fuzzed only where it is named.
    pub only_named: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Profile {
    about: String,
    longest: usize,
    #[serde(default)]
    long_run_only: bool,
    #[serde(default)]
    only_named: bool,
}

/// All targets, in the order of their names.
///
/// # Errors
/// When the workspace is not the suite's.
pub fn all(workspace: &Workspace) -> Result<Vec<Target>> {
    let path = workspace.root.join("crates/fuzz/targets.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("no targets: reading {}", path.display()))?;
    let profiles: BTreeMap<String, Profile> =
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let target = |(name, profile)| {
        let Profile { about, longest, long_run_only, only_named } = profile;
        Target { name, about, longest, long_run_only, only_named }
    };
    Ok(profiles.into_iter().map(target).collect())
}

/// The targets with these names; without any, all that need not be named.
///
/// # Errors
/// When there is no target of a name.
pub fn chosen(all: Vec<Target>, names: &[String]) -> Result<Vec<Target>> {
    if names.is_empty() {
        return Ok(all.into_iter().filter(|target| !target.only_named).collect());
    }
    let known: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Usage(format!("there is no target {unknown}: there are {}", known.join(", "))).into());
    }
    Ok(all.into_iter().filter(|target| names.contains(&target.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, only_named: bool) -> Target {
        Target { name: name.to_owned(), about: String::new(), longest: 1, long_run_only: false, only_named }
    }

    #[test]
    fn targets_are_chosen_by_name() {
        let all = vec![target("a", false), target("b", true), target("c", false)];
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(all.clone(), &names).map(|targets| targets.into_iter().map(|t| t.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["a", "c"]);
        assert_eq!(names(&["b"]).unwrap(), ["b"]);
        assert_eq!(names(&["d"]).unwrap_err().to_string(), "there is no target d: there are a, b, c");
    }
}
