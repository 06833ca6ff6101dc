//! What Envoy exports is what the catalogue declares: no more, no less, and labelled as declared.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use common_metrics::{Export, HISTOGRAM_BUCKETS, Kind, Level, MetricSpec};
use envoy_runner::{Listener, Metric, Scrape, TrafficDirection, Value};
use filterctl::filters::Filter;
use serde_json::{Value as Json, json};

use crate::both_ends::bridge::Bridge;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("metrics: Envoy exports what the catalogue declares", what_the_catalogue_declares),
    ("metrics: the listener tells the reporter", the_listener_tells_the_reporter),
];

/// Labels of every series of a filter.
const COMMON: [&str; 2] = ["stat_prefix", "reporter"];

fn what_the_catalogue_declares(ground: &Ground) -> Result<()> {
    let filter = Filter::named(ground.subject.name).context("no such filter")?;
    let listeners = [("summary", Level::Summary), ("detailed", Level::Detailed)];
    let bridge = Bridge::start(ground, |upstream| {
        let listener = |name: &str| -> Result<Listener> {
            let configuration = json!({"stat_prefix": name, "reporter": "gateway", "level": name});
            Ok(Listener::new(name, upstream.clone()).filter(ground.filter(&configuration)?))
        };
        listeners.iter().map(|(name, _)| listener(name)).collect()
    })?;
    let before = bridge.envoy.scrape()?;
    for (prefix, level) in listeners {
        from_the_start(&before, filter, prefix, level)?;
    }
    for (prefix, _) in listeners {
        (ground.subject.everything)(&bridge, prefix)?;
    }
    let scrape = bridge.final_scrape()?;
    for (prefix, level) in listeners {
        as_declared(&scrape, filter, prefix, level)?;
    }
    of_the_sdk(&scrape)?;
    let strays: Vec<&str> =
        scrape.iter().map(|metric| metric.name.as_str()).filter(|name| name.contains("___")).collect();
    ensure!(strays.is_empty(), "labels that no tag rule has cut out: {strays:?}");
    bridge.envoy.stop()?;
    Ok(())
}

fn exported(metric: &MetricSpec, level: Level) -> bool {
    metric.level <= level
}

/// Before any traffic, what is exported from the start is there with all its label values, as 0, and nothing else.
fn from_the_start(scrape: &Scrape, filter: &Filter, prefix: &str, level: Level) -> Result<()> {
    let mut expected = BTreeMap::new();
    for metric in filter
        .catalogue
        .metrics()
        .filter(|metric| exported(metric, level) && metric.export == Export::FromStart)
    {
        expected.insert(format!("{}_{}", filter.name, metric.name), metric.series());
    }
    let mut found = BTreeMap::new();
    for metric in series(scrape, filter, prefix) {
        ensure!(metric.value.number() == 0.0, "{metric:?} is not 0 before any traffic");
        *found.entry(metric.name.clone()).or_insert(0) += 1;
    }
    ensure!(found == expected, "{found:#?}\ninstead of\n{expected:#?}");
    Ok(())
}

/// After a conversation that has something for every metric, each is there with its labels, kind and buckets.
fn as_declared(scrape: &Scrape, filter: &Filter, prefix: &str, level: Level) -> Result<()> {
    let declared: BTreeMap<String, &MetricSpec> = filter
        .catalogue
        .metrics()
        .filter(|metric| exported(metric, level))
        .map(|metric| (format!("{}_{}", filter.name, metric.name), metric))
        .collect();
    let found: BTreeSet<&String> = series(scrape, filter, prefix).map(|metric| &metric.name).collect();
    let expected: BTreeSet<&String> = declared.keys().collect();
    ensure!(
        found == expected,
        "only in Envoy: {:?}; not in Envoy: {:?}",
        &found - &expected,
        &expected - &found
    );
    for metric in series(scrape, filter, prefix) {
        let spec = declared[&metric.name];
        labels_as_declared(metric, spec, &COMMON)?;
        ensure!(metric.label("reporter") == Some("gateway"), "{metric:?}");
        match (&metric.value, spec.kind) {
            (Value::Counter(_), Kind::Counter) | (Value::Gauge(_), Kind::Gauge) => {}
            (Value::Histogram(histogram), Kind::Histogram) => {
                let bounds: Vec<f64> = histogram.buckets.iter().map(|bucket| bucket.le).collect();
                let expected: Vec<f64> = HISTOGRAM_BUCKETS.iter().copied().chain([f64::INFINITY]).collect();
                ensure!(bounds == expected, "{}: {bounds:?}", metric.name);
                ensure!(histogram.count > 0.0, "{} has no observations", metric.name);
            }
            _ => anyhow::bail!("{metric:?} is no {:?}", spec.kind),
        }
    }
    Ok(())
}

