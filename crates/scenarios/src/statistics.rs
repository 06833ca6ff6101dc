//! Statistics in the form in which both hosts can be asked for them.

use std::collections::BTreeMap;

use common_metrics::{StatsTag, stats_tags};
use envoy_runner::{Scrape, Value};
use envoy_sdk_test::StatsSnapshot;
use scenario_extension::SCENARIO;

/// Whole numbers by series, written as `name{label=value,…}`, labels in alphabetical order. A histogram counts its
/// observations; a gauge below 0 is a huge number, as in Envoy.
pub(crate) type Statistics = BTreeMap<String, i128>;

/// The labels of the SDK's and the extension's series.
const COMMON_LABELS: [&str; 3] = ["extension", "version", "panic"];

/// The tag rules that give all series of a scenario their labels.
pub(crate) fn tags() -> Vec<StatsTag> {
    let sdk = envoy_sdk::SDK.label_names();
    stats_tags(COMMON_LABELS.into_iter().chain(sdk).chain(SCENARIO.label_names()))
}

/// What FakeEnvoy has counted.
pub(crate) fn of_fake(stats: &StatsSnapshot) -> Statistics {
    let number = |name: &str| {
        // A name belongs to one metric, of whatever kind.
        let observed = stats.histogram(name).len() as i128;
        i128::from(stats.counter(name)) + i128::from(stats.gauge(name).cast_unsigned()) + observed
    };
    stats.names().map(|name| (series(name), number(name))).collect()
}

/// What Envoy has counted, as far as Wasm modules did it.
pub(crate) fn of_real(scrape: &Scrape) -> Statistics {
    let own = [SCENARIO.filter, envoy_sdk::SDK.filter].map(|filter| format!("{filter}_"));
    let number = |value: &Value| value.number() as i128;
    scrape
        .iter()
        .filter(|metric| own.iter().any(|own| metric.name.starts_with(own)))
        .map(|metric| {
            let labels = metric.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            (written(&metric.name, labels), number(&metric.value))
        })
        .collect()
}

/// Counts VMs. A real Envoy has one on its main thread besides, and tries each configuration in another.
const VM_STARTS: &str = "envoy_sdk_vm_starts_total";

/// By how much each series has changed; those that have not are left out.
pub(crate) fn changes(before: &Statistics, after: &Statistics) -> Vec<String> {
    after
        .iter()
        .filter(|(series, _)| !series.starts_with(VM_STARTS))
        .map(|(series, number)| (series, number - before.get(series).copied().unwrap_or_default()))
        .filter(|(_, change)| *change != 0)
        .map(|(series, change)| format!("{series} {change}"))
        .collect()
}

/// The series that tag rules make of a stat name: `filter.label=.=value;.;…metric`.
fn series(stat_name: &str) -> String {
    let mut parts: Vec<&str> = stat_name.split(";.;").collect();
    let metric = parts.pop().unwrap_or_default();
    let Some((filter, first)) = parts.first().and_then(|part| part.split_once('.')) else {
        return stat_name.replace('.', "_");
    };
    let labels = std::iter::once(first).chain(parts.iter().skip(1).copied());
    let labels: BTreeMap<&str, &str> = labels.filter_map(|label| label.split_once("=.=")).collect();
    written(&format!("{filter}_{metric}"), labels.into_iter())
}

fn written<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hosts_name_a_series_alike() {
        let named = series("envoy_sdk.extension=.=network;.;callback=.=on_timer;.;errors_total");
        assert_eq!(named, "envoy_sdk_errors_total{callback=on_timer,extension=network}");
        let scraped = "# TYPE envoy_sdk_errors_total counter\n\
                       envoy_sdk_errors_total{extension=\"network\",callback=\"on_timer\"} 3\n\
                       # TYPE envoy_other counter\nenvoy_other{} 1\n";
        let scraped = of_real(&Scrape::parse(scraped).unwrap());
        assert_eq!(scraped, Statistics::from([(named, 3)]));
    }

    #[test]
    fn only_changes_are_shown() {
        let before = Statistics::from([("a".to_owned(), 1), ("b".to_owned(), 1)]);
        let after = Statistics::from([("a".to_owned(), 1), ("b".to_owned(), 3), ("c".to_owned(), 2)]);
        assert_eq!(changes(&before, &after), ["b 2", "c 2"]);
    }
}
