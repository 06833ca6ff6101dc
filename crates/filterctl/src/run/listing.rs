//! What an extension counts, as lines like those of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use envoy_runner::{Envoy, Metric, Value};

/// What Envoy puts in front of what a module counts, and takes away again for Prometheus.
const OF_MODULES: &str = "wasmcustom.";

/// What the SDK counts itself begins so.
const OF_SDK: &str = "envoy_sdk_";

/// The metrics of modules, each series with its value as text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listing(BTreeMap<String, String>);

impl Listing {
    /// What has been counted so far; series that are 0 are left out.
    pub(super) fn read(envoy: &Envoy) -> Result<Self> {
        let scrape = envoy.scrape_beginning_with(OF_MODULES)?;
        // Envoy's own number that tells whether the scrape is complete comes along.
        let of_modules = scrape.iter().filter(|metric| !metric.name.starts_with("envoy_server_"));
        let counted = of_modules.filter(|metric| metric.value.number() != 0.0);
        Ok(Self(counted.map(|metric| (series(metric), value(&metric.value))).collect()))
    }

    /// The lines that were not so before, without what the SDK counts itself.
    pub(super) fn news<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = String> + 'a {
        let changed = self.0.iter().filter(|(series, value)| before.0.get(*series) != Some(value));
        changed.filter(|(series, _)| !series.starts_with(OF_SDK)).map(line)
    }

    /// All lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(line)
    }
}

fn line((series, value): (&String, &String)) -> String {
    format!("{series} {value}")
}

fn series(metric: &Metric) -> String {
    let mut text = metric.name.clone();
    let mut open = '{';
    for (label, value) in metric.labels.iter().filter(|(label, _)| !label.starts_with("envoy_")) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{open}{label}={value:?}");
        open = ',';
    }
    if open == ',' { text + "}" } else { text }
}

fn value(value: &Value) -> String {
    let Value::Histogram(histogram) = value else { return value.number().to_string() };
    let at = |q| histogram.quantile(q).unwrap_or_default();
    format!("{} observed, half of them below {:.0}, 99 % below {:.0}", histogram.count, at(0.5), at(0.99))
}

#[cfg(test)]
mod tests {
    use envoy_runner::Scrape;

    use super::*;

    #[test]
    fn series_are_written_as_prometheus_writes_them() {
        let scrape = Scrape::parse(
            "# TYPE demo_total counter\ndemo_total{ending=\"over\",sender=\"a\"} 3\ndemo_plain_total{} 1\n\
             # TYPE demo_wait histogram\ndemo_wait_bucket{le=\"100\"} 4\ndemo_wait_bucket{le=\"+Inf\"} 4\n\
             demo_wait_sum{} 200\ndemo_wait_count{} 4\n",
        )
        .unwrap();
        let lines: Vec<_> =
            scrape.iter().map(|metric| line((&series(metric), &value(&metric.value)))).collect();
        assert_eq!(
            lines,
            [
                "demo_plain_total 1",
                "demo_total{ending=\"over\",sender=\"a\"} 3",
                "demo_wait 4 observed, half of them below 50, 99 % below 99",
            ]
        );
    }

    #[test]
    fn news_are_what_has_changed() {
        let listing = |lines: &[(&str, &str)]| {
            Listing(lines.iter().map(|(series, value)| ((*series).to_owned(), (*value).to_owned())).collect())
        };
        let before = listing(&[("a", "1"), ("b", "1")]);
        let now = listing(&[("a", "1"), ("b", "2"), ("c", "1"), ("envoy_sdk_vm_starts_total", "1")]);
        assert_eq!(now.news(&before).collect::<Vec<_>>(), ["b 2", "c 1"]);
        assert_eq!(now.lines().count(), 4);
    }
}
