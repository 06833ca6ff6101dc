//! How a bootstrap names statistics: without the rules a metric's name holds its labels.

use common_metrics::HISTOGRAM_BUCKETS;

use super::super::report::{Place, Report};
use crate::filters::Filter;

/// What Envoy puts in front of a module's metrics.
const PREFIX: &str = "wasmcustom.";

/// Most labels that a message names.
const NAMED: usize = 5;

/// Checks the rules for the metrics of these filters.
pub(super) fn check(bootstrap: &Place<'_>, filters: &[&'static Filter], report: &mut Report) {
    if filters.is_empty() {
        return;
    }
    let config = bootstrap.proto("stats_config");
    let place = config.as_ref().unwrap_or(bootstrap);
    let tags = config.as_ref().and_then(|config| config.proto("stats_tags"));
    let rules: Vec<Place<'_>> = tags.iter().flat_map(Place::items).collect();
    let mut missing: Vec<String> = Vec::new();
    for tag in filters.iter().flat_map(|filter| filter.stats_tags()) {
        let rule =
            rules.iter().find(|rule| rule.proto("tag_name").and_then(|it| it.text()) == Some(&tag.tag_name));
        match rule {
            None if !missing.contains(&tag.tag_name) => missing.push(tag.tag_name),
            Some(rule) if rule.text_of("regex") != Some(&tag.regex) => {
                let at = rule.get("regex").unwrap_or_else(|| rule.clone());
                report
                    .warning(&at, format!("this is not the rule of the label `{}`", tag.tag_name))
                    .suggest(format!("regex: '{}'", tag.regex));
            }
            _ => (),
        }
    }
    if !missing.is_empty() {
        let first: Vec<_> = missing.iter().take(NAMED).map(String::as_str).collect();
        let rest = missing.len().saturating_sub(NAMED);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        report
            .error(
                tags.as_ref().unwrap_or(place),
                format!(
                    "no stats_tags rule for the labels {}{rest}: names of metrics will hold `___` instead",
                    first.join(", ")
                ),
            )
            .suggest("copy stats_config from deploy/observability/envoy-stats.yaml");
    }
    buckets(place, config.as_ref(), report);
}

fn buckets(place: &Place<'_>, config: Option<&Place<'_>>, report: &mut Report) {
    let settings = config.and_then(|config| config.proto("histogram_bucket_settings"));
    let covers = |setting: &Place<'_>| {
        let matcher = setting.get("match");
        let prefix = matcher.as_ref().and_then(|matcher| matcher.text_of("prefix"));
        prefix.is_some_and(|prefix| PREFIX.starts_with(prefix) || prefix.starts_with(PREFIX))
            || matcher.as_ref().is_some_and(|matcher| matcher.proto("safe_regex").is_some())
    };
    let suggestion = "copy histogram_bucket_settings from deploy/observability/envoy-stats.yaml";
    let Some(setting) = settings.iter().flat_map(Place::items).find(covers) else {
        report
            .warning(
                settings.as_ref().unwrap_or(place),
                format!("no histogram_bucket_settings for {PREFIX}: Envoy's own end at 3600000, which is 3.6 s in microseconds"),
            )
            .suggest(suggestion);
        return;
    };
    let largest = HISTOGRAM_BUCKETS.iter().copied().fold(0.0, f64::max);
    let buckets = setting.get("buckets");
    let reaches = buckets.iter().flat_map(Place::items).filter_map(|bucket| bucket.node.json().as_f64());
    let reach = reaches.fold(0.0, f64::max);
    if reach < largest {
        report
            .warning(
                buckets.as_ref().unwrap_or(&setting),
                format!("the buckets end at {reach}, not at {largest}"),
            )
            .suggest(suggestion);
    }
}
