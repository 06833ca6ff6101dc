//! SDK, driver and filters take no more instructions than was committed in `limits.json`.
//!
//! `cargo bench --bench instructions` of each crate counts them, in valgrind: per parser, per message, per command through
//! the whole filter, for framing alone, and for what a callback counts. Counts are those of this machine's processor and compiler as well, so a few percent more
//! are no failure. After a change that is worth what it costs, record the new ones:
//!
//! ```text
//! $ INSTRUCTIONS_RECORD=1 cargo test --package filterctl --test instructions
//! ```

#[path = "../repository/mod.rs"]
#[allow(dead_code, reason = "these tests need to know where it is, and nothing else")]
mod repository;
#[path = "../trials/mod.rs"]
mod trials;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use real_peers::Peer;
use serde_json::Value;

use crate::trials::{lacking, trial};

/// What is measured.
const PACKAGES: [&str; 4] = ["envoy-sdk", "session-driver", "smtp-filter", "ldap-filter"];
/// How many percent more than recorded are taken for noise of another machine.
const TOLERANCE_PERCENT: u64 = 5;
/// Fewer instructions more than this are never a failure: of a parser that takes 100, 5 % are nothing.
const NEGLIGIBLE: u64 = 20;
/// Set to 1, it makes the test write the limits down.
const RECORD: &str = "INSTRUCTIONS_RECORD";
const HOW_TO_RECORD: &str = "INSTRUCTIONS_RECORD=1 cargo test --package filterctl --test instructions";

/// Instructions by benchmark.
type Counts = BTreeMap<String, u64>;

fn main() -> ExitCode {
    trials::run(&[Peer::GungraunRunner], |_| {
        vec![
            trial("a slow-down is found", None, a_slow_down_is_found),
            trial("no more instructions than recorded", lacking(&[Peer::GungraunRunner]), || {
                let counts = counts()?;
                let limits = repository::root().join("crates/filterctl/tests/instructions/limits.json");
                if std::env::var(RECORD).is_ok_and(|value| value == "1") {
                    return Ok(fs::write(limits, serde_json::to_string_pretty(&counts)? + "\n")?);
                }
                let limits = fs::read(&limits).with_context(|| format!("record them: {HOW_TO_RECORD}"))?;
                compare(&counts, &serde_json::from_slice(&limits)?)
            }),
        ]
    })
}

/// Runs the benchmarks, and reads what gungraun says of each.
fn counts() -> Result<Counts> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository::root()).args(["bench", "--quiet", "--bench", "instructions"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    command
        .args(["--", "--save-summary=json"])
        .env("GUNGRAUN_RUNNER", Peer::GungraunRunner.require()?)
        .env("GUNGRAUN_HOME", home.path());
    let output = command.output().context("starting cargo")?;
    ensure!(
        output.status.success(),
        "the benchmarks failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut counts = Counts::new();
    for summary in summaries(home.path())? {
        let summary: Value = serde_json::from_slice(&fs::read(&summary)?)?;
        let (name, instructions) =
            read(&summary).with_context(|| format!("a summary of another form: {summary}"))?;
        counts.insert(name, instructions);
    }
    Ok(counts)
}

/// The summaries that gungraun has written below this folder, one for each benchmark.
fn summaries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(summaries(&path)?);
        } else if path.file_name().is_some_and(|name| name == "summary.json") {
            found.push(path);
        }
    }
    Ok(found)
}

/// A benchmark's name and its instructions.
fn read(summary: &Value) -> Option<(String, u64)> {
    let path = summary["module_path"].as_str()?.strip_prefix("instructions::")?;
    let case = summary["id"].as_str().map(|id| format!(" {id}")).unwrap_or_default();
    let total = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    Some((format!("{path}{case}").replace("::", " "), total.as_u64()?))
}

/// Says which benchmarks take more than they may, and which are not known.
fn compare(counts: &Counts, limits: &Counts) -> Result<()> {
    let mut complaints = Vec::new();
    for (name, count) in counts {
        match limits.get(name) {
            None => complaints.push(format!("{name}: not recorded")),
            Some(limit) => {
                let tolerated = (limit * TOLERANCE_PERCENT / 100).max(NEGLIGIBLE);
                if *count > limit + tolerated {
                    complaints.push(format!("{name}: {count} instructions, recorded are {limit}"));
                }
            }
        }
    }
    let gone = limits.keys().filter(|name| !counts.contains_key(*name));
    complaints.extend(gone.map(|name| format!("{name}: recorded, and not measured any more")));
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{}\nIf this is meant, record it: {HOW_TO_RECORD}", complaints.join("\n"))
}

fn a_slow_down_is_found() -> Result<()> {
    let limits = Counts::from([("smtp x".to_owned(), 10_000), ("smtp y".to_owned(), 100)]);
    let with = |name: &str, count| {
        let mut counts = limits.clone();
        counts.insert(name.to_owned(), count);
        compare(&counts, &limits)
    };
    ensure!(with("smtp x", 10_500).is_ok() && with("smtp y", 120).is_ok() && with("smtp x", 1).is_ok());
    ensure!(with("smtp x", 10_501).is_err() && with("smtp y", 121).is_err(), "a slow-down passes");
    ensure!(with("smtp z", 1).is_err(), "a benchmark without a limit passes");
    ensure!(compare(&Counts::new(), &limits).is_err(), "benchmarks that are gone pass");
    Ok(())
}
