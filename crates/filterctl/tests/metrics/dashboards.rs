//! The files that Grafana imports.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use filterctl::generated;
use filterctl::metrics::dashboards;
use filterctl::workspace::Workspace;
use serde_json::Value;

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("the dashboards say what the catalogue says", as_checked_in),
    ("dashboards are the same octets every time", deterministic),
    ("dashboards can be imported as they are", importable),
    ("panels do not cover each other", apart),
];

fn as_checked_in() -> Result<()> {
    generated::check(&Workspace::find()?.root, &dashboards::files()?, "cargo filterctl metrics --write")
}

fn deterministic() -> Result<()> {
    ensure!(dashboards::files()? == dashboards::files()?, "two runs made different files");
    Ok(())
}

/// The dashboards, each with its path.
fn read() -> Result<Vec<(String, Value)>> {
    let files = dashboards::files()?;
    ensure!(files.len() == 4, "{} dashboards", files.len());
    files
        .into_iter()
        .map(|file| Ok((file.path.display().to_string(), serde_json::from_str(&file.contents)?)))
        .collect()
}

/// All panels, also those of closed rows.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().into_iter().flatten();
    top.flat_map(|panel| std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten()))
        .collect()
}

fn importable() -> Result<()> {
    let mut addresses = BTreeSet::new();
    for (path, dashboard) in read()? {
        let text = dashboard.to_string();
        ensure!(!text.contains("${DS_") && dashboard.get("__inputs").is_none(), "{path} asks for inputs");
        ensure!(dashboard.get("id").is_none(), "{path} has the number of another Grafana");
        let uid = dashboard["uid"].as_str().context("no uid")?.to_owned();
        // Grafana's own limit.
        ensure!(uid.len() <= 40 && addresses.insert(uid), "{path}: uid");
        ensure!(dashboard["links"][0]["tags"] == dashboard["tags"], "{path} does not link to the others");
        let variables = dashboard["templating"]["list"].as_array().context("no variables")?;
        let variable = |name: &str| variables.iter().find(|variable| variable["name"] == name);
        ensure!(
            variable("datasource").is_some_and(|one| one["type"] == "datasource"),
            "{path}: no datasource"
        );
        ensure!(
            variable("reporter").is_some_and(|one| one["multi"] == false && one["includeAll"] == false),
            "{path}: several reporters"
        );
        ensure!(
            variable("stat_prefix").is_some_and(|one| one["multi"] == true && one["allValue"] == ".*"),
            "{path}: stat_prefix"
        );
        let mut numbers = BTreeSet::new();
        for panel in panels(&dashboard) {
            ensure!(numbers.insert(panel["id"].to_string()), "{path}: panel {} is there twice", panel["id"]);
            for target in panel["targets"].as_array().into_iter().flatten() {
                ensure!(target["datasource"]["uid"] == "${datasource}", "{path}: {target}");
            }
        }
    }
    Ok(())
}

fn apart() -> Result<()> {
    for (path, dashboard) in read()? {
        let mut covered = BTreeSet::new();
        // The panels of a closed row are shown where those of the next row are now, which then moves.
        for panel in dashboard["panels"].as_array().into_iter().flatten() {
            let at =
                |field: &str| panel["gridPos"][field].as_u64().with_context(|| format!("{path}: {panel}"));
            for x in at("x")?..at("x")? + at("w")? {
                for y in at("y")?..at("y")? + at("h")? {
                    ensure!(
                        x < 24 && covered.insert((x, y)),
                        "{path}: {} covers another panel",
                        panel["title"]
                    );
                }
            }
        }
    }
    Ok(())
}
