//! What the page is told, as JSON.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use common_metrics::Catalogue;
use serde::Serialize;
use serde_json::Value;

use super::settings::Change;
use crate::display::{Chart, Latency, Overview, Panel, Share, Shows, Tone};

/// Everything that is shown at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct State {
    /// What does not change while it runs.
    pub(super) run: Option<Arc<RunFacts>>,
    /// Numbers the looks at the metrics, from 1.
    pub(super) look: u64,
    /// Milliseconds since the run began.
    pub(super) elapsed: u64,
    /// Whether this is the last state.
    pub(super) ended: bool,
    /// Who counted what, at the end of a demo.
    pub(super) comparison: Option<Value>,
    /// The numbers.
    pub(super) overview: Option<Arc<OverviewDocument>>,
    /// How they changed.
    pub(super) samples: Vec<Arc<Sample>>,
    /// The filter's last events.
    pub(super) events: Vec<Arc<Event>>,
    /// What has happened to the configuration, the newest last.
    pub(super) news: Vec<Arc<News>>,
    /// The configuration in force, without secrets.
    pub(super) configuration: Option<Arc<Value>>,
    /// Who else says something.
    pub(super) said_by: &'static str,
    /// The last lines of that, the newest last.
    pub(super) said: Vec<Arc<String>>,
}

impl State {
    /// The same without what a page that knows an earlier look has already.
    pub(super) fn since(&self, look: u64) -> Self {
        let samples = self.samples.iter().filter(|sample| sample.look > look).cloned().collect();
        let events = self.events.iter().filter(|event| event.look > look).cloned().collect();
        Self { samples, events, ..self.clone() }
    }
}

/// What does not change while it runs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunFacts {
    /// Tells this run from others at the same address.
    pub(super) id: String,
    /// The command, such as `filterctl demo smtp`.
    pub(super) command: String,
    /// What is watched: `smtp-filter`.
    pub(super) extension: String,
    /// Envoy's version.
    pub(super) envoy: String,
    /// What Envoy has loaded.
    pub(super) module: ModuleFacts,
    /// The way of a connection.
    pub(super) path: Vec<Hop>,
    /// Where Prometheus would read the metrics.
    pub(super) metrics: String,
    /// The file that the configuration is from.
    pub(super) configuration_file: Option<String>,
    /// For how long it runs in milliseconds, if it ends by itself.
    pub(super) run_for: Option<u64>,
    /// The charts, in the order of their values in each sample.
    pub(super) charts: Vec<ChartDocument>,
}

/// A module that Envoy has loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ModuleFacts {
    /// The file's name.
    pub(super) file: String,
    /// Its size in octets.
    pub(super) octets: u64,
    /// Its SHA-256, in hexadecimal.
    pub(super) sha256: String,
}

/// A station on the way of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// Who it is.
    pub name: String,
    /// Where, if that is known.
    pub address: Option<String>,
}

impl Hop {
    /// Somebody at this address.
    pub fn at(name: impl Into<String>, address: impl Display) -> Self {
        Self { name: name.into(), address: Some(address.to_string()) }
    }

    /// Somebody of whom no address is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), address: None }
    }
}

/// A chart's description.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ChartDocument {
    pub(super) title: &'static str,
    /// The metric's full name, where it shows one.
    pub(super) metric: Option<String>,
    /// What the metric counts.
    pub(super) help: Option<String>,
    /// `rate`, `octets`, `quantiles` or `connections`.
    pub(super) shows: &'static str,
}

/// The charts' values at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Sample {
    /// At which look.
    pub(super) look: u64,
    /// Milliseconds since the run began.
    pub(super) elapsed: u64,
    /// For each chart the values of its lines.
    pub(super) charts: Vec<BTreeMap<String, f64>>,
}

/// An event of the filter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Event {
    /// At which look it was found.
    pub(super) look: u64,
    /// Its fields, as the filter wrote them; of a line that is no JSON the field `text`.
    pub(super) fields: serde_json::Map<String, Value>,
}

/// Something that happened to the configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct News {
    /// Milliseconds since the run began.
    pub(super) elapsed: u64,
    /// What happened.
    pub(super) text: String,
    /// What is different now.
    pub(super) changes: Vec<Change>,
}

