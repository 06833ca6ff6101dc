//! From the declaration of dashboards to Grafana's files.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use real_peers::pypi;
use serde_json::{Map, Value};

use super::dashboards;
use super::panel::Dashboard;
use crate::generated::Generated;

/// Where the dashboards are, below the repository's root.
const FOLDER: &str = "deploy/observability/grafana";

/// Grafana's own library for making dashboards, and the version that makes these.
const LIBRARY: &str = "grafana-foundation-sdk==1769699241";
/// The environment that it is installed into.
const ENVIRONMENT: &str = "grafana-foundation-sdk";

const SCRIPT: &str = include_str!("build_dashboards.py");

/// Makes the library available, and returns the folder of the environment that holds it.
///
/// # Errors
/// When it cannot be had.
pub fn install() -> Result<PathBuf> {
    pypi::install(ENVIRONMENT, &[LIBRARY])
}

/// A file for each dashboard. Downloads the library when it is not there.
///
/// # Errors
/// When the library cannot be had or does not take the declaration.
pub fn files() -> Result<Vec<Generated>> {
    let dashboards = dashboards();
    let built = build(&dashboards)?;
    dashboards
        .iter()
        .map(|dashboard| {
            let json =
                built.get(dashboard.name).with_context(|| format!("no dashboard {}", dashboard.name))?;
            let path = format!("{FOLDER}/{}.json", dashboard.name);
            Ok(Generated::new(path, serde_json::to_string_pretty(json)? + "\n"))
        })
        .collect()
}

/// The dashboards as Grafana takes them, by name.
fn build(dashboards: &[Dashboard]) -> Result<Map<String, Value>> {
    let environment = install()?;
    let declaration = serde_json::to_vec(dashboards)?;
    let python = environment.join("bin/python");
    let mut child = Command::new(&python)
        .args(["-I", "-X", "utf8", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", python.display()))?;
    let input = child.stdin.take();
    // Beside reading what it says: both pipes are short.
    let writer = thread::spawn(move || input.map_or(Ok(()), |mut input| input.write_all(&declaration)));
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{LIBRARY} refuses the dashboards: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    if let Ok(written) = writer.join() {
        written.context("telling the dashboards")?;
    }
    serde_json::from_slice(&output.stdout).context("reading the dashboards")
}
