//! Envoy's own metrics that are worth watching beside the filters': the only ones that dashboards and rules may use.
//!
//! Their names are those of Envoy 1.36 to 1.40 (looked up in a running one). Where Envoy puts the name of a plugin or of a
//! resource into the middle of a metric's name, and no label tells it, the metric is described by a pattern.

/// A metric of Envoy, or several whose names differ in the name of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct EnvoyMetric {
    /// How the reference and messages call it.
    pub name: &'static str,
    /// A PromQL pattern that matches the whole name, where it is not always the same.
    pub pattern: Option<&'static str>,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Its labels. Plain Envoy's begin with `envoy_`, Istio's do not.
    pub labels: &'static [&'static str],
    /// Whether an Istio proxy exports it unless told otherwise (read in Istio 1.31's bootstrap).
    pub istio: bool,
    /// What it tells.
    pub help: &'static str,
}

/// Connections that a listener has now.
pub const LISTENER_CONNECTIONS: EnvoyMetric = EnvoyMetric {
    name: "envoy_listener_downstream_cx_active",
    pattern: None,
    kind: "gauge",
    labels: &["envoy_listener_address", "listener_address"],
    istio: false,
    help: "Connections that a listener has now. Exact also after a VM was lost, when `connections_opened_total` minus \
           `connections_closed_total` is not.",
};

/// Modules started again after a trap.
pub const VM_RELOADS: EnvoyMetric = EnvoyMetric {
    name: "envoy_wasm_<plugin>_vm_reload_success",
    pattern: Some("envoy_wasm_.+_vm_reload_success"),
    kind: "counter",
    labels: &[],
    istio: true,
    help: "VMs that were lost to a trap and started again (`failure_policy: FAIL_RELOAD`). Every connection of such a VM was closed.",
};

/// Modules that could not be started again.
pub const VM_RELOAD_FAILURES: EnvoyMetric = EnvoyMetric {
    name: "envoy_wasm_<plugin>_vm_reload_failure",
    pattern: Some("envoy_wasm_.+_vm_reload_failure"),
    kind: "counter",
    labels: &[],
    istio: true,
    help: "VMs that were lost to a trap and could not be started again.",
};

/// Connections that came while a module was not yet to be started again.
pub const VM_RELOAD_BACKOFFS: EnvoyMetric = EnvoyMetric {
    name: "envoy_wasm_<plugin>_vm_reload_backoff",
    pattern: Some("envoy_wasm_.+_vm_reload_backoff"),
    kind: "counter",
    labels: &[],
    istio: true,
    help: "Times that a lost VM was not started again yet, because the last start was too recent.",
};

/// Instances of V8 that run now.
pub const VMS_ACTIVE: EnvoyMetric = EnvoyMetric {
    name: "envoy_wasm_envoy_wasm_runtime_v8_active",
    pattern: None,
    kind: "gauge",
    labels: &[],
    istio: true,
    help: "Wasm VMs and their copies that run now: per `vm_id` one for each worker, one for the main thread and one to copy from.",
};

/// Modules that could not be fetched.
pub const FETCH_FAILURES: EnvoyMetric = EnvoyMetric {
    name: "envoy_wasm_remote_load_fetch_failures",
    pattern: None,
    kind: "counter",
    labels: &[],
    istio: true,
    help: "Modules that Envoy itself could not fetch. Under Istio the agent fetches them, and this stays 0.",
};

/// Extension configurations taken.
pub const ECDS_RELOADS: EnvoyMetric = EnvoyMetric {
    name: "envoy_extension_config_discovery_network_filter_<resource>_config_reload",
    pattern: Some("envoy_extension_config_discovery_network_filter_.+_config_reload"),
    kind: "counter",
    labels: &[],
    istio: false,
    help: "Configurations of a filter that arrived by ECDS and were taken.",
};

/// Extension configurations refused.
pub const ECDS_REJECTED: EnvoyMetric = EnvoyMetric {
    name: "envoy_extension_config_discovery_network_filter_<resource>_config_fail",
    pattern: Some("envoy_extension_config_discovery_network_filter_.+_config_fail"),
    kind: "counter",
    labels: &[],
    istio: false,
    help: "Configurations of a filter that arrived by ECDS and were refused: the one before goes on. The log says why.",
};

/// Listener updates refused.
pub const LDS_REJECTED: EnvoyMetric = EnvoyMetric {
    name: "envoy_listener_manager_lds_update_rejected",
    pattern: None,
    kind: "counter",
    labels: &[],
    istio: true,
    help: "Updates of listeners that Envoy refused, for instance because a filter in them refused its configuration. \
           Exists where listeners come by LDS.",
};

/// Connections refused for want of a filter's configuration.
pub const CONFIGURATION_MISSING: EnvoyMetric = EnvoyMetric {
    name: "envoy_listener_network_extension_config_missing",
    pattern: None,
    kind: "counter",
    labels: &["envoy_listener_address", "listener_address"],
    istio: false,
    help: "Connections that were closed because a filter's configuration had not come by ECDS yet.",
};

/// All of them.
pub const ENVOY_METRICS: [EnvoyMetric; 10] = [
    LISTENER_CONNECTIONS,
    VM_RELOADS,
    VM_RELOAD_FAILURES,
    VM_RELOAD_BACKOFFS,
    VMS_ACTIVE,
    FETCH_FAILURES,
    ECDS_RELOADS,
    ECDS_REJECTED,
    LDS_REJECTED,
    CONFIGURATION_MISSING,
];
