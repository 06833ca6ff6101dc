//! The catalogue on a terminal, or as JSON.

use common_metrics::{Export, Kind, Level, MetricSpec};
use serde::Serialize;

use super::families::Family;

/// A metric, as it is told.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry {
    /// What counts it.
    counted_by: &'static str,
    /// The name, as Prometheus shows it.
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) unit: &'static str,
    /// The labels that every series of the family carries, then its own.
    pub(super) labels: Vec<LabelEntry>,
    pub(super) level: &'static str,
    pub(super) exported: &'static str,
    /// The most series that one combination of the family's labels can have.
    pub(super) series: usize,
    pub(super) help: String,
}

/// A label of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LabelEntry {
    pub(super) name: &'static str,
    /// All values that it can have; none where the configuration or the module says the value.
    pub(super) values: Vec<ValueEntry>,
}

/// A value of a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ValueEntry {
    pub(super) value: &'static str,
    pub(super) help: String,
}

impl Entry {
    pub(super) fn new(family: &Family, metric: &MetricSpec) -> Self {
        let common = family.labels.iter().map(|name| LabelEntry { name, values: Vec::new() });
        let own = metric.dimensions.iter().map(|dimension| LabelEntry {
            name: dimension.name,
            values: dimension
                .values
                .iter()
                .zip(dimension.help)
                .map(|(value, help)| ValueEntry { value, help: sentence(help) })
                .collect(),
        });
        Self {
            counted_by: family.title,
            name: family.spec_name(metric),
            kind: kind(metric.kind),
            unit: unit(metric),
            labels: common.chain(own).collect(),
            level: level(metric.level),
            exported: match metric.export {
                Export::FromStart => "from the start",
                Export::OnUse => "on use",
            },
            series: metric.series(),
            help: sentence(metric.help),
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// The level as the configuration writes it.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Summary => "summary",
        Level::Detailed => "detailed",
    }
}

/// What is counted or measured, as the name says it.
fn unit(metric: &MetricSpec) -> &'static str {
    let name = metric.name.trim_end_matches("_total");
    if name.ends_with("_microseconds") {
        "microseconds"
    } else if name.ends_with("bytes") || name.ends_with("octets") {
        "octets"
    } else {
        "count"
    }
}

/// A doc comment as one line.
fn sentence(help: &str) -> String {
    help.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A table for each family, one line for each metric.
pub(super) fn tables(families: &[Family], most: Level) -> String {
    let blocks = families.iter().map(|family| {
        let entries: Vec<Entry> = family
            .catalogue
            .metrics()
            .filter(|metric| metric.level <= most)
            .map(|metric| Entry::new(family, metric))
            .collect();
        let series: usize = entries.iter().map(|entry| entry.series).sum();
        let plural = if entries.len() == 1 { "metric" } else { "metrics" };
        let title = format!("{}: {} {plural}, at most {series} series", family.title, entries.len());
        format!("{title} for each {}\n{}", family.labels.join(", "), table(&entries, family.labels.len()))
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// `common` is how many labels at the beginning are left out, because all have them.
fn table(entries: &[Entry], common: usize) -> String {
    let head =
        ["METRIC", "KIND", "UNIT", "LABELS", "SERIES", "LEVEL", "EXPORTED", "MEANING"].map(str::to_owned);
    let lines = entries.iter().map(|entry| {
        let labels: Vec<&str> = entry.labels.iter().skip(common).map(|label| label.name).collect();
        [
            entry.name.clone(),
            entry.kind.to_owned(),
            entry.unit.to_owned(),
            if labels.is_empty() { "-".to_owned() } else { labels.join(",") },
            entry.series.to_string(),
            entry.level.to_owned(),
            entry.exported.to_owned(),
            entry.help.clone(),
        ]
    });
    let lines: Vec<[String; 8]> = [head].into_iter().chain(lines).collect();
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        for (cell, width) in line.iter().zip(widths) {
            text.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(&line[7]);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::families::{SDK, SMTP};

    #[test]
    fn every_metric_has_a_line_with_what_is_declared() {
        let text = tables(&[SMTP, SDK], Level::Detailed);
        let line = text.lines().find(|line| line.starts_with("smtp_replies_total ")).unwrap();
        let cells: Vec<&str> = line.split_whitespace().take(8).collect();
        assert_eq!(
            cells,
            ["smtp_replies_total", "counter", "count", "verb,class", "80", "summary", "on", "use"]
        );
        let metrics = SMTP.catalogue.metrics().count() + SDK.catalogue.metrics().count();
        // Two titles, two heads, one empty line between.
        assert_eq!(text.lines().count(), metrics + 5);
        assert!(!tables(&[SMTP], Level::Summary).contains("smtp_reply_codes_total"));
    }

    #[test]
    fn units_are_those_of_the_names() {
        let unit = |name: &str| unit(SMTP.catalogue.metrics().find(|metric| metric.name == name).unwrap());
        assert_eq!(unit("reply_latency_microseconds"), "microseconds");
        assert_eq!(unit("message_bytes"), "octets");
        assert_eq!(unit("bytes_total"), "octets");
        assert_eq!(unit("smuggled_octets_total"), "octets");
        assert_eq!(unit("commands_total"), "count");
    }

    #[test]
    fn values_say_what_they_mean() {
        let metric = SMTP.catalogue.metrics().find(|metric| metric.name == "bytes_total").unwrap();
        let entry = Entry::new(&SMTP, metric);
        let visibility = entry.labels.iter().find(|label| label.name == "visibility").unwrap();
        assert_eq!(visibility.values[0].value, "parsed");
        assert_eq!(visibility.values[0].help, "The session followed them.");
    }
}
