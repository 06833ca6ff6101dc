//! What makes labels and buckets of the names and values that a module gives to Envoy: snippets for plain Envoy's bootstrap
//! and for Istio.

use common_metrics::{HISTOGRAM_BUCKETS, StatsTag, stats_tags};
use session_driver::OBSERVER;

use super::families::{self, FAMILIES, Family};
use crate::generated::Generated;

/// Where they are, below the repository's root.
const FOLDER: &str = "deploy/observability";
/// What Envoy puts in front of what a module counts.
const OF_MODULES: &str = "wasmcustom";

/// What an Istio proxy does not export unless told so, and dashboards and alerts show: refused configurations of filters
/// that come by ECDS, which all of Istio's do.
const INCLUDED_PREFIX: &str = "extension_config_discovery";
/// Likewise: what a listener has open, and closes because a filter has no configuration yet. Not for each worker alone.
const INCLUDED_PATTERN: &str =
    r"listener\.[0-9a-fA-F.:_\[\]]+\.(downstream_cx_active|network_extension_config_missing)";

/// The files.
#[must_use]
pub fn files() -> Vec<Generated> {
    let buckets = istio_buckets();
    vec![
        file("envoy-stats.yaml", envoy()),
        file("istio-mesh-config.yaml", mesh_config()),
        file("istio-pod-annotations.yaml", pod_annotations(&buckets)),
        file("istio-gateway-values.yaml", gateway_values(&buckets)),
    ]
}

fn file(name: &str, contents: String) -> Generated {
    Generated::new(format!("{FOLDER}/{name}"), contents)
}

/// The rules for all labels of all families, each once.
#[must_use]
pub fn rules() -> Vec<StatsTag> {
    stats_tags(FAMILIES.iter().flat_map(labels))
}

fn labels(family: &Family) -> impl Iterator<Item = &'static str> {
    family.labels.iter().copied().chain(family.catalogue.label_names())
}

/// The beginnings of the names of all histograms, one for each family that has some.
fn histogram_prefixes() -> impl Iterator<Item = String> {
    let with_histograms = FAMILIES.iter().filter(|family| {
        family.catalogue.metrics().any(|metric| metric.kind == common_metrics::Kind::Histogram)
    });
    with_histograms.map(|family| format!("{OF_MODULES}.{}.", family.catalogue.filter))
}

