//! An alert: what is measured, what it is compared with, and what has to be so besides.

use super::case::Case;
use super::threshold::Threshold;

/// Where the runbook is, until the project has a home. The chart's `monitoring.prometheusRule.runbookBase` replaces it.
pub const RUNBOOK_BASE: &str = "https://example.org/envoy-filters/";

/// Who is told, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// At once, at night too: mail or logins fail now, connections are closed by the filters, or somebody attacks.
    Page,
    /// On the next working day: it costs no mail and no login now.
    Ticket,
}

impl Severity {
    /// The value of the label `severity`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// An alert of Prometheus.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its name, and the runbook's heading.
    pub name: &'static str,
    /// Who is told.
    pub severity: Severity,
    /// How long it has to be so before anybody is told, as Prometheus writes durations.
    pub hold: &'static str,
    /// What is measured: PromQL with one series for each thing that is told of.
    pub(super) value: String,
    /// What it is compared with.
    pub(super) limit: Limit,
    /// What has to be so besides.
    pub(super) conditions: Vec<Condition>,
    /// One line for whoever is told. Prometheus' templates may stand in it.
    pub summary: &'static str,
    /// What it means, in a sentence or two. The same.
    pub description: &'static str,
    /// When it fires, and when it does not.
    pub(super) cases: Vec<Case>,
}

/// A comparison with a threshold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// Too much is more than that.
    Above(Threshold),
    /// Enough is that or more.
    AtLeast(Threshold),
    /// Too little is less than that.
    Below(Threshold),
    /// Any at all is too much; nobody would want another number.
    AboveZero,
}

impl Limit {
    fn compare(self, value: &str) -> String {
        let value = indented(value);
        match self {
            Self::Above(threshold) => format!("(\n{value}\n) > {threshold}"),
            Self::AtLeast(threshold) => format!("(\n{value}\n) >= {threshold}"),
            Self::Below(threshold) => format!("(\n{value}\n) < {threshold}"),
            Self::AboveZero => format!("(\n{value}\n) > 0"),
        }
    }
}

/// What has to be so besides.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// `and`, or `unless`: then it must not be so.
    joined: &'static str,
    /// The labels by which it belongs to what is measured.
    on: String,
    /// PromQL.
    value: String,
    /// What that is compared with.
    limit: Limit,
}

impl Alert {
    /// An alert on what is measured at one listener or other source; not tested yet.
    pub(super) fn new(
        name: &'static str,
        severity: Severity,
        hold: &'static str,
        value: String,
        limit: Limit,
    ) -> Self {
        Self {
            name,
            severity,
            hold,
            value,
            limit,
            conditions: Vec::new(),
            summary: "",
            description: "",
            cases: Vec::new(),
        }
    }

    /// Only where, by the labels `on`, this is so too.
    #[must_use]
    pub(super) fn and(mut self, on: &str, value: String, limit: Limit) -> Self {
        self.conditions.push(Condition { joined: "and", on: on.to_owned(), value, limit });
        self
    }

    /// Only where, by the labels `on`, this is not so.
    #[must_use]
    pub(super) fn unless(mut self, on: &str, value: String, limit: Limit) -> Self {
        self.conditions.push(Condition { joined: "unless", on: on.to_owned(), value, limit });
        self
    }

    /// What it tells.
    #[must_use]
    pub(super) fn tells(self, summary: &'static str, description: &'static str) -> Self {
        Self { summary, description, ..self }
    }

    /// When it fires, and when not.
    #[must_use]
    pub(super) fn tested(self, cases: Vec<Case>) -> Self {
        Self { cases, ..self }
    }

    /// The whole expression.
    #[must_use]
    pub fn expression(&self) -> String {
        let mut lines = vec![self.limit.compare(&self.value)];
        for Condition { joined, on, value, limit } in &self.conditions {
            lines.push(format!("{joined} on ({on}) {}", limit.compare(value)));
        }
        lines.join("\n")
    }

    /// What it is made of, before anything is compared.
    #[must_use]
    pub fn ingredients(&self) -> Vec<&str> {
        [self.value.as_str()]
            .into_iter()
            .chain(self.conditions.iter().map(|condition| condition.value.as_str()))
            .collect()
    }

    /// The anchor of its heading in the runbook.
    #[must_use]
    pub fn anchor(&self) -> String {
        self.name.to_lowercase()
    }

    /// The address of its heading in the runbook.
    #[must_use]
    pub fn runbook_url(&self) -> String {
        format!("{RUNBOOK_BASE}docs/runbook.md#{}", self.anchor())
    }

    /// The same alert in every way in which a part of it can be wrong: without the comparison of what it measures, never
    /// firing, and without each of its conditions. Each has to fail a test.
    pub fn mutations(&self) -> Vec<(String, Self)> {
        let (too_much, too_little) =
            (format!("({}) * 0 + 1e18", self.value), format!("({}) * 0 - 1e18", self.value));
        let (always, never) = match self.limit {
            Limit::Above(_) | Limit::AtLeast(_) | Limit::AboveZero => (too_much, too_little),
            Limit::Below(_) => (too_little, too_much),
        };
        let mut all = vec![
            ("whatever is measured".to_owned(), Self { value: always, ..self.clone() }),
            ("never".to_owned(), Self { value: never, ..self.clone() }),
        ];
        for number in 0..self.conditions.len() {
            let mut mutated = self.clone();
            mutated.conditions.remove(number);
            all.push((format!("without condition {}", number + 1), mutated));
        }
        all
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