/// [`Overview`] with what a page needs besides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct OverviewDocument {
    opened: f64,
    open: f64,
    connections: Vec<ShareDocument>,
    octets: Vec<ShareDocument>,
    columns: Vec<Vec<PanelDocument>>,
    latencies: Vec<LatencyDocument>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ShareDocument {
    name: String,
    count: f64,
    share: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct PanelDocument {
    title: &'static str,
    metric: String,
    help: Option<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    name: String,
    value: f64,
    tone: Tone,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct LatencyDocument {
    name: String,
    metric: String,
    count: f64,
    /// In microseconds, as the others.
    p50: f64,
    p90: f64,
    p99: f64,
}

impl OverviewDocument {
    pub(super) fn new(overview: &Overview, catalogue: Option<&'static Catalogue>) -> Self {
        let share = |share: &Share| {
            let Share { name, count, share } = share.clone();
            ShareDocument { name, count, share }
        };
        let row =
            |(name, value): &(String, f64)| Row { name: name.clone(), value: *value, tone: Tone::of(name) };
        let panel = |panel: &Panel| PanelDocument {
            title: panel.title,
            metric: panel.metric.clone(),
            help: help(catalogue, &panel.metric),
            rows: panel.rows.iter().map(row).collect(),
        };
        let latency = |latency: &Latency| {
            let Latency { name, metric, count, p50, p90, p99 } = latency.clone();
            LatencyDocument { name, metric, count, p50, p90, p99 }
        };
        Self {
            opened: overview.opened,
            open: overview.open,
            connections: overview.connections.iter().map(share).collect(),
            octets: overview.octets.iter().map(share).collect(),
            columns: overview.columns.iter().map(|column| column.iter().map(panel).collect()).collect(),
            latencies: overview.latencies.iter().map(latency).collect(),
        }
    }
}

impl ChartDocument {
    pub(super) fn new(chart: &Chart, catalogue: &'static Catalogue) -> Self {
        let (shows, metric) = match chart.shows {
            Shows::Rate { metric, .. } => ("rate", Some(metric)),
            Shows::Octets { metric, .. } => ("octets", Some(metric)),
            Shows::Quantiles { metric } => ("quantiles", Some(metric)),
            Shows::OpenConnections => ("connections", None),
        };
        let metric = metric.map(|metric| format!("{}_{metric}", catalogue.filter));
        let help = metric.as_deref().and_then(|metric| help(Some(catalogue), metric));
        Self { title: chart.title, metric, help, shows }
    }
}

/// What a metric counts, as its declaration says.
fn help(catalogue: Option<&'static Catalogue>, metric: &str) -> Option<String> {
    let catalogue = catalogue?;
    let name = metric.strip_prefix(catalogue.filter)?.strip_prefix('_')?;
    let spec = catalogue.metrics().find(|spec| spec.name == name)?;
    Some(spec.help.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use envoy_runner::Scrape;

    use super::*;
    use crate::filters::FILTERS;

    #[test]
    fn the_numbers_are_those_of_the_terminal_with_what_they_mean() {
        let smtp = &FILTERS[0];
        let scrape = Scrape::parse(
            "# TYPE smtp_transactions_total counter\nsmtp_transactions_total{outcome=\"accepted\"} 3\n\
             smtp_connections_opened_total{} 5\nsmtp_connections_closed_total{ending=\"quit\"} 4\n\
             smtp_connections_total{visibility=\"parsed\"} 3\nsmtp_connections_total{visibility=\"starttls\"} 1\n",
        )
        .unwrap();
        let overview = Overview::new(smtp.layout, &scrape);
        let json = serde_json::to_value(OverviewDocument::new(&overview, Some(smtp.catalogue))).unwrap();
        assert_eq!((&json["opened"], &json["open"]), (&5.0.into(), &1.0.into()));
        assert_eq!(
            json["connections"][0],
            serde_json::json!({"name": "parsed", "count": 3.0, "share": 0.75})
        );
        let panel = &json["columns"][0][0];
        assert_eq!(panel["metric"], "smtp_transactions_total");
        assert_eq!(panel["help"], "Transactions ended, each with one outcome.");
        assert_eq!(panel["rows"][0], serde_json::json!({"name": "accepted", "value": 3.0, "tone": "good"}));
    }

    #[test]
    fn every_panel_and_chart_shows_a_metric_of_the_catalogue() {
        for filter in FILTERS {
            let overview = Overview::new(filter.layout, &Scrape::parse("").unwrap());
            for panel in overview.panels() {
                assert!(help(Some(filter.catalogue), &panel.metric).is_some(), "{}", panel.metric);
            }
            for chart in filter.layout.charts {
                let chart = ChartDocument::new(chart, filter.catalogue);
                assert_eq!(chart.metric.is_some(), chart.help.is_some(), "{chart:?}");
            }
            assert_eq!(filter.layout.charts.last(), Some(&Chart::CONNECTIONS));
        }
    }

    #[test]
    fn a_page_is_told_only_what_it_does_not_know_yet() {
        let sample = |look| Arc::new(Sample { look, elapsed: 0, charts: Vec::new() });
        let event = |look| Arc::new(Event { look, fields: serde_json::Map::new() });
        let state = State {
            look: 3,
            samples: [1, 2, 3].map(sample).into(),
            events: [1, 1, 3].map(event).into(),
            ..State::default()
        };
        let news = state.since(2);
        assert_eq!((news.look, news.samples.len(), news.events.len()), (3, 1, 1));
        assert_eq!((state.since(0).samples.len(), state.since(3).events.len()), (3, 0));
    }
}
