//! The golden files: what was seen on a real Envoy.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use envoy_runner::{EnvoyVersion, NEWEST_ENVOY, OLDEST_ENVOY};

use crate::{Observation, Scenario};

/// The environment variable that makes a run on real Envoys write the golden files anew, when it is `1`.
pub const RECORD: &str = "SCENARIOS_RECORD";

/// Whether golden files are to be written.
pub fn is_recording() -> bool {
    std::env::var(RECORD).is_ok_and(|value| value == "1")
}

/// What is to be seen in this scenario on this release; FakeEnvoy is a model of the newest.
///
/// # Errors
/// If the golden file is missing or damaged.
pub fn read(scenario: &Scenario, version: EnvoyVersion) -> Result<Observation> {
    let file = file(scenario, version);
    let text = fs::read_to_string(&file).with_context(|| {
        format!("{}: run the scenarios on real Envoys with {RECORD}=1 to write it", file.display())
    })?;
    Observation::parse(&text).with_context(|| file.display().to_string())
}

/// Writes what was seen on a release that this scenario has a file for: the newest, and the oldest where it differs.
///
/// # Errors
/// If the file cannot be written.
pub fn write(scenario: &Scenario, version: EnvoyVersion, seen: &Observation) -> Result<()> {
    let file = file(scenario, version);
    let text = format!("# {}\n{seen}", scenario.rule);
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
}

/// Golden files that belong to no scenario.
///
/// # Errors
/// If the folder cannot be read.
pub fn strays(scenarios: &[Scenario]) -> Result<Vec<PathBuf>> {
    let known: Vec<PathBuf> = scenarios
        .iter()
        .flat_map(|scenario| [NEWEST_ENVOY, OLDEST_ENVOY].map(|version| file(scenario, version)))
        .collect();
    let mut strays = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if !known.contains(&path) {
            strays.push(path);
        }
    }
    Ok(strays)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn file(scenario: &Scenario, version: EnvoyVersion) -> PathBuf {
    let differs = version != NEWEST_ENVOY && scenario.differs_on_oldest.is_some();
    let suffix = if differs { format!("@{version}") } else { String::new() };
    folder().join(format!("{}{suffix}.txt", scenario.name))
}
