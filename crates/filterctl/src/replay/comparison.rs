//! Compares the metrics of the cuttings: they have to be the same.

use std::collections::BTreeMap;
use std::fmt;

use envoy_runner::{Metric, Scrape, Value};
use serde::Serialize;

use super::Cutting;

/// The label that tells the cuttings apart.
const CUTTING_LABEL: &str = "stat_prefix";

/// Labels that say nothing in a replay.
const PLAIN: [(&str, &str); 1] = [("reporter", "unspecified")];

/// What one series says in every cutting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Comparison {
    /// The metric's name; of a histogram with `_count` or `_sum`.
    pub(super) name: String,
    /// Its labels, without the one that tells the cuttings apart.
    pub(super) labels: BTreeMap<String, String>,
    /// The number in every cutting.
    pub(super) values: BTreeMap<Cutting, f64>,
}

impl Comparison {
    /// Compares all series of one filter, except those that are 0 everywhere. How long something took is not
    /// compared, how often is.
    pub(super) fn all(scrape: &Scrape, filter: &str) -> Vec<Self> {
        let prefix = format!("{filter}_");
        let mut found: BTreeMap<(String, BTreeMap<String, String>), BTreeMap<Cutting, f64>> = BTreeMap::new();
        for metric in scrape.iter().filter(|metric| metric.name.starts_with(&prefix)) {
            let Some(cutting) = cutting_of(metric) else { continue };
            let mut labels = metric.labels.clone();
            labels.remove(CUTTING_LABEL);
            labels.retain(|name, value| !PLAIN.contains(&(name.as_str(), value.as_str())));
            for (name, number) in numbers(metric) {
                let values = found.entry((name, labels.clone())).or_default();
                *values.entry(cutting).or_default() += number;
            }
        }
        let mut all = Vec::new();
        for ((name, labels), mut values) in found {
            if values.values().any(|value| *value != 0.0) {
                for cutting in Cutting::ALL {
                    values.entry(cutting).or_default();
                }
                all.push(Self { name, labels, values });
            }
        }
        all
    }

    /// Whether the cuttings agree.
    pub(super) fn is_equal(&self) -> bool {
        let mut values = self.values.values();
        let first = values.next();
        values.all(|value| Some(value) == first)
    }
}

impl fmt::Display for Comparison {
    /// The series as Prometheus writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (index, (name, value)) in self.labels.iter().enumerate() {
            write!(f, "{}{name}=\"{value}\"", if index == 0 { "{" } else { "," })?;
        }
        if self.labels.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

fn cutting_of(metric: &Metric) -> Option<Cutting> {
    let label = metric.label(CUTTING_LABEL)?;
    Cutting::ALL.into_iter().find(|cutting| cutting.name() == label)
}

fn numbers(metric: &Metric) -> Vec<(String, f64)> {
    match &metric.value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => {
            vec![(metric.name.clone(), *number)]
        }
        Value::Histogram(histogram) => {
            let mut numbers = vec![(format!("{}_count", metric.name), histogram.count)];
            if !metric.name.ends_with("_microseconds") {
                numbers.push((format!("{}_sum", metric.name), histogram.sum));
            }
            numbers
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_sizes_are_compared_and_times_are_not() {
        let scrape = Scrape::parse(
            "# TYPE smtp_commands_total counter\n\
             smtp_commands_total{verb=\"MAIL\",stat_prefix=\"as_recorded\",reporter=\"unspecified\"} 1\n\
             smtp_commands_total{verb=\"MAIL\",stat_prefix=\"octet_by_octet\",reporter=\"unspecified\"} 1\n\
             smtp_commands_total{verb=\"MAIL\",stat_prefix=\"coalesced\",reporter=\"unspecified\"} 1\n\
             smtp_commands_total{verb=\"NOOP\",stat_prefix=\"coalesced\"} 2\n\
             smtp_commands_total{verb=\"HELP\",stat_prefix=\"coalesced\"} 0\n\
             smtp_commands_total{verb=\"MAIL\",stat_prefix=\"somebody_else\"} 9\n\
             # TYPE smtp_wait_microseconds histogram\n\
             smtp_wait_microseconds_bucket{stat_prefix=\"coalesced\",le=\"+Inf\"} 1\n\
             smtp_wait_microseconds_sum{stat_prefix=\"coalesced\"} 77\n\
             smtp_wait_microseconds_count{stat_prefix=\"coalesced\"} 1\n",
        )
        .unwrap();
        let all = Comparison::all(&scrape, "smtp");
        let told: Vec<(String, bool)> = all.iter().map(|one| (one.to_string(), one.is_equal())).collect();
        let expected = [
            ("smtp_commands_total{verb=\"MAIL\"}", true),
            ("smtp_commands_total{verb=\"NOOP\"}", false),
            ("smtp_wait_microseconds_count", false),
        ];
        assert_eq!(told, expected.map(|(name, equal)| (name.to_owned(), equal)));
        assert_eq!(all[1].values[&Cutting::AsRecorded], 0.0);
    }
}
