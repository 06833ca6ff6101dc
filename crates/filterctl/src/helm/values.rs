//! The chart's values: what `values.schema.json`, the chart's README and `filterctl config --for helm` are made from.
//!
//! Every object refuses unknown fields. What needs more than one field to be judged stands in the chart's
//! `templates/_rules.tpl`, where a refusal can say what to do.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels, annotations: names and texts.
pub type Texts = BTreeMap<String, String>;

/// All values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Values {
    /// The filters, one entry for each place and configuration.
    pub filters: Vec<FilterEntry>,
    /// What is known about Istio where the chart cannot ask a cluster.
    pub istio: Istio,
    /// Objects for Prometheus and Grafana. All of them are off unless asked for.
    pub monitoring: Monitoring,
    /// The pod of `helm test`.
    pub test: TestPod,
    /// Labels that every object gets besides its own.
    pub common_labels: Texts,
    /// Annotations that every object gets besides its own.
    pub common_annotations: Texts,
    /// What Helm hands to every subchart. Not read.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<serde_json::Value>,
}

/// One filter in one place with one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilterEntry {
    /// Names the objects, `<release>-<name>`, and is the label `stat_prefix` of every series unless `config` says another.
    /// Unique in the release.
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 40))]
    pub name: String,
    /// Which filter.
    pub filter: FilterName,
    /// Where it is put.
    pub placement: Placement,
    /// The kind of object that puts it there.
    #[serde(default)]
    pub api: Api,
    /// The namespace of the objects. It has to be the one of the pods, or Istio's root namespace. The release's unless said
    /// otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// The labels of the pods whose proxy gets the filter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: Texts,
    /// The Gateway API gateways or services that get the filter, instead of `selector`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_refs: Vec<TargetRef>,
    /// Puts the filter on every pod of the namespace that has such a listener. Needed where there is neither `selector` nor
    /// `targetRefs`, so that this never happens by a forgotten line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub namespace_wide: bool,
    /// The ports that the filter is put on. It is put on no other.
    #[schemars(length(min = 1))]
    pub listeners: Vec<Listener>,
    /// Where the module comes from. Exactly one of `oci`, `https` and `file`.
    pub source: Source,
    /// When Istio's agent asks the registry or server again. Istio decides by the tag unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PullPolicy")]
    pub image_pull_policy: Option<PullPolicy>,
    /// The secret of type `kubernetes.io/dockerconfigjson`, in the namespace of the pods, for a registry that asks who one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 253))]
    pub image_pull_secret: Option<String>,
    /// What happens to connections where the module cannot be fetched or its VM fails.
    #[serde(default)]
    pub fail_strategy: FailStrategy,
    /// Where Istio puts the filter among its own. In front of `tcp_proxy` unless said otherwise. Not for EnvoyFilter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Phase")]
    pub phase: Option<Phase>,
    /// The order among filters of one phase: the highest comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i32")]
    pub priority: Option<i32>,
    /// Names the VM that the filter runs in; filters of the same module and the same name share one, and fail together.
    /// EnvoyFilter only. Called as the object is unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub vm_id: Option<String>,
    /// Allows the module the host calls that it needs, and no other. EnvoyFilter only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restrict_capabilities: bool,
    /// The server outside the mesh that the listeners lead to. Makes a ServiceEntry, and with `placement: egress` the
    /// Gateway, DestinationRule and VirtualService that lead there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "External")]
    pub external: Option<External>,
    /// The filter's own configuration. `stat_prefix` and `reporter` are filled in where it does not say them.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub config: serde_json::Map<String, serde_json::Value>,
}

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+ }
    };
}

choice! {
    /// A filter of the suite.
    FilterName {
        /// Mail: SMTP and LMTP.
        Smtp = "smtp",
        /// Directories: LDAP.
        Ldap = "ldap",
    }
}

choice! {
    /// Where a filter is put.
    Placement {
        /// The sidecar of the server.
        SidecarInbound = "sidecar-inbound",
        /// The sidecar of the client.
        SidecarOutbound = "sidecar-outbound",
        /// A gateway that clients connect to.
        Gateway = "gateway",
        /// A gateway that clients in the mesh are led through to a server outside.
        Egress = "egress",
    }
}

choice! {
    /// The kind of object that puts a filter in its place.
    #[derive(Default)]
    Api {
        /// Istio 1.20 and later.
        #[default]
        WasmPlugin = "WasmPlugin",
        /// Istio 1.30 and later.
        TrafficExtension = "TrafficExtension",
        /// For what the others cannot do: `vmId`, `restrictCapabilities`.
        EnvoyFilter = "EnvoyFilter",
    }
}

choice! {
    /// When the module is fetched again.
    PullPolicy {
        /// When it is not in the agent's cache.
        IfNotPresent = "IfNotPresent",
        /// Whenever the object changes.
        Always = "Always",
    }
}

choice! {
    /// What happens where the module cannot run.
    #[derive(Default)]
    FailStrategy {
        /// Connections pass unmeasured.
        #[default]
        Open = "FAIL_OPEN",
        /// Connections are refused.
        Close = "FAIL_CLOSE",
        /// The VM is started again. Where the module cannot be fetched connections are refused. Istio 1.27 and later.
        Reload = "FAIL_RELOAD",
    }
}

choice! {
    /// Where Istio puts a filter among its own.
    Phase {
        /// In front of authentication.
        Authn = "AUTHN",
        /// In front of authorization.
        Authz = "AUTHZ",
        /// In front of Istio's own statistics.
        Stats = "STATS",
    }
}

