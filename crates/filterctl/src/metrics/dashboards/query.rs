//! Expressions of panels, put together from metrics and labels of the catalogues: a name that is not declared does not
//! compile.

use std::fmt;

use common_metrics::{Kind, Label, Level, Metric};

use super::variables::{RANGE, RATE_INTERVAL};
use crate::metrics::envoy::EnvoyMetric;
use crate::metrics::families::Family;

/// The series of one metric that the variables of the dashboard select.
#[derive(Clone, Debug)]
pub(super) struct Series {
    name: String,
    matchers: Vec<String>,
    level: Level,
    kind: Kind,
}

/// An expression, and from which level of detail on there is something to be seen.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) expr: String,
    pub(super) level: Level,
    /// Whether it is one term, so that it needs no parentheses beside an operator.
    term: bool,
}

/// The series of a metric of this family.
pub(super) fn series(family: Family, metric: &impl Metric) -> Series {
    let mut matchers = Vec::new();
    for label in family.labels {
        match *label {
            // Exactly one: what passes several hops is counted by each.
            "reporter" => matchers.push("reporter=\"$reporter\"".to_owned()),
            "stat_prefix" | "extension" => matchers.push(format!("{label}=~\"${label}\"")),
            // Not selected by: `version` and `panic`.
            _ => {}
        }
    }
    matchers.extend(where_it_was_scraped());
    let spec = metric.spec();
    Series { name: family.name(metric), matchers, level: spec.level, kind: spec.kind }
}

/// The same of all extensions, where a dashboard has no variable for them.
pub(super) fn of_all_extensions(family: Family, metric: &impl Metric) -> Series {
    let mut series = series(family, metric);
    series.matchers.retain(|matcher| !matcher.starts_with("extension="));
    series
}

/// Where a series was scraped: what all of them carry, Envoy's too.
fn where_it_was_scraped() -> [String; 2] {
    // Outside Kubernetes there is no label `pod`; `.*` matches that.
    ["instance=~\"$instance\"".to_owned(), "pod=~\"$pod\"".to_owned()]
}

/// The series of a metric of Envoy.
pub(super) fn of_envoy(metric: &EnvoyMetric) -> Series {
    let kind = if metric.kind == "counter" { Kind::Counter } else { Kind::Gauge };
    let mut matchers = Vec::new();
    let name = match metric.pattern {
        Some(pattern) => {
            matchers.push(format!("__name__=~\"{pattern}\""));
            String::new()
        }
        None => metric.name.to_owned(),
    };
    matchers.extend(where_it_was_scraped());
    Series { name, matchers, level: Level::Summary, kind }
}

impl Series {
    /// Those with this value of a label.
    pub(super) fn only<L: Label>(self, value: L) -> Self {
        self.matching(format!("{}=\"{}\"", L::DIMENSION.name, value.as_str()))
    }

    /// Those with one of these values of a label.
    pub(super) fn any<L: Label>(self, values: &[L]) -> Self {
        self.matching(format!("{}=~\"{}\"", L::DIMENSION.name, alternatives(values)))
    }

    /// Those with none of these values of a label.
    pub(super) fn but<L: Label>(self, values: &[L]) -> Self {
        self.matching(format!("{}!~\"{}\"", L::DIMENSION.name, alternatives(values)))
    }

    fn matching(mut self, matcher: String) -> Self {
        self.matchers.push(matcher);
        self
    }

    /// How many a second, in all.
    pub(super) fn rate(&self) -> Query {
        self.query(format!("sum(rate({}[{RATE_INTERVAL}]))", self.selector("")))
    }

    /// How many a second, by labels.
    pub(super) fn rate_by(&self, labels: &[&str]) -> Query {
        self.query(format!("sum by ({}) (rate({}[{RATE_INTERVAL}]))", labels.join(", "), self.selector("")))
    }

    /// How many in the time that the dashboard shows, in all.
    pub(super) fn increase(&self) -> Query {
        self.query(format!("sum(increase({}[{RANGE}]))", self.selector("")))
    }

    /// How many in the time that the dashboard shows, by labels.
    pub(super) fn increase_by(&self, labels: &[&str]) -> Query {
        self.query(format!("sum by ({}) (increase({}[{RANGE}]))", labels.join(", "), self.selector("")))
    }

    /// What it is now, in all.
    pub(super) fn now(&self) -> Query {
        self.query(format!("sum({})", self.selector("")))
    }

    /// What it is now, by labels.
    pub(super) fn now_by(&self, labels: &[&str]) -> Query {
        self.query(format!("sum by ({}) ({})", labels.join(", "), self.selector("")))
    }

    /// The value that this share of observations stays below.
    pub(super) fn quantile(&self, quantile: f64) -> Query {
        self.quantile_by(quantile, &[])
    }

    /// The same by labels.
    pub(super) fn quantile_by(&self, quantile: f64, labels: &[&str]) -> Query {
        debug_assert!(self.kind == Kind::Histogram, "{} has no quantiles", self.name);
        let by = [labels, &["le"]].concat().join(", ");
        let buckets = self.selector("_bucket");
        self.query(format!(
            "histogram_quantile({quantile}, sum by ({by}) (rate({buckets}[{RATE_INTERVAL}])))"
        ))
    }

