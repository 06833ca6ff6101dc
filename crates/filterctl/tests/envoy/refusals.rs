//! A mistaken configuration is refused before a single connection, with a message that names the field; and
//! `filterctl validate` says the same without Envoy.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use envoy_runner::{Delivery, Listener, RunnerError, StartOptions, Upstream};
use serde_json::Value;

use crate::both_ends::bridge::{self, LISTENER};
use crate::both_ends::subject::{Ground, Test};

pub(crate) const TESTS: &[Test] = &[
    ("refusals: a mistaken configuration, in the listener", mistakes_in_the_listener),
    ("refusals: a mistaken configuration, in a file of its own", mistakes_in_a_file),
];

/// Configurations, and how the message about them begins.
const MISTAKES: [(&str, &str); 5] = [
    (r#"{"levle": "summary"}"#, "levle: unknown field `levle`, expected one of `stat_prefix`"),
    (r#"{"events": {"enabled": "yes"}}"#, "events.enabled: invalid type: string \"yes\", expected a boolean"),
    (
        r#"{"stat_prefix": "corp.relay"}"#,
        "stat_prefix: \"corp.relay\" cannot be a label: use 1 to 64 of A-Z a-z 0-9 _ -",
    ),
    (r#"{"mode": "on"}"#, "mode: unknown variant `on`, expected `observe` or `off`"),
    (r#"{"mode": "off""#, "not valid JSON: "),
];

fn mistakes_in_the_listener(ground: &Ground) -> Result<()> {
    for (configuration, message) in MISTAKES.into_iter().chain([ground.subject.mistaken_limit]) {
        let error = refusal(ground, configuration, Delivery::Inline)?;
        let RunnerError::Exited { reasons, .. } = &error else { bail!("{error}") };
        let said = validation(ground, configuration)?;
        ensure!(said.starts_with(message), "{said}");
        // What filterctl says about the file is what the module says in Envoy's log, word by word.
        ensure!(reasons.iter().any(|reason| reason.ends_with(&said)), "{said:?} is not in {reasons:#?}");
        ensure!(!error.to_string().contains('\n'), "{error}");
    }
    Ok(())
}

fn mistakes_in_a_file(ground: &Ground) -> Result<()> {
    for (configuration, message) in [MISTAKES[0], ground.subject.mistaken_limit] {
        let error = refusal(ground, configuration, Delivery::File)?;
        let RunnerError::FilterRefused { reasons, .. } = &error else { bail!("{error}") };
        ensure!(reasons.iter().any(|reason| reason.contains(message)), "{error}");
    }
    Ok(())
}

/// Why Envoy does not start with this configuration.
fn refusal(ground: &Ground, configuration: &str, delivery: Delivery) -> Result<RunnerError> {
    let filter = ground.filter(&Value::Null)?.configuration(configuration).delivery(delivery);
    let listener = Listener::new(LISTENER, Upstream::new("127.0.0.1", 9)).filter(filter);
    match bridge::start(ground, &StartOptions::default(), vec![listener]) {
        Ok(_) => bail!("Envoy took {configuration}"),
        Err(error) => error.downcast().context("an error of another kind"),
    }
}

/// What `filterctl validate` says is wrong with this configuration.
fn validation(ground: &Ground, configuration: &str) -> Result<String> {
    let file = ground.folder.join("filter.json");
    fs::write(&file, configuration)?;
    let output = Command::new(env!("CARGO_BIN_EXE_filterctl"))
        .args(["validate", "--filter", ground.subject.name])
        .arg(&file)
        .output()?;
    let stdout = String::from_utf8(output.stdout)?;
    ensure!(output.status.code() == Some(1), "{:?}: {stdout}", output.status);
    // FILE:LINE:COLUMN: error: what the module says; below it, indented, what would be right.
    let said =
        stdout.strip_prefix(&format!("{}:", file.display())).and_then(|said| said.split_once(": error: "));
    let said = said.and_then(|(_, said)| said.lines().next()).map(str::to_owned);
    said.with_context(|| format!("no finding: {stdout}"))
}
