//! The files: thresholds, recording rules, alerts, and the tests of both.

use std::fmt::Write as _;

use super::alert::Alert;
use super::case::{Span, quoted, tests};
use super::recording::recordings;
use super::threshold::{RECORD, THRESHOLDS};
use super::{envoy, ldap, observer, smtp, smtp_peers};
use crate::generated::Generated;

/// Where they are.
const FOLDER: &str = "deploy/observability/prometheus";

/// The group of the thresholds.
pub(super) const THRESHOLDS_GROUP: &str = "envoy-filters-thresholds";
/// The group of the recording rules.
pub(super) const RECORDING_GROUP: &str = "envoy-filters-recording";

/// What stands above each of them.
const MADE_BY: &str =
    "# Made by `cargo filterctl metrics --write`, with what stands in crates/filterctl/src/metrics/alerts.\n";

/// Alerts that stand together.
#[derive(Clone, Debug)]
pub struct Group {
    /// The group's name for Prometheus.
    pub name: &'static str,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

/// All alerts, as they stand together.
#[must_use]
pub fn alert_groups() -> Vec<Group> {
    let group = |name, alerts| Group { name, alerts };
    vec![
        group("envoy-filters-smtp-mails", smtp::alerts()),
        group("envoy-filters-smtp-peers", smtp_peers::alerts()),
        group("envoy-filters-ldap-binds", ldap::binds()),
        group("envoy-filters-ldap-operations", ldap::operations()),
        group("envoy-filters-observing", observer::alerts()),
        group("envoy-filters-extensions", envoy::extensions()),
        group("envoy-filters-delivery", envoy::delivery()),
    ]
}

/// The files.
#[must_use]
pub fn files() -> Vec<Generated> {
    let groups = alert_groups();
    let file = |name: &str, contents: String| Generated::new(format!("{FOLDER}/{name}"), contents);
    let tests = |name: &str, span| {
        let rules = ["../thresholds.yaml", "../recording.yaml", "../alerts.yaml"];
        let tests = tests(&groups, span, &rules).unwrap_or_default();
        file(&format!("tests/{name}"), format!("{MADE_BY}# Run by `promtool test rules {name}`.\n{tests}"))
    };
    vec![
        file("thresholds.yaml", write_thresholds(|_| true)),
        file("recording.yaml", write_recordings(|_| true)),
        file("alerts.yaml", write_alerts(&groups)),
        tests("hours.yaml", Span::Hours),
        tests("days.yaml", Span::Days),
    ]
}

// Writing to a string cannot fail: nothing is done about it below.

/// `thresholds.yaml` with the thresholds of which `wanted` says yes to the name.
#[must_use]
pub fn write_thresholds(wanted: impl Fn(&str) -> bool) -> String {
    let mut yaml = format!(
        "{MADE_BY}\
         # The numbers that the alerts compare with. To use others, change them in a copy of this file and load that instead of\n\
         # it: alerts.yaml stays as it is. Never load both: a threshold that is there twice makes its alerts silent, and\n\
         # EnvoyFilterThresholdsMissing says so.\n\
         # Prometheus has to evaluate rules at least every four minutes, or they are too old when they are read.\n\
         groups:\n  - name: {THRESHOLDS_GROUP}\n    rules:\n"
    );
    for threshold in THRESHOLDS.iter().filter(|threshold| wanted(threshold.of)) {
        let _ = writeln!(yaml, "      # {}", threshold.help);
        let _ = writeln!(yaml, "      - record: {RECORD}\n        expr: vector({})", threshold.value);
        let _ = writeln!(yaml, "        labels:\n          of: {}", threshold.of);
    }
    yaml
}

/// `recording.yaml` with the rules of which `wanted` says yes to what they record.
#[must_use]
pub fn write_recordings(wanted: impl Fn(&str) -> bool) -> String {
    let mut yaml = format!(
        "{MADE_BY}\
         # Rates, latencies and shares by listener and hop, for queries by hand. The three last ones the alerts need: Envoy puts the\n\
         # name of a plugin or resource into the name of the metric, and a rate over several names cannot be taken.\n\
         groups:\n  - name: {RECORDING_GROUP}\n    rules:\n"
    );
    for recording in recordings().into_iter().filter(|recording| wanted(&recording.record)) {
        let _ = writeln!(yaml, "      # {}", recording.help);
        let _ = writeln!(yaml, "      - record: {}\n        expr: |", recording.record);
        write_block(&mut yaml, &recording.expression);
    }
    yaml
}

/// `alerts.yaml` with these alerts.
#[must_use]
pub fn write_alerts(groups: &[Group]) -> String {
    let mut yaml = format!(
        "{MADE_BY}\
         # Needs thresholds.yaml and recording.yaml beside it.\n\
         #\n\
         # severity: page    tell somebody now: mail or logins fail, filters close connections, or somebody attacks\n\
         # severity: ticket  tell somebody on the next working day: it costs no mail and no login now\n\
         #\n\
         # Alerts about a filter have the labels stat_prefix (the listener, as its configuration names it) and reporter (the hop:\n\
         # inbound, outbound, gateway). A mail that passes several hops can make one alert for each: route on one reporter.\n\
         # Annotations hold templates of Prometheus ({{{{ $labels.stat_prefix }}}}): a tool with templates of its own has to leave them.\n\
         groups:\n"
    );
    for Group { name, alerts } in groups {
        let _ = writeln!(yaml, "  - name: {name}\n    rules:");
        for alert in alerts {
            let _ = writeln!(yaml, "      - alert: {}\n        expr: |", alert.name);
            write_block(&mut yaml, &alert.expression());
            if alert.hold != "0m" {
                let _ = writeln!(yaml, "        for: {}", alert.hold);
            }
            let _ = writeln!(yaml, "        labels:\n          severity: {}", alert.severity.as_str());
            let _ = writeln!(yaml, "        annotations:");
            let _ = writeln!(yaml, "          summary: {}", quoted(alert.summary));
            let _ = writeln!(yaml, "          description: {}", quoted(alert.description));
            let _ = writeln!(yaml, "          runbook_url: {}", quoted(&alert.runbook_url()));
        }
    }
    yaml
}

fn write_block(yaml: &mut String, expression: &str) {
    for line in expression.lines() {
        let _ = writeln!(yaml, "          {line}");
    }
}
