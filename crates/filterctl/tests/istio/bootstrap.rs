//! The bootstrap that Istio's agent writes for Envoy, with the statistics' settings of the mesh and of a pod.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use common_metrics::HISTOGRAM_BUCKETS;
use filterctl::filters::{FILTERS, Filter};
use real_peers::cluster::istio;
use serde_json::Value;

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("Istio makes the tag rules that plain Envoy gets", tag_rules),
    ("a pod's annotations set tags and buckets", annotations),
    ("Istio keeps what modules count", inclusion),
];

/// Every label of every filter.
fn labels() -> BTreeSet<String> {
    FILTERS.iter().flat_map(Filter::stats_tags).map(|tag| tag.tag_name).collect()
}

/// Envoy's tag rules in a bootstrap, by label.
fn rules(bootstrap: &Value) -> Result<BTreeMap<String, String>> {
    let rules = bootstrap["stats_config"]["stats_tags"].as_array().context("no stats_tags")?;
    let text = |rule: &Value, field: &str| rule[field].as_str().unwrap_or_default().to_owned();
    Ok(rules.iter().map(|rule| (text(rule, "tag_name"), text(rule, "regex"))).collect())
}

fn tag_rules() -> Result<()> {
    let mesh = serde_json::json!({"defaultConfig": {"extraStatTags": labels()}}).to_string();
    let made = rules(&istio::bootstrap(&mesh, &BTreeMap::new())?)?;
    for tag in FILTERS.iter().flat_map(Filter::stats_tags) {
        let regex = made.get(&tag.tag_name).with_context(|| format!("no rule for {}", tag.tag_name))?;
        ensure!(*regex == tag.regex, "{}: {regex}, plain Envoy gets {}", tag.tag_name, tag.regex);
    }
    Ok(())
}

fn annotations() -> Result<()> {
    let buckets = serde_json::json!({"wasmcustom.smtp.": HISTOGRAM_BUCKETS}).to_string();
    let names: Vec<String> = labels().into_iter().collect();
    let annotations = BTreeMap::from([
        ("sidecar.istio.io/extraStatTags".to_owned(), names.join(",")),
        ("sidecar.istio.io/statsHistogramBuckets".to_owned(), buckets),
    ]);
    let bootstrap = istio::bootstrap("", &annotations)?;
    let made = rules(&bootstrap)?;
    ensure!(names.iter().all(|name| made.contains_key(name)), "{made:?}");
    let settings = &bootstrap["stats_config"]["histogram_bucket_settings"];
    let expected = serde_json::json!([
        {"match": {"prefix": "wasmcustom.smtp."}, "buckets": HISTOGRAM_BUCKETS}
    ]);
    ensure!(with_floats(settings) == expected, "{settings}");
    Ok(())
}

/// The same with every number as a floating-point one: templates write whole numbers without a fraction.
fn with_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.iter().map(with_floats).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), with_floats(value))).collect()
        }
        other => other.clone(),
    }
}

fn inclusion() -> Result<()> {
    let bootstrap = istio::bootstrap("", &BTreeMap::new())?;
    let kept = bootstrap["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"]
        .as_array()
        .context("no inclusion list")?;
    // Their statistics are called wasmcustom.<name>.
    ensure!(kept.iter().any(|pattern| pattern["prefix"] == "wasm"), "{kept:?}");
    Ok(())
}
