//! docs/metrics.md: every metric, every label, every value.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common_metrics::{HISTOGRAM_BUCKETS, Kind, Level, StatName};
use smtp_filter::catalogue::COMMANDS;
use smtp_filter::protocol::verb::Verb;

use super::envoy::ENVOY_METRICS;
use super::families::{FAMILIES, Family, LDAP, SDK, SMTP, VM};
use super::listing::{Entry, LabelEntry, level};
use crate::generated::Generated;

/// The most series that a filter may make for each `stat_prefix` and `reporter`, by level.
const BUDGETS: [(Level, usize); 2] = [(Level::Summary, 300), (Level::Detailed, 1_500)];

/// The file.
pub(super) fn file() -> Generated {
    Generated::new("docs/metrics.md", text())
}

fn text() -> String {
    let mut text = beginning();
    text.push_str(&series());
    for family in FAMILIES {
        text.push_str(&metrics(&family));
    }
    text.push_str(&values());
    text.push_str(&envoy());
    text
}

fn beginning() -> String {
    let spec = COMMANDS.spec();
    let common = [("stat_prefix", "mx"), ("reporter", "inbound")];
    let series = common_metrics::Labels::index(Verb::Rcpt);
    let stat = StatName { filter: "smtp", common: &common, metric: &spec, series };
    let name = SMTP.name(&COMMANDS);
    format!(
        "# Metrics\n\n\
         <!-- Made by `cargo filterctl metrics --write`; do not edit. -->\n\n\
         What the filters count. `filterctl metrics` prints the same, and `filterctl metrics --json` gives it to programs.\n\n\
         ## Names and labels\n\n\
         A module tells Envoy one name for each series, with the labels inside:\n\n\
         ```\nwasmcustom.{stat}\n```\n\n\
         With the rules of [envoy-stats.yaml](../deploy/observability/envoy-stats.yaml) (plain Envoy) or\n\
         [istio-mesh-config.yaml](../deploy/observability/istio-mesh-config.yaml) (Istio) Envoy's `/stats/prometheus` shows\n\n\
         ```\n{name}{{stat_prefix=\"mx\",reporter=\"inbound\",verb=\"{}\"}} 42\n```\n\n\
         A name that contains `___` is one whose rule is missing.\n\n\
         Every series of a filter has two labels:\n\n\
         | label | values | says |\n|---|---|---|\n\
         | `stat_prefix` | what the filter's configuration says, else `default` | which listener |\n\
         | `reporter` | `inbound`, `outbound`, `gateway`, `unspecified` | which hop: the listener's direction, or what the configuration says |\n\n\
         **Select exactly one `reporter` in every query.** What passes a client's sidecar, an egress gateway and a server's sidecar is\n\
         counted by each.\n\n\
         Prometheus gives way to labels of the scraped target: if your scrape configuration copies all labels of pods to their series\n\
         (`labelmap`), a pod's label `version` or `class` displaces the metric's, which is then called `exported_version`. Copy only the\n\
         pod labels that you use, or set `honor_labels: true`.\n\n\
         - **Level**: `summary` is always there, `detailed` only where the configuration says `\"level\": \"detailed\"`. A metric has the\n  \
           same labels at both.\n\
         - **Exported**: `from the start` is there as 0 with the filter's first configuration, so that a rate sees the first event;\n  \
           `on use` appears with the first event. Where the configuration leaves `reporter` to the listener, everything waits for the\n  \
           first connection, because Envoy does not tell the direction before.\n\
         - **Counters** end in `_total`. **Histograms** have the unit in their name and the buckets\n  {}\n  \
           (microseconds up to 10 minutes, octets up to 600 MB). Prometheus shows each as `_bucket`, `_sum` and `_count`. Envoy keeps\n  \
           the sum approximately.\n\
         - **Counts** reach Envoy within 20 ms, and when their connection ends.\n\
         - **Gauges** and `connections_opened_total` less `connections_closed_total` are too high after a VM was lost; see Envoy's own\n  \
           metrics below.\n\n",
        common_metrics::Label::as_str(Verb::Rcpt),
        HISTOGRAM_BUCKETS.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    )
}

fn series() -> String {
    let mut text = String::from(
        "## How many series\n\n\
         The most that one `stat_prefix` and `reporter` can make. A histogram is one series of the catalogue and\n",
    );
    let _ = write!(
        text,
        "{} lines of a scrape. Nothing that a client or a server sends can make more.\n\n\
         | filter | level | series | budget | lines of a scrape |\n|---|---|---|---|---|\n",
        HISTOGRAM_BUCKETS.len() + 3
    );
    for (family, (level_, budget)) in
        [SMTP, LDAP].iter().flat_map(|family| BUDGETS.iter().map(move |budget| (family, budget)))
    {
        let most = family.catalogue.series(*level_);
        let lines = lines(family, *level_);
        let _ = writeln!(
            text,
            "| {} | {} | {most} | {budget} | {lines} |",
            family.catalogue.filter,
            level(*level_)
        );
    }
    let (sdk, vm) = (SDK.catalogue.series(Level::Detailed), VM.catalogue.series(Level::Detailed));
    let _ = write!(
        text,
        "\nEvery module also has what the SDK counts: at most {sdk} series for each extension, and {vm} for each version of it. All but a\n\
         handful appear only when something fails.\n\n"
    );
    text
}