fn buckets() -> String {
    HISTOGRAM_BUCKETS.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn envoy() -> String {
    let mut text = String::from(
        "# Labels and buckets of the filters' metrics: put this into the bootstrap of Envoy, at the top level. If the bootstrap has a\n\
         # `stats_config` already, add the entries to its lists. Envoy takes it only when it starts.\n\
         #\n\
         # Without `stats_tags` the labels stay in the metrics' names, which then contain `___`. Without the buckets everything slower\n\
         # than 3.6 seconds and every mail larger than 3.6 MB falls into the last one.\n\
         #\n\
         # Made by `cargo filterctl metrics --write`; do not edit.\n\
         stats_config:\n  stats_tags:\n",
    );
    let mut seen: Vec<&str> = Vec::new();
    let shared =
        [("Every filter", families::OF_FILTERS.iter().copied().chain(OBSERVER.label_names()).collect())];
    let groups = FAMILIES.iter().map(|family| (family.title, labels(family).collect::<Vec<_>>()));
    for (title, group) in shared.into_iter().chain(groups) {
        let new: Vec<&str> = group.into_iter().filter(|label| !seen.contains(label)).collect();
        if new.is_empty() {
            continue;
        }
        text.push_str(&format!("    # {title}\n"));
        for tag in stats_tags(new.iter().copied()) {
            text.push_str(&format!("    - {{ tag_name: {}, regex: '{}' }}\n", tag.tag_name, tag.regex));
        }
        seen.extend(new);
    }
    text.push_str("  histogram_bucket_settings:\n");
    for prefix in histogram_prefixes() {
        text.push_str(&format!("    - match: {{ prefix: {prefix} }}\n      buckets: [{}]\n", buckets()));
    }
    text
}

fn tag_names() -> Vec<String> {
    rules().into_iter().map(|tag| tag.tag_name).collect()
}

fn mesh_config() -> String {
    let mut text = String::from(
        "# Labels of the filters' metrics, for the whole mesh: values of the chart istio/istiod (`helm upgrade --values`), and also the\n\
         # `spec` of an IstioOperator. Proxies take it when their pods start anew.\n\
         #\n\
         # Buckets cannot be set here: Istio takes them as a pod annotation only, see istio-pod-annotations.yaml and\n\
         # istio-gateway-values.yaml.\n\
         #\n\
         # Made by `cargo filterctl metrics --write`; do not edit.\n\
         meshConfig:\n  defaultConfig:\n    extraStatTags:\n",
    );
    for name in tag_names() {
        text.push_str(&format!("      - {name}\n"));
    }
    text.push_str(&format!(
        "    # What Istio's proxies do not export by themselves: refused configurations, and connections by listener.\n    \
         proxyStatsMatcher:\n      inclusionPrefixes:\n        - {INCLUDED_PREFIX}\n      inclusionRegexps:\n        - '{INCLUDED_PATTERN}'\n"
    ));
    text
}

/// The annotations, each with what is behind it.
fn annotations(buckets: &str) -> [(&'static str, String); 4] {
    [
        ("sidecar.istio.io/extraStatTags", tag_names().join(",")),
        ("sidecar.istio.io/statsHistogramBuckets", format!("'{buckets}'")),
        ("sidecar.istio.io/statsInclusionPrefixes", INCLUDED_PREFIX.to_owned()),
        ("sidecar.istio.io/statsInclusionRegexps", format!("'{INCLUDED_PATTERN}'")),
    ]
}

fn istio_buckets() -> String {
    let bounds = buckets().replace(' ', "");
    let by_prefix = histogram_prefixes().map(|prefix| format!("\"{prefix}\":[{bounds}]"));
    format!("{{{}}}", by_prefix.collect::<Vec<_>>().join(","))
}

fn pod_annotations(buckets: &str) -> String {
    let mut text = String::from(
        "# Labels and buckets of the filters' metrics, for the pods of one Deployment with a sidecar:\n\
         #   kubectl patch deployment NAME --patch-file istio-pod-annotations.yaml\n\
         #\n\
         # The `statsInclusion` annotations take the place of what the mesh configuration says about the same: if yours says something,\n\
         # join them, separated by commas. `extraStatTags` is joined by Istio itself.\n\
         #\n\
         # Made by `cargo filterctl metrics --write`; do not edit.\n\
         spec:\n  template:\n    metadata:\n      annotations:\n",
    );
    for (name, value) in annotations(buckets) {
        text.push_str(&format!("        {name}: {value}\n"));
    }
    text
}

fn gateway_values(buckets: &str) -> String {
    let mut text = String::from(
        "# The same for a gateway: values of the chart istio/gateway (`helm upgrade --values`).\n\
         #\n\
         # Made by `cargo filterctl metrics --write`; do not edit.\n\
         podAnnotations:\n",
    );
    for (name, value) in annotations(buckets) {
        text.push_str(&format!("  {name}: {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::filters::FILTERS;

    fn read(name: &str) -> Value {
        let file = files().into_iter().find(|file| file.path.ends_with(name)).unwrap();
        serde_saphyr::from_str(&file.contents).unwrap()
    }

    #[test]
    fn envoy_gets_a_rule_for_every_label_of_every_filter() {
        let envoy = read("envoy-stats.yaml");
        let rules: Vec<(&str, &str)> = envoy["stats_config"]["stats_tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| (rule["tag_name"].as_str().unwrap(), rule["regex"].as_str().unwrap()))
            .collect();
        assert_eq!(rules.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>().len(), rules.len());
        for tag in FILTERS.iter().flat_map(crate::filters::Filter::stats_tags) {
            assert!(rules.contains(&(tag.tag_name.as_str(), tag.regex.as_str())), "{tag:?}");
        }
        let settings = envoy["stats_config"]["histogram_bucket_settings"].as_array().unwrap();
        let prefixes: Vec<&str> =
            settings.iter().map(|one| one["match"]["prefix"].as_str().unwrap()).collect();
        assert_eq!(prefixes, ["wasmcustom.smtp.", "wasmcustom.ldap."]);
        let bounds: Vec<f64> =
            settings[0]["buckets"].as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect();
        assert_eq!(bounds, HISTOGRAM_BUCKETS);
    }

    #[test]
    fn istio_is_told_the_same_in_each_form() {
        let mesh = read("istio-mesh-config.yaml");
        let config = &mesh["meshConfig"]["defaultConfig"];
        let tags: Vec<&str> =
            config["extraStatTags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        assert_eq!(tags, tag_names());
        let pods = read("istio-pod-annotations.yaml")["spec"]["template"]["metadata"]["annotations"].clone();
        assert_eq!(pods, read("istio-gateway-values.yaml")["podAnnotations"]);
        assert_eq!(
            pods["sidecar.istio.io/extraStatTags"].as_str().unwrap().split(',').collect::<Vec<_>>(),
            tags
        );
        let pattern = &config["proxyStatsMatcher"]["inclusionRegexps"][0];
        assert_eq!(&pods["sidecar.istio.io/statsInclusionRegexps"], pattern);
        // Istio cuts the annotation at commas.
        assert!(!pattern.as_str().unwrap().contains(','));
        let buckets: Value =
            serde_json::from_str(pods["sidecar.istio.io/statsHistogramBuckets"].as_str().unwrap()).unwrap();
        let bounds =
            buckets["wasmcustom.ldap."].as_array().unwrap().iter().map(|bound| bound.as_f64().unwrap());
        assert_eq!(bounds.collect::<Vec<_>>(), HISTOGRAM_BUCKETS);
    }
}
