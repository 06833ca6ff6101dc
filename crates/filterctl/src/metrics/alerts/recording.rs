//! Recording rules: what alerts, and people who write queries by hand, would otherwise compute again and again.

use ldap_filter::catalogue as ldap_metrics;
use session_driver::BYTES;
use smtp_filter::catalogue as smtp_metrics;

use super::series::{Series, by, ldap, smtp, sum};
use crate::metrics::envoy::{self, EnvoyMetric};
use crate::metrics::families::{Family, LDAP, SMTP};

/// VMs that were lost and made anew, by plugin: Envoy has its name within the metric's.
pub(super) const VM_RELOADS: &str = "instance_plugin:envoy_wasm_vm_reloads:sum";
/// The same for those that could not be made anew.
pub(super) const VM_RELOAD_FAILURES: &str = "instance_plugin:envoy_wasm_vm_reload_failures:sum";
/// Configurations that were refused, by resource: likewise.
pub(super) const ECDS_REJECTED: &str = "instance_resource:envoy_ecds_rejected:sum";

/// A recording rule.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it records.
    pub record: String,
    /// As what: PromQL.
    pub expression: String,
    /// What that is.
    pub help: &'static str,
}

/// All of them.
#[must_use]
pub fn recordings() -> Vec<Recording> {
    let mut all = vec![
        rate(&smtp(&smtp_metrics::TRANSACTIONS), &["outcome"], "mails per second, by outcome"),
        rate(&smtp(&smtp_metrics::REFUSALS), &["reason"], "refusals per second, by reason"),
        rate(
            &smtp(&smtp_metrics::REPLIES),
            &["verb", "class"],
            "replies per second, by what they answer and class",
        ),
        rate(&ldap(&ldap_metrics::REQUESTS), &["operation"], "requests per second, by operation"),
        rate(&ldap(&ldap_metrics::RESPONSES), &["operation", "outcome"], "final responses per second"),
        rate(&ldap(&ldap_metrics::BIND_FAILURES), &["reason"], "failed binds per second, by reason"),
    ];
    for quantile in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        all.push(latency(
            &smtp(&smtp_metrics::END_OF_DATA_LATENCY),
            &[],
            quantile,
            "end of a mail to its reply, microseconds",
        ));
        all.push(latency(
            &ldap(&ldap_metrics::OPERATION_LATENCY),
            &["operation"],
            quantile,
            "request to final response, microseconds",
        ));
    }
    all.extend([SMTP, LDAP].map(visible));
    all.push(by_name(VM_RELOADS, &envoy::VM_RELOADS, "plugin", "VMs that were lost to a trap and made anew"));
    all.push(by_name(
        VM_RELOAD_FAILURES,
        &envoy::VM_RELOAD_FAILURES,
        "plugin",
        "VMs that were lost and could not be made anew",
    ));
    all.push(by_name(
        ECDS_REJECTED,
        &envoy::ECDS_REJECTED,
        "resource",
        "configurations that came by ECDS and were refused",
    ));
    all
}

fn rate(of: &Series, labels: &[&str], help: &'static str) -> Recording {
    let name = of.to_string();
    let name = name.strip_suffix("_total").unwrap_or(&name);
    Recording {
        record: format!("{}:{name}:rate5m", level(labels)),
        expression: sum(labels, &format!("rate({of}[5m])")),
        help,
    }
}

fn latency(of: &Series, labels: &[&str], (name, quantile): (&str, f64), help: &'static str) -> Recording {
    Recording {
        record: format!("{}:{of}:{name}_5m", level(labels)),
        expression: super::series::quantile(quantile, of, "5m", labels),
        help,
    }
}

fn visible(family: Family) -> Recording {
    let bytes = Series::of(family, &BYTES);
    let total = |series: &Series| sum(&[], &format!("rate({series}[5m])"));
    Recording {
        record: format!("{}:{}_visible_bytes:ratio_rate5m", level(&[]), family.catalogue.filter),
        expression: format!("{}\n  / {}", total(&bytes.clone().is("visibility", "parsed")), total(&bytes)),
        help: "share of the octets that the filter looks into",
    }
}

/// What Envoy names after a plugin or resource, with that name as a label.
fn by_name(record: &str, metric: &EnvoyMetric, label: &str, help: &'static str) -> Recording {
    let pattern = metric.pattern.unwrap_or(metric.name);
    let captured = pattern.replacen(".+", "(.+)", 1);
    Recording {
        record: record.to_owned(),
        expression: format!(
            "sum by (job, instance, {label}) (\n  \
             label_replace({{__name__=~\"{pattern}\"}}, \"{label}\", \"$1\", \"__name__\", \"{captured}\")\n)"
        ),
        help,
    }
}

/// The first part of a record's name: the labels that it has.
fn level(labels: &[&str]) -> String {
    by(labels).replace(", ", "_")
}
