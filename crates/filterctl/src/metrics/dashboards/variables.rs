//! The variables of a dashboard: what its reader chooses at the top.

use serde::Serialize;

/// How far a rate looks back: Grafana chooses so that no scrape is missed.
pub(super) const RATE_INTERVAL: &str = "$__rate_interval";
/// The time that the dashboard shows.
pub(super) const RANGE: &str = "$__range";

/// What can be chosen.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Variable {
    /// How expressions call it, without the `$`.
    pub(super) name: &'static str,
    /// What stands before it.
    pub(super) label: &'static str,
    /// What a reader should know.
    pub(super) description: &'static str,
    /// The label whose values can be chosen.
    pub(super) values_of: &'static str,
    /// The selector of series that have it.
    pub(super) series: String,
    /// Whether several can be chosen, and all; else exactly one.
    pub(super) multi: bool,
}

/// Which hop.
pub(super) fn reporter(series: &str) -> Variable {
    Variable {
        name: "reporter",
        label: "Reporter",
        description: "Which hop. Exactly one: what passes several filters is counted by each of them.",
        values_of: "reporter",
        series: series.to_owned(),
        multi: false,
    }
}

/// Which listeners.
pub(super) fn stat_prefix(series: &str) -> Variable {
    Variable {
        name: "stat_prefix",
        label: "stat_prefix",
        description: "Which listeners, as `stat_prefix` in the filter's configuration calls them.",
        values_of: "stat_prefix",
        series: with_reporter(series),
        multi: true,
    }
}

/// Which extensions.
pub(super) fn extension(series: &str) -> Variable {
    Variable {
        name: "extension",
        label: "Extension",
        description: "Which extensions: the `root_id` or `pluginName` of the module.",
        values_of: "extension",
        series: series.to_owned(),
        multi: true,
    }
}

/// Which Envoys, by the address that Prometheus scrapes and by pod. `series` is what they export.
pub(super) fn envoys(series: &str) -> [Variable; 2] {
    [
        Variable {
            name: "instance",
            label: "Instance",
            description: "Which Envoys, by the address that Prometheus scrapes.",
            values_of: "instance",
            series: series.to_owned(),
            multi: true,
        },
        Variable {
            name: "pod",
            label: "Pod",
            description: "Which Envoys, by pod. Empty where Prometheus gives no label `pod`.",
            values_of: "pod",
            series: series.to_owned(),
            multi: true,
        },
    ]
}

/// The same series, of the reporter that was chosen.
pub(super) fn with_reporter(series: &str) -> String {
    match series.strip_suffix('}') {
        Some(open) => format!("{open},reporter=\"$reporter\"}}"),
        None => format!("{series}{{reporter=\"$reporter\"}}"),
    }
}

/// What stands for the variables of an expression that is run outside Grafana.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variables {
    /// Exactly one hop: `inbound`, `outbound`, `gateway` or `unspecified`.
    pub reporter: String,
    /// A pattern of listeners.
    pub stat_prefix: String,
    /// A pattern of addresses that Prometheus scrapes.
    pub instance: String,
    /// A pattern of pods.
    pub pod: String,
    /// A pattern of extensions.
    pub extension: String,
    /// How far a rate looks back, such as `1m`.
    pub rate_interval: String,
    /// The time that is shown, such as `10m`.
    pub range: String,
}

impl Variables {
    /// Everything that one hop has counted, over the last minute (rates) and ten minutes (sums).
    #[must_use]
    pub fn everything(reporter: &str) -> Self {
        let all = || ".*".to_owned();
        Self {
            reporter: reporter.to_owned(),
            stat_prefix: all(),
            instance: all(),
            pod: all(),
            extension: all(),
            rate_interval: "1m".to_owned(),
            range: "10m".to_owned(),
        }
    }

    /// The expression with these values.
    pub(super) fn substitute(&self, expr: &str) -> String {
        let values = [
            (RATE_INTERVAL, &self.rate_interval),
            (RANGE, &self.range),
            ("$stat_prefix", &self.stat_prefix),
            ("$reporter", &self.reporter),
            ("$instance", &self.instance),
            ("$pod", &self.pod),
            ("$extension", &self.extension),
        ];
        values.iter().fold(expr.to_owned(), |expr, (name, value)| expr.replace(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_substituted() {
        let expr =
            r#"sum(increase(x{stat_prefix=~"$stat_prefix",reporter="$reporter",pod=~"$pod"}[$__range]))"#;
        let expected = r#"sum(increase(x{stat_prefix=~".*",reporter="inbound",pod=~".*"}[10m]))"#;
        assert_eq!(Variables::everything("inbound").substitute(expr), expected);
    }

    #[test]
    fn a_reporter_joins_other_matchers() {
        assert_eq!(with_reporter("x"), r#"x{reporter="$reporter"}"#);
        assert_eq!(with_reporter(r#"{__name__=~"x|y"}"#), r#"{__name__=~"x|y",reporter="$reporter"}"#);
    }
}
