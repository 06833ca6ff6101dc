//! Metrics as JSON.

use std::collections::BTreeMap;

use envoy_runner::{Metric, Scrape, Value};
use serde::Serialize;

/// The quantiles that are reported of every histogram.
const QUANTILES: [(&str, f64); 4] = [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99), ("1", 1.0)];

/// One series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricDocument {
    /// The name, as Prometheus shows it.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// What it is worth.
    pub value: ValueDocument,
}

/// What a series is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ValueDocument {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Distribution {
        /// How many observations there were.
        count: f64,
        /// Their sum, which Envoy keeps approximately.
        sum: f64,
        /// The value below which a share of the observations lies, interpolated within the histogram's buckets.
        quantiles: BTreeMap<&'static str, f64>,
    },
}

/// All series of one filter: those whose name begins with `<filter>_`, sorted by name and labels.
pub fn metrics(scrape: &Scrape, filter: &str) -> Vec<MetricDocument> {
    let prefix = format!("{filter}_");
    scrape.iter().filter(|metric| metric.name.starts_with(&prefix)).map(document).collect()
}

fn document(metric: &Metric) -> MetricDocument {
    let value = match &metric.value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => {
            ValueDocument::Number(*number)
        }
        Value::Histogram(histogram) => ValueDocument::Distribution {
            count: histogram.count,
            sum: histogram.sum,
            quantiles: QUANTILES
                .iter()
                .filter_map(|(name, quantile)| Some((*name, histogram.quantile(*quantile)?)))
                .collect(),
        },
    };
    MetricDocument { name: metric.name.clone(), labels: metric.labels.clone(), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_filter_s_series_are_told_and_histograms_with_their_quantiles() {
        let scrape = Scrape::parse(
            "# TYPE smtp_commands_total counter\nsmtp_commands_total{verb=\"MAIL\"} 3\n\
             # TYPE smtpd_other counter\nsmtpd_other{} 1\n\
             # TYPE smtp_wait histogram\nsmtp_wait_bucket{le=\"10\"} 2\nsmtp_wait_bucket{le=\"+Inf\"} 2\nsmtp_wait_sum{} 9\nsmtp_wait_count{} 2\n",
        )
        .unwrap();
        let json = serde_json::to_value(metrics(&scrape, "smtp")).unwrap();
        let expected = serde_json::json!([
            {"name": "smtp_commands_total", "labels": {"verb": "MAIL"}, "value": 3.0},
            {"name": "smtp_wait", "labels": {}, "value": {
                "count": 2.0, "sum": 9.0, "quantiles": {"0.5": 5.0, "0.9": 9.0, "0.99": 9.9, "1": 10.0}
            }},
        ]);
        assert_eq!(json, expected);
    }
}