fn series<'a>(scrape: &'a Scrape, filter: &'a Filter, prefix: &'a str) -> impl Iterator<Item = &'a Metric> {
    let of_filter = scrape.iter().filter(|metric| belongs(metric, filter.name));
    of_filter.filter(move |metric| metric.label("stat_prefix") == Some(prefix))
}

/// Whether it is a metric of this filter.
fn belongs(metric: &Metric, filter: &str) -> bool {
    metric.name.strip_prefix(filter).is_some_and(|name| name.starts_with('_'))
}

/// Exactly the labels that are declared, each with a value that is declared.
fn labels_as_declared(metric: &Metric, spec: &MetricSpec, common: &[&str]) -> Result<()> {
    let own = spec.dimensions.iter().map(|dimension| dimension.name);
    let expected: BTreeSet<&str> = own.chain(common.iter().copied()).collect();
    let found: BTreeSet<&str> = metric.labels.keys().map(String::as_str).collect();
    ensure!(found == expected, "{} has the labels {found:?} instead of {expected:?}", metric.name);
    for dimension in spec.dimensions {
        let value = metric.label(dimension.name).unwrap_or_default();
        ensure!(
            dimension.values.contains(&value),
            "{}: {}={value:?} is not declared",
            metric.name,
            dimension.name
        );
    }
    Ok(())
}

fn of_the_sdk(scrape: &Scrape) -> Result<()> {
    for metric in scrape.iter().filter(|metric| metric.name.starts_with("envoy_sdk_")) {
        if metric.name == "envoy_sdk_vm_starts_total" {
            let labels: Vec<&str> = metric.labels.keys().map(String::as_str).collect();
            ensure!(labels == ["extension", "panic", "version"], "{metric:?}");
            continue;
        }
        let spec = envoy_sdk::SDK.metrics().find(|spec| format!("envoy_sdk_{}", spec.name) == metric.name);
        labels_as_declared(
            metric,
            spec.with_context(|| format!("{metric:?} is not declared"))?,
            &["extension"],
        )?;
    }
    Ok(())
}

fn the_listener_tells_the_reporter(ground: &Ground) -> Result<()> {
    const CASES: [(&str, Option<&str>, TrafficDirection, &str); 4] = [
        ("in", None, TrafficDirection::Inbound, "inbound"),
        ("out", None, TrafficDirection::Outbound, "outbound"),
        ("unsaid", None, TrafficDirection::Unspecified, "unspecified"),
        ("said", Some("gateway"), TrafficDirection::Inbound, "gateway"),
    ];
    let bridge = Bridge::start(ground, |upstream| {
        let listener = |(name, reporter, direction, _): (&str, Option<&str>, TrafficDirection, &str)| -> Result<Listener> {
            let mut configuration = json!({"stat_prefix": name});
            if let Some(reporter) = reporter {
                configuration["reporter"] = Json::from(reporter);
            }
            Ok(Listener::new(name, upstream.clone()).direction(direction).filter(ground.filter(&configuration)?))
        };
        CASES.into_iter().map(listener).collect()
    })?;
    // Until its first connection, a listener that was not told does not know.
    let before = bridge.envoy.scrape()?;
    let opened = ground.subject.series("*_connections_opened_total");
    let known: BTreeSet<&str> = before.samples(&opened).filter_map(|m| m.label("stat_prefix")).collect();
    ensure!(known == BTreeSet::from(["said"]), "{known:?}");
    for (name, _, _, _) in CASES {
        let mut wire = bridge.open(name)?;
        wire.play(&(ground.subject.opening)()?)?;
        wire.close(End::Client)?;
    }
    let all: Vec<String> = CASES
        .iter()
        .map(|(name, _, _, reporter)| {
            format!("*_connections_closed_total{{stat_prefix={name},reporter={reporter},ending=client}} 1")
        })
        .collect();
    let scrape = bridge.counts(&all.join("\n"))?;
    let strays = scrape.iter().filter(|metric| belongs(metric, ground.subject.name)).filter(|metric| {
        !CASES
            .iter()
            .any(|(name, _, _, reporter)| metric.matches(&[("stat_prefix", name), ("reporter", reporter)]))
    });
    ensure!(strays.count() == 0, "series with another reporter");
    bridge.envoy.stop()?;
    Ok(())
}
