//! Selections of series, made from the catalogues' constants: what is renamed there no longer compiles, or no longer passes.

use std::fmt;

use common_metrics::{Metric, MetricSpec};

use crate::metrics::families::{Family, LDAP, SDK, SMTP, VM};

/// The labels that an expression about a filter keeps: a listener, and the one hop that is spoken of.
pub(super) const LISTENER: &str = "stat_prefix, reporter";

/// Series of one metric.
#[derive(Clone, Debug)]
pub(super) struct Series {
    family: Family,
    metric: MetricSpec,
    /// Behind the metric's name: `_bucket` and the like.
    suffix: &'static str,
    /// Label, operator, and values that stand beside each other.
    matchers: Vec<(&'static str, &'static str, String)>,
}

/// Series of the SMTP filter.
pub(super) fn smtp(metric: &impl Metric) -> Series {
    Series::of(SMTP, metric)
}

/// Series of the LDAP filter.
pub(super) fn ldap(metric: &impl Metric) -> Series {
    Series::of(LDAP, metric)
}

/// Series of the SDK, with the label `extension`.
pub(super) fn sdk(metric: &impl Metric) -> Series {
    Series::of(SDK, metric)
}

/// Series of the SDK, with the labels `extension`, `version` and `panic`.
pub(super) fn vm(metric: &impl Metric) -> Series {
    Series::of(VM, metric)
}

impl Series {
    /// All series of a metric.
    pub(super) fn of(family: Family, metric: &impl Metric) -> Self {
        Self { family, metric: *metric.spec(), suffix: "", matchers: Vec::new() }
    }

    /// Those with this value.
    ///
    /// # Panics
    /// When the metric has no such label, or the label no such value. Rules are made of constants: this is found out
    /// whenever they are made at all.
    #[must_use]
    pub(super) fn is(self, label: &'static str, value: &str) -> Self {
        self.with(label, "=", &[value])
    }

    /// Those with one of these values; panics as [`Self::is`].
    #[must_use]
    pub(super) fn one_of(self, label: &'static str, values: &[&str]) -> Self {
        self.with(label, "=~", values)
    }

    /// Those without any of these values; panics as [`Self::is`].
    #[must_use]
    pub(super) fn none_of(self, label: &'static str, values: &[&str]) -> Self {
        let operator = if values.len() == 1 { "!=" } else { "!~" };
        self.with(label, operator, values)
    }

    /// The buckets of a histogram.
    #[must_use]
    pub(super) fn buckets(self) -> Self {
        Self { suffix: "_bucket", ..self }
    }

    /// How many values a histogram has seen.
    #[must_use]
    pub(super) fn count(self) -> Self {
        Self { suffix: "_count", ..self }
    }

    /// `increase(…[window])`.
    pub(super) fn increase(&self, window: &str) -> String {
        format!("increase({self}[{window}])")
    }

    /// The sum of that by listener and these labels.
    pub(super) fn increase_by(&self, window: &str, labels: &[&str]) -> String {
        sum(labels, &self.increase(window))
    }

    /// How often something happened within the window, by listener and these labels, the very first time included: a
    /// series that was not there before began at 1, which `increase` does not see.
    pub(super) fn events_by(&self, window: &str, labels: &[&str]) -> String {
        sum(labels, &self.events(window))
    }

    /// The same for each series.
    pub(super) fn events(&self, window: &str) -> String {
        format!("({self} unless {self} offset {window}) or increase({self}[{window}])")
    }

    fn with(mut self, label: &'static str, operator: &'static str, values: &[&str]) -> Self {
        let name = self.family.spec_name(&self.metric);
        let own = self.metric.dimensions.iter().find(|dimension| dimension.name == label);
        match own {
            Some(dimension) => {
                for value in values {
                    assert!(dimension.values.contains(value), "{name}: {label} is never {value:?}");
                }
            }
            None if label == "reporter" => {
                for value in values {
                    assert!(REPORTERS.contains(value), "there is no reporter {value:?}");
                }
            }
            None => {
                let bucket = self.suffix == "_bucket" && label == "le";
                assert!(bucket || self.family.labels.contains(&label), "{name} has no label {label}");
            }
        }
        self.matchers.push((label, operator, values.join("|")));
        self
    }
}

/// The values of the label `reporter`.
const REPORTERS: [&str; 4] = ["inbound", "outbound", "gateway", "unspecified"];

/// As PromQL, and as promtool names series that a test puts in.
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.family.spec_name(&self.metric), self.suffix)?;
        if self.matchers.is_empty() {
            return Ok(());
        }
        let matchers =
            self.matchers.iter().map(|(label, operator, value)| format!("{label}{operator}\"{value}\""));
        write!(f, "{{{}}}", matchers.collect::<Vec<_>>().join(", "))
    }
}

/// The sum by listener and these labels.
pub(super) fn sum(labels: &[&str], of: &str) -> String {
    format!("sum by ({}) ({of})", by(labels))
}

/// A quantile of a histogram within the window, by listener and these labels.
pub(super) fn quantile(quantile: f64, of: &Series, window: &str, labels: &[&str]) -> String {
    let labels: Vec<&str> = labels.iter().copied().chain(["le"]).collect();
    format!("histogram_quantile({quantile}, {})", of.clone().buckets().increase_by(window, &labels))
}

/// The listener's labels and these.
pub(super) fn by(labels: &[&str]) -> String {
    [LISTENER].iter().chain(labels).copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use smtp_filter::catalogue::{END_OF_DATA_LATENCY, REFUSALS};

    use super::*;

    #[test]
    fn expressions_name_what_the_catalogue_names() {
        let refusals = smtp(&REFUSALS).none_of("reason", &["greylist"]);
        assert_eq!(
            refusals.increase_by("15m", &["reason"]),
            r#"sum by (stat_prefix, reporter, reason) (increase(smtp_refusals_total{reason!="greylist"}[15m]))"#
        );
        assert_eq!(
            quantile(0.95, &smtp(&END_OF_DATA_LATENCY), "15m", &[]),
            "histogram_quantile(0.95, sum by (stat_prefix, reporter, le) \
             (increase(smtp_end_of_data_latency_microseconds_bucket[15m])))"
        );
    }

    #[test]
    fn what_is_not_declared_is_found_out() {
        let refusals = smtp(&REFUSALS);
        let tried = |series: fn(Series) -> Series| {
            let refusals = refusals.clone();
            std::panic::catch_unwind(move || series(refusals).to_string())
        };
        assert!(tried(|refusals| refusals.is("reason", "weather")).is_err());
        assert!(tried(|refusals| refusals.is("verb", "MAIL")).is_err());
        assert!(tried(|refusals| refusals.is("reporter", "nobody")).is_err());
        assert!(tried(|refusals| refusals.is("stat_prefix", "mx").is("reporter", "inbound")).is_ok());
    }
}
