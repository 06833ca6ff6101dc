//! The catalogues as Prometheus shows them: each metric with the filter's name in front, and with the labels that every
//! series has.

use common_metrics::{Catalogue, Metric, MetricSpec};

/// The labels that every series of a filter carries: which listener, as the configuration names it, and which hop.
pub(crate) const OF_FILTERS: &[&str] = &["stat_prefix", "reporter"];

/// A catalogue, and what its series have in common.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What counts this: `The SMTP filter`.
    pub title: &'static str,
    /// What is counted.
    pub catalogue: &'static Catalogue,
    /// The labels that every series carries, before the metric's own.
    pub labels: &'static [&'static str],
}

/// What the SMTP filter counts.
pub const SMTP: Family =
    Family { title: "The SMTP filter", catalogue: &smtp_filter::catalogue::SMTP, labels: OF_FILTERS };

/// What the LDAP filter counts.
pub const LDAP: Family =
    Family { title: "The LDAP filter", catalogue: &ldap_filter::catalogue::LDAP, labels: OF_FILTERS };

/// What the SDK counts about each extension.
pub const SDK: Family =
    Family { title: "The SDK", catalogue: &envoy_sdk::catalogue::SDK, labels: &["extension"] };

/// What the SDK counts about each version of a module.
pub const VM: Family = Family {
    title: "The SDK, by module version",
    catalogue: &envoy_sdk::catalogue::VM,
    labels: &["extension", "version", "panic"],
};

/// All of them.
pub const FAMILIES: [Family; 4] = [SMTP, LDAP, SDK, VM];

impl Family {
    /// A metric's name as Prometheus shows it: `smtp_commands_total`.
    #[must_use]
    pub fn name(&self, metric: &impl Metric) -> String {
        self.spec_name(metric.spec())
    }

    /// The same for what has been taken from the catalogue.
    #[must_use]
    pub fn spec_name(&self, metric: &MetricSpec) -> String {
        format!("{}_{}", self.catalogue.filter, metric.name)
    }

    /// The labels of a metric's series, in the order in which they stand in its name in Envoy.
    #[must_use]
    pub fn labels_of(&self, metric: &MetricSpec) -> Vec<&'static str> {
        let own = metric.dimensions.iter().map(|dimension| dimension.name);
        self.labels.iter().copied().chain(own).collect()
    }

    /// The metric of this name, as Prometheus shows it, and its family.
    #[must_use]
    pub fn find(name: &str) -> Option<(Self, &'static MetricSpec)> {
        FAMILIES.into_iter().find_map(|family| {
            let metric = family.catalogue.metrics().find(|metric| family.spec_name(metric) == name)?;
            Some((family, metric))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use common_metrics::stats_tags;

    use super::*;
    use crate::filters::FILTERS;

    #[test]
    fn every_filter_is_a_family() {
        for filter in FILTERS {
            assert!(FAMILIES.iter().any(|family| family.catalogue.filter == filter.name), "{filter:?}");
        }
    }

    /// One Envoy carries all of them, and takes each rule for every name.
    #[test]
    fn no_label_of_any_family_ends_like_another() {
        let labels: BTreeSet<&str> = FAMILIES
            .iter()
            .flat_map(|family| family.labels.iter().copied().chain(family.catalogue.label_names()))
            .collect();
        assert_eq!(stats_tags(labels.iter().copied()).len(), labels.len());
        for long in &labels {
            let suffix = labels.iter().find(|short| *short != long && long.ends_with(**short));
            assert_eq!(suffix, None, "{long}");
        }
    }

    #[test]
    fn no_name_belongs_to_two_metrics() {
        let names: Vec<String> = FAMILIES
            .iter()
            .flat_map(|family| family.catalogue.metrics().map(|metric| family.spec_name(metric)))
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn a_metric_is_found_by_the_name_that_prometheus_shows() {
        let (family, metric) = Family::find("smtp_replies_total").unwrap();
        assert_eq!(family.labels_of(metric), ["stat_prefix", "reporter", "verb", "class"]);
        assert_eq!(family.name(&smtp_filter::catalogue::REPLIES), "smtp_replies_total");
        assert!(Family::find("smtp_nonsense").is_none());
    }
}
