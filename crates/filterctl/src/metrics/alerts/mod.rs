//! Recording rules and alerts for Prometheus, with their tests: declared here, written into
//! `deploy/observability/prometheus/`.
//!
//! Every expression about a filter keeps the labels `stat_prefix` and `reporter`. So an alert speaks of one listener as one
//! hop sees it, and a mail that passes three hops is never counted thrice.

mod alert;
mod case;
mod envoy;
mod files;
mod forms;
mod ldap;
mod observer;
mod recording;
mod series;
mod smtp;
mod smtp_peers;
mod threshold;

pub use alert::{Alert, RUNBOOK_BASE, Severity};
pub use case::{Case, Span, tests};
pub use files::{Group, alert_groups, files, write_alerts, write_recordings, write_thresholds};
pub use recording::{Recording, recordings};
pub use threshold::{THRESHOLDS, Threshold};

/// Every alert.
#[must_use]
pub fn alerts() -> Vec<Alert> {
    alert_groups().into_iter().flat_map(|group| group.alerts).collect()
}

#[cfg(test)]
mod tests;
