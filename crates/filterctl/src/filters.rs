//! The filters of the suite, as the tool knows them.

use std::fmt;

use common_metrics::{Catalogue, StatsTag, stats_tags};
use envoy_sdk::Result;
use ldap_filter::Ldap;
use session_driver::{check_config, config_schema};
use smtp_filter::Smtp;

use crate::display::{LDAP, Layout, SMTP};
use crate::metrics::families;

/// What a network filter of the suite needs of Envoy. Its module imports more, for kinds of extension that it does not
/// contain: those it never calls.
const NETWORK_FILTER: &[&str] = &[
    // What Envoy calls.
    "proxy_on_vm_start",
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_new_connection",
    "proxy_on_downstream_data",
    "proxy_on_upstream_data",
    "proxy_on_downstream_connection_close",
    "proxy_on_upstream_connection_close",
    "proxy_on_done",
    "proxy_on_log",
    "proxy_on_delete",
    "proxy_on_tick",
    // What the module calls.
    "proxy_log",
    "proxy_get_log_level",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_property",
    "proxy_set_property",
    "proxy_get_buffer_bytes",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_close_stream",
    // For a close that has to wait until a callback is over.
    "proxy_set_tick_period_milliseconds",
    "proxy_set_effective_context",
    // For a random key of `identities: hmac`, which all workers share.
    "random_get",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
];

/// One filter.
#[derive(Clone, Copy)]
pub struct Filter {
    /// Its short name: `smtp`. Also its `root_id` and the beginning of its metrics' names.
    pub name: &'static str,
    /// The package that makes its module.
    pub package: &'static str,
    /// What it stands before: `mail server`.
    pub server: &'static str,
    /// What a listener with it is called: `mail`.
    pub listener: &'static str,
    /// Its metrics.
    pub catalogue: &'static Catalogue,
    /// Which of them are shown while they change.
    pub layout: &'static Layout,
    /// What its module needs of Envoy: the host calls that it imports and the callbacks that have to reach it. Where
    /// a plugin's capabilities are restricted, these are the ones to allow.
    pub capabilities: &'static [&'static str],
    /// Checks a configuration, strictly.
    check: fn(&[u8]) -> Result<()>,
    /// The JSON Schema of its configuration.
    schema: fn() -> serde_json::Value,
}

/// All filters.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "smtp",
        package: "smtp-filter",
        server: "mail server",
        listener: "mail",
        catalogue: &smtp_filter::catalogue::SMTP,
        layout: &SMTP,
        capabilities: NETWORK_FILTER,
        check: check_config::<Smtp>,
        schema: config_schema::<Smtp>,
    },
    Filter {
        name: "ldap",
        package: "ldap-filter",
        server: "directory",
        listener: "directory",
        catalogue: &ldap_filter::catalogue::LDAP,
        layout: &LDAP,
        capabilities: NETWORK_FILTER,
        check: check_config::<Ldap>,
        schema: config_schema::<Ldap>,
    },
];

impl Filter {
    /// The filter of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FILTERS.iter().find(|filter| filter.name == name)
    }

    /// Checks a configuration as the filter itself would, except that unknown fields are always refused.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn check(&self, configuration: &[u8]) -> Result<()> {
        (self.check)(configuration)
    }

    /// The JSON Schema of the configuration.
    pub fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }

    /// The tag rules that give this filter's metrics, and the SDK's, their labels.
    pub fn stats_tags(&self) -> Vec<StatsTag> {
        let own = self.catalogue.label_names();
        stats_tags(families::OF_FILTERS.iter().copied().chain(own).chain(sdk_labels()))
    }
}

/// The labels of what the SDK counts in every module.
pub(crate) fn sdk_labels() -> impl Iterator<Item = &'static str> {
    [families::VM, families::SDK]
        .into_iter()
        .flat_map(|family| family.labels.iter().copied().chain(family.catalogue.label_names()))
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({})", self.name)
    }
}
