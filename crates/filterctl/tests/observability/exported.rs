//! What Prometheus has of the filters is what the catalogues declare, with exactly those labels.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use common_metrics::{Export, Kind};
use filterctl::metrics::families::{FAMILIES, Family};

use crate::Test;
use crate::scene::scene;

pub(crate) const TESTS: &[Test] =
    &[("Prometheus: it has what the catalogues declare, labelled as they declare it", as_declared)];

/// Labels that Prometheus gives to all that it scrapes.
const OF_PROMETHEUS: [&str; 3] = ["__name__", "instance", "job"];

fn as_declared() -> Result<()> {
    let prometheus = &scene()?.prometheus;
    let filters: Vec<&str> = FAMILIES.iter().map(|family| family.catalogue.filter).collect();
    let mut found = BTreeSet::new();
    let own = |name: &&String| {
        filters.iter().any(|filter| name.strip_prefix(filter).is_some_and(|rest| rest.starts_with('_')))
    };
    for name in prometheus.names()?.iter().filter(own) {
        let (base, suffix) = parts(name);
        let (family, metric) = Family::find(base).with_context(|| format!("{name} is not declared"))?;
        ensure!((metric.kind == Kind::Histogram) != suffix.is_empty(), "{name} is no {:?}", metric.kind);
        let mut expected: BTreeSet<&str> =
            family.labels_of(metric).into_iter().chain(OF_PROMETHEUS).collect();
        if suffix == "_bucket" {
            expected.insert("le");
        }
        for sample in prometheus.query(name)? {
            let labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
            ensure!(labels == expected, "{name} has the labels {labels:?} instead of {expected:?}");
            values_as_declared(name, metric, &sample.labels)?;
        }
        found.insert(base.to_owned());
    }
    // What the SDK counts on use only is what goes wrong.
    let expected = FAMILIES.iter().flat_map(|family| {
        let all = family.labels.contains(&"reporter");
        let exported =
            family.catalogue.metrics().filter(move |metric| all || metric.export == Export::FromStart);
        exported.map(|metric| family.spec_name(metric))
    });
    let missing: Vec<String> = expected.filter(|name| !found.contains(name)).collect();
    ensure!(missing.is_empty(), "Prometheus lacks {missing:?}");
    Ok(())
}

fn values_as_declared(
    name: &str,
    metric: &common_metrics::MetricSpec,
    labels: &BTreeMap<String, String>,
) -> Result<()> {
    for dimension in metric.dimensions {
        let value = labels.get(dimension.name).map_or("", String::as_str);
        ensure!(dimension.values.contains(&value), "{name}: {}={value:?} is not declared", dimension.name);
    }
    Ok(())
}

/// A name without what belongs to histograms, and that.
fn parts(name: &str) -> (&str, &str) {
    ["_bucket", "_count", "_sum"]
        .into_iter()
        .find_map(|suffix| Some((name.strip_suffix(suffix)?, suffix)))
        .filter(|(base, _)| Family::find(base).is_some())
        .unwrap_or((name, ""))
}