/// Lines of a scrape that a family's series make at most.
fn lines(family: &Family, most: Level) -> usize {
    let of_level = family.catalogue.metrics().filter(|metric| metric.level <= most);
    of_level
        .map(|metric| match metric.kind {
            // The buckets, the one without end, the sum and the count.
            Kind::Histogram => metric.series() * (HISTOGRAM_BUCKETS.len() + 3),
            Kind::Counter | Kind::Gauge => metric.series(),
        })
        .sum()
}

fn metrics(family: &Family) -> String {
    let common: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    let mut text = format!("## {}\n\n", family.title);
    let _ = write!(
        text,
        "Every series also has {}.\n\n\
         | metric | kind | unit | labels | level | exported | series | meaning |\n|---|---|---|---|---|---|---|---|\n",
        and(&common)
    );
    for entry in family.catalogue.metrics().map(|metric| Entry::new(family, metric)) {
        let labels: Vec<String> =
            entry.labels.iter().skip(family.labels.len()).map(|label| format!("`{}`", label.name)).collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
            entry.name,
            entry.kind,
            entry.unit,
            labels.join(", "),
            entry.level,
            entry.exported,
            entry.series,
            entry.help
        );
    }
    text.push('\n');
    text
}

fn and(words: &[String]) -> String {
    match words {
        [words @ .., last] if !words.is_empty() => format!("{} and {last}", words.join(", ")),
        _ => words.concat(),
    }
}

/// A set of values, as one label has them, and the metrics that have that label with those.
type ValueSets = BTreeMap<&'static str, Vec<(LabelEntry, Vec<String>)>>;

fn values() -> String {
    let mut sets = ValueSets::new();
    for (family, metric) in
        FAMILIES.iter().flat_map(|family| family.catalogue.metrics().map(move |metric| (family, metric)))
    {
        let entry = Entry::new(family, metric);
        for label in entry.labels.into_iter().filter(|label| !label.values.is_empty()) {
            let same_name = sets.entry(label.name).or_default();
            match same_name.iter_mut().find(|(known, _)| *known == label) {
                Some((_, metrics)) => metrics.push(entry.name.clone()),
                None => same_name.push((label, vec![entry.name.clone()])),
            }
        }
    }
    let mut text = String::from("## Values of labels\n\nAll that there can be.\n\n");
    for (name, sets) in sets {
        let _ = write!(text, "### {name}\n\n");
        for (label, metrics) in sets {
            let metrics: Vec<String> = metrics.iter().map(|metric| format!("`{metric}`")).collect();
            let _ = write!(text, "Of {}:\n\n", and(&metrics));
            if label.values.iter().all(|value| value.help.is_empty()) {
                let all: Vec<String> =
                    label.values.iter().map(|value| format!("`{}`", value.value)).collect();
                let _ = write!(text, "{}\n\n", all.join(", "));
                continue;
            }
            text.push_str("| value | means |\n|---|---|\n");
            for value in &label.values {
                let _ = writeln!(text, "| `{}` | {} |", value.value, value.help);
            }
            text.push('\n');
        }
    }
    text
}

fn envoy() -> String {
    let mut text = String::from(
        "## Envoy's own metrics\n\n\
         Worth watching beside those of the filters. Plain Envoy exports all of them. An Istio proxy exports those marked by default, and\n\
         the others with [istio-mesh-config.yaml](../deploy/observability/istio-mesh-config.yaml). Where the name of a plugin or of a\n\
         resource stands in the middle of a metric's name, select by `{__name__=~\"…\"}`.\n\n\
         | metric | kind | labels | Istio | meaning |\n|---|---|---|---|---|\n",
    );
    for metric in ENVOY_METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let istio = if metric.istio { "by default" } else { "with our settings" };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {istio} | {} |",
            metric.name,
            metric.kind,
            labels.join(" or "),
            metric.help
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_and_every_value_is_told_once() {
        let text = text();
        for (family, metric) in
            FAMILIES.iter().flat_map(|family| family.catalogue.metrics().map(move |metric| (family, metric)))
        {
            let name = family.spec_name(metric);
            assert_eq!(text.matches(&format!("\n| `{name}` |")).count(), 1, "{name}");
            for dimension in metric.dimensions {
                assert_eq!(
                    text.matches(&format!("\n### {}\n", dimension.name)).count(),
                    1,
                    "{}",
                    dimension.name
                );
                for value in dimension.values {
                    assert!(text.contains(&format!("`{value}`")), "{value}");
                }
            }
        }
    }

    /// Each stands alone in a query's help, on a terminal and in JSON.
    #[test]
    fn no_meaning_leans_on_another() {
        let text = text();
        for leaning in ["[`", "| The same", "| See ", " such octets"] {
            assert!(
                !text.contains(leaning),
                "{leaning}: {:?}",
                text.lines().find(|line| line.contains(leaning))
            );
        }
    }

    #[test]
    fn the_filters_keep_to_their_budgets() {
        for family in [SMTP, LDAP] {
            for (level, budget) in BUDGETS {
                assert!(family.catalogue.series(level) <= budget, "{}", family.title);
            }
        }
    }
}
