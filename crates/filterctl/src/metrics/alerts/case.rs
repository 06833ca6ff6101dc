//! Tests of alerts, for promtool.

use std::fmt::Write as _;

use super::alert::Alert;
use super::files::{Group, RECORDING_GROUP, THRESHOLDS_GROUP};
use super::series::Series;

/// What a test puts in, and whether the alert then fires.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is put in, in words.
    name: &'static str,
    /// Series, with their values at each minute in promtool's notation, such as `0+5x60`.
    series: Vec<(String, &'static str)>,
    /// When it is looked.
    at: &'static str,
    /// With which labels it fires, and how `$value` reads then.
    fires: Option<(Vec<(&'static str, &'static str)>, &'static str)>,
}

/// The listener of most tests.
const LISTENER: [(&str, &str); 2] = [("stat_prefix", "mx"), ("reporter", "inbound")];

impl Case {
    /// The alert fires for the listener of these series, half an hour after they began; `$value` then reads like this.
    pub(super) fn fires<const N: usize>(
        name: &'static str,
        value: &'static str,
        series: [(Series, &'static str); N],
    ) -> Self {
        Self {
            name,
            series: series.into_iter().map(|(series, values)| (at_listener(series), values)).collect(),
            at: "30m",
            fires: Some((LISTENER.to_vec(), value)),
        }
    }

    /// It does not fire, half an hour after they began.
    pub(super) fn silent<const N: usize>(name: &'static str, series: [(Series, &'static str); N]) -> Self {
        Self { fires: None, ..Self::fires(name, "", series) }
    }

    /// Likewise, with series that are written as they are, of no listener.
    pub(super) fn raw(
        name: &'static str,
        value: Option<&'static str>,
        series: &[(String, &'static str)],
    ) -> Self {
        Self { name, series: series.to_vec(), at: "30m", fires: value.map(|value| (Vec::new(), value)) }
    }

    /// With this label too.
    pub(super) fn label(mut self, name: &'static str, value: &'static str) -> Self {
        if let Some((labels, _)) = &mut self.fires {
            labels.push((name, value));
        }
        self
    }

    /// Looked at this long after the series began.
    pub(super) fn at(self, at: &'static str) -> Self {
        Self { at, ..self }
    }

    /// Whether the alert is expected to fire.
    #[cfg(test)]
    pub(super) fn is_firing(&self) -> bool {
        self.fires.is_some()
    }

    /// Whether it takes days: such tests stand in a file of their own, in which rules are evaluated less often.
    fn is_long(&self) -> bool {
        self.at
            .strip_suffix('m')
            .and_then(|minutes| minutes.parse::<u32>().ok())
            .is_some_and(|minutes| minutes > 1_000)
    }

    /// As a test of promtool's.
    fn write(&self, alert: &Alert, yaml: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(yaml, "  - name: {}", quoted(&format!("{}: {}", alert.name, self.name)));
        let _ = writeln!(yaml, "    interval: 1m\n    input_series:");
        for (series, values) in &self.series {
            let _ = writeln!(yaml, "      - series: {}\n        values: {}", quoted(series), quoted(values));
        }
        let _ = writeln!(
            yaml,
            "    alert_rule_test:\n      - eval_time: {}\n        alertname: {}",
            self.at, alert.name
        );
        let Some((labels, value)) = &self.fires else {
            let _ = writeln!(yaml, "        exp_alerts: []");
            return;
        };
        let _ = writeln!(yaml, "        exp_alerts:\n          - exp_labels:");
        let severity = ("severity", alert.severity.as_str());
        for (name, value) in labels.iter().copied().chain([severity]) {
            let _ = writeln!(yaml, "              {name}: {}", quoted(value));
        }
        let expanded = |template: &str| expand(template, labels, value);
        let _ = writeln!(yaml, "            exp_annotations:");
        let _ = writeln!(yaml, "              summary: {}", quoted(&expanded(alert.summary)));
        let _ = writeln!(yaml, "              description: {}", quoted(&expanded(alert.description)));
        let _ = writeln!(yaml, "              runbook_url: {}", quoted(&alert.runbook_url()));
    }
}

/// Which tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Those of minutes and hours.
    Hours,
    /// Those of days.
    Days,
}

/// The tests of these alerts, as a file for `promtool test rules` that stands beside the rules; `None` without any.
#[must_use]
pub fn tests(groups: &[Group], span: Span, rule_files: &[&str]) -> Option<String> {
    let mut yaml = String::from("rule_files:\n");
    for file in rule_files {
        let _ = writeln!(yaml, "  - {file}");
    }
    // What alerts read has to be recorded at the same moment: at the last one, it would be too old.
    yaml.push_str("group_eval_order:\n");
    for name in [THRESHOLDS_GROUP, RECORDING_GROUP].into_iter().chain(groups.iter().map(|group| group.name)) {
        let _ = writeln!(yaml, "  - {name}");
    }
    // Rarer than the tests look, an alert that fires would not be seen; as often as in production, they would take hours.
    let interval = if span == Span::Days { "30m" } else { "10m" };
    let _ = writeln!(yaml, "evaluation_interval: {interval}\ntests:");
    let mut written = false;
    for alert in groups.iter().flat_map(|group| &group.alerts) {
        for case in alert.cases.iter().filter(|case| case.is_long() == (span == Span::Days)) {
            case.write(alert, &mut yaml);
            written = true;
        }
    }
    written.then_some(yaml)
}

/// As a listener has it.
fn at_listener(series: Series) -> String {
    LISTENER.into_iter().fold(series, |series, (label, value)| series.is(label, value)).to_string()
}

/// A template as Prometheus expands it: labels by their names, and whatever becomes of `$value` as it was said.
fn expand(template: &str, labels: &[(&str, &str)], value: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        text.push_str(before);
        let (inside, after) = behind.split_once("}}").unwrap_or((behind, ""));
        let label = inside.trim().strip_prefix("$labels.");
        text.push_str(match label {
            Some(name) => labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value),
            None => value,
        });
        rest = after;
    }
    text + rest
}

/// A string as YAML: JSON's are.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