choice! {
    /// How the addresses of an external server are found.
    #[derive(Default)]
    Resolution {
        /// By asking DNS for each of `hosts`.
        #[default]
        Dns = "DNS",
        /// They are `endpoints`.
        Static = "STATIC",
        /// The client has found them: connections go where the client sends them.
        None = "NONE",
    }
}

/// Something that Gateway API's `targetRefs` can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetRef {
    /// Its API group: `gateway.networking.k8s.io`, or nothing for a Service.
    #[serde(default)]
    pub group: String,
    /// Its kind.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Its name, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A port that a filter is put on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    /// The port of the Service; for a gateway, the port of its server.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Where it is another: the port of the pod; with `placement: egress` the port of the server outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u16", range(min = 1, max = 65535))]
    pub target_port: Option<u16>,
    /// What the Service calls the port. Only checked: Istio guesses the protocol of a port that is not called `tcp`, `tcp-…`,
    /// `tls` or `tls-…`, and a guess makes SMTP hang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub port_name: Option<String>,
    /// The port's `appProtocol` in the Service. Only checked: it goes before the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub app_protocol: Option<String>,
}

/// Where a module comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Source {
    /// An image: `registry/repository:tag` or `registry/repository@sha256:…`, with or without `oci://` in front.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub oci: Option<String>,
    /// The address of a `.wasm` file. Needs `sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub https: Option<String>,
    /// A `.wasm` file in the proxy's container, by its absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub file: Option<String>,
    /// In hexadecimal. For `https` the digest of the `.wasm` file; for `oci` the digest of the image's manifest. `digests.json`
    /// of a release has both.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = r"^[a-f0-9]{64}$"))]
    pub sha256: Option<String>,
}

/// A server outside the mesh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct External {
    /// Its names.
    #[schemars(length(min = 1))]
    pub hosts: Vec<String>,
    /// Its addresses or networks, as clients address it. With them other connections to the same port stay apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// How its addresses are found.
    #[serde(default)]
    pub resolution: Resolution,
    /// Its addresses for `resolution: STATIC`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// The egress gateway's Service, as a host name. `placement: egress` only; there
    /// `istio-egressgateway.istio-system.svc.cluster.local` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1))]
    pub gateway_service: Option<String>,
}

/// What is known about Istio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Istio {
    /// Istio's version, such as `1.31`. With it the chart refuses what that version cannot do. Needed where the manifests are
    /// rendered without a cluster; empty: not checked.
    #[schemars(regex(pattern = r"^$|^[0-9]+\.[0-9]+(\.[0-9]+)?$"))]
    pub version: String,
    /// Renders an `api` that the cluster does not serve.
    pub skip_api_check: bool,
}

/// Objects for Prometheus and Grafana.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Monitoring {
    /// The recording and alert rules, as a `PrometheusRule` of Prometheus operator.
    pub prometheus_rule: PrometheusRule,
    /// The dashboards, one ConfigMap for each, for Grafana's sidecar.
    pub dashboards: Dashboards,
    /// The settings that give the metrics their labels and buckets in Istio, as a ConfigMap to read and copy from.
    pub istio_stats: IstioStats,
}

/// The rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PrometheusRule {
    /// Whether they are made. Where the cluster does not have the kind they are left out, and the notes say so.
    pub enabled: bool,
    /// Whether the cluster is asked for the kind. `false` where the manifests are rendered without one.
    pub require_crd: bool,
    /// The namespace; the release's if empty.
    pub namespace: String,
    /// Labels by which Prometheus selects rules.
    pub labels: Texts,
    /// Annotations.
    pub annotations: Texts,
    /// What the alerts' `runbook_url` begins with, in place of the placeholder.
    pub runbook_base: String,
    /// Replaces thresholds of the alerts, by the label `of` of the rules in `files/prometheus/thresholds.yaml`.
    pub thresholds: BTreeMap<String, f64>,
}

impl Default for PrometheusRule {
    fn default() -> Self {
        Self {
            enabled: false,
            require_crd: true,
            namespace: String::new(),
            labels: Texts::new(),
            annotations: Texts::new(),
            runbook_base: String::new(),
            thresholds: BTreeMap::new(),
        }
    }
}

/// The dashboards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Dashboards {
    /// Whether they are made.
    pub enabled: bool,
    /// The namespace; the release's if empty.
    pub namespace: String,
    /// Labels by which Grafana's sidecar finds them.
    pub labels: Texts,
    /// Annotations, such as the folder.
    pub annotations: Texts,
}

impl Default for Dashboards {
    fn default() -> Self {
        Self {
            enabled: false,
            namespace: String::new(),
            // What Grafana's own chart tells its sidecar to look for.
            labels: Texts::from([("grafana_dashboard".to_owned(), "1".to_owned())]),
            annotations: Texts::new(),
        }
    }
}

/// The settings for Istio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IstioStats {
    /// Whether the ConfigMap is made.
    pub enabled: bool,
}

/// The pod of `helm test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TestPod {
    /// Whether there is one. It asks one proxy of each entry whether it exports the filter's series.
    pub enabled: bool,
    /// Its image: anything with `sh`, `wget` and `grep`.
    #[schemars(length(min = 1))]
    pub image: String,
    /// The secret for its image, if it needs one.
    pub image_pull_secret: String,
}

impl Default for TestPod {
    fn default() -> Self {
        Self {
            enabled: true,
            image: "docker.io/library/busybox:1.37".to_owned(),
            image_pull_secret: String::new(),
        }
    }
}
