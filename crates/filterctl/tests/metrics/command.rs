//! `filterctl metrics` on the command line.

use std::process::Command;

use anyhow::{Result, ensure};
use common_metrics::Level;
use filterctl::metrics::families::LDAP;
use serde_json::Value;

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("the command prints a line for each metric", table),
    ("as JSON the command tells labels and their values", json),
    ("the command refuses what does not go together", refusals),
];

/// What the command prints, and whether it is content.
fn metrics(arguments: &[&str]) -> Result<(String, bool)> {
    let output = Command::new(env!("CARGO_BIN_EXE_filterctl")).arg("metrics").args(arguments).output()?;
    Ok((String::from_utf8(output.stdout)?, output.status.success()))
}

fn table() -> Result<()> {
    let (text, content) = metrics(&["--filter", "ldap", "--level", "summary"])?;
    ensure!(content, "{text}");
    let declared = LDAP.catalogue.metrics().filter(|metric| metric.level == Level::Summary);
    for metric in declared {
        let name = LDAP.spec_name(metric);
        ensure!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} is not in\n{text}");
    }
    ensure!(!text.contains("smtp_") && !text.contains("ldap_entry_bytes"), "{text}");
    Ok(())
}

fn json() -> Result<()> {
    let (text, content) = metrics(&["--json"])?;
    ensure!(content, "{text}");
    let metrics: Vec<Value> = serde_json::from_str(&text)?;
    let of = |name: &str| metrics.iter().find(|metric| metric["name"] == name);
    ensure!(of("smtp_commands_total").is_some() && of("envoy_sdk_vm_starts_total").is_some(), "{text}");
    let latency = of("ldap_operation_latency_microseconds").map(|metric| {
        let label = metric["labels"].as_array().and_then(|labels| labels.last()).cloned();
        (
            metric["kind"].clone(),
            metric["unit"].clone(),
            label.map(|label| label["values"][0]["value"].clone()),
        )
    });
    ensure!(latency == Some(("histogram".into(), "microseconds".into(), Some("bind".into()))), "{latency:?}");
    Ok(())
}

fn refusals() -> Result<()> {
    for arguments in [["--write", "--check"].as_slice(), &["--check", "--json"], &["--filter", "gopher"]] {
        let (_, content) = metrics(arguments)?;
        ensure!(!content, "{arguments:?} is accepted");
    }
    Ok(())
}