    /// How many observations there were a second, by their size: for heat maps.
    pub(super) fn buckets(&self) -> Query {
        self.query(format!("sum by (le) (increase({}[{RATE_INTERVAL}]))", self.selector("_bucket")))
    }

    /// How many in the time that the dashboard shows, by what stands for `.+` in the metric's name. Several names that end
    /// as series with the same labels cannot be counted on at once, hence the label first.
    pub(super) fn increase_by_name(&self, metric: &EnvoyMetric) -> Query {
        let pattern = metric.pattern.unwrap_or(metric.name).replace(".+", "(.+)");
        self.query(format!(
            "sum by (name) (increase(label_replace({}, \"name\", \"$1\", \"__name__\", \"{pattern}\")[{RANGE}:]))",
            self.selector("")
        ))
    }

    fn selector(&self, suffix: &str) -> String {
        format!("{}{suffix}{{{}}}", self.name, self.matchers.join(","))
    }

    fn query(&self, expr: String) -> Query {
        Query { expr, level: self.level, term: true }
    }
}

fn alternatives<L: Label>(values: &[L]) -> String {
    values.iter().map(|value| value.as_str()).collect::<Vec<_>>().join("|")
}

impl Query {
    /// 0 where there is nothing yet: a series of a metric that is exported on use does not exist before.
    pub(super) fn or_zero(self) -> Self {
        Self { expr: format!("({} or vector(0))", self.expr), term: true, ..self }
    }

    /// The quotient.
    pub(super) fn over(self, divisor: &Self) -> Self {
        self.operator("/", divisor)
    }

    /// The difference.
    pub(super) fn minus(self, other: &Self) -> Self {
        self.operator("-", other)
    }

    /// A multiple.
    pub(super) fn times(self, factor: u32) -> Self {
        Self { expr: format!("{factor} * {}", self.in_parentheses()), term: false, ..self }
    }

    /// How many series there are, by labels.
    pub(super) fn count_by(self, labels: &[&str]) -> Self {
        Self { expr: format!("count by ({}) ({})", labels.join(", "), self.expr), term: true, ..self }
    }

    fn operator(self, operator: &str, other: &Self) -> Self {
        let expr = format!("{} {operator} {}", self.in_parentheses(), other.in_parentheses());
        Self { expr, level: self.level.max(other.level), term: false }
    }

    fn in_parentheses(&self) -> String {
        if self.term { self.expr.clone() } else { format!("({})", self.expr) }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expr)
    }
}

#[cfg(test)]
mod tests {
    use session_driver::{CONNECTIONS_OPENED, Visibility};
    use smtp_filter::catalogue::{REPLY_CODES, REPLY_LATENCY};

    use super::*;
    use crate::metrics::envoy::VM_RELOADS;
    use crate::metrics::families::SMTP;

    const SELECTED: &str =
        r#"stat_prefix=~"$stat_prefix",reporter="$reporter",instance=~"$instance",pod=~"$pod""#;

    #[test]
    fn a_series_is_what_the_variables_select() {
        let opened = series(SMTP, &CONNECTIONS_OPENED);
        assert_eq!(opened.now().expr, format!("sum(smtp_connections_opened_total{{{SELECTED}}})"));
        let bytes = series(SMTP, &session_driver::BYTES).only(Visibility::Parsed);
        let selector = format!(r#"smtp_bytes_total{{{SELECTED},visibility="parsed"}}"#);
        assert_eq!(
            bytes.rate_by(&["direction"]).expr,
            format!("sum by (direction) (rate({selector}[$__rate_interval]))")
        );
    }

    #[test]
    fn quantiles_keep_the_buckets_apart() {
        let quantile = series(SMTP, &REPLY_LATENCY).quantile_by(0.99, &["verb"]);
        assert!(
            quantile.expr.starts_with(
                "histogram_quantile(0.99, sum by (verb, le) (rate(smtp_reply_latency_microseconds_bucket{"
            ),
            "{quantile}"
        );
        assert_eq!(quantile.level, Level::Detailed);
    }

    #[test]
    fn operators_keep_their_operands_together() {
        let one = Query { expr: "a".to_owned(), level: Level::Summary, term: true };
        let difference = one.clone().minus(&one);
        let codes = series(SMTP, &REPLY_CODES).rate();
        assert_eq!(one.clone().over(&difference).expr, "a / (a - a)");
        assert_eq!(difference.clone().or_zero().times(60).expr, "60 * (a - a or vector(0))");
        assert_eq!(difference.minus(&codes).level, Level::Detailed);
    }

    #[test]
    fn names_that_hold_a_plugin_become_a_label() {
        let query = of_envoy(&VM_RELOADS).increase_by_name(&VM_RELOADS);
        assert_eq!(
            query.expr,
            "sum by (name) (increase(label_replace({__name__=~\"envoy_wasm_.+_vm_reload_success\",instance=~\"$instance\",pod=~\"$pod\"}, \
             \"name\", \"$1\", \"__name__\", \"envoy_wasm_(.+)_vm_reload_success\")[$__range:]))"
        );
    }
}
