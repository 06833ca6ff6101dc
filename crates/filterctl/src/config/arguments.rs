//! What is asked of `filterctl config smtp`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::listener::{Listener, Server, Source, sha256};
use crate::filters::Filter;
use crate::per_filter::About;

/// What the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Target {
    /// Envoy itself.
    Envoy,
    /// Istio: a resource per listener.
    Istio,
    /// The Helm chart: its values.
    Helm,
}

/// How much of an Envoy configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// All of it: Envoy starts with it.
    Bootstrap,
    /// The filter, for a filter chain that is there already.
    Filter,
}

/// The kind of Istio's resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Api {
    /// Every Istio since 1.20.
    #[default]
    #[value(name = "WasmPlugin", alias = "wasmplugin")]
    WasmPlugin,
    /// Its successor, since Istio 1.30.
    #[value(name = "TrafficExtension", alias = "trafficextension")]
    TrafficExtension,
    /// Envoy's configuration as it is: a VM per listener, restricted capabilities.
    #[value(name = "EnvoyFilter", alias = "envoyfilter")]
    EnvoyFilter,
}

impl Api {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::WasmPlugin => "WasmPlugin",
            Self::TrafficExtension => "TrafficExtension",
            Self::EnvoyFilter => "EnvoyFilter",
        }
    }
}

/// Where in the mesh the filter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Placement {
    /// The sidecar of a server.
    #[default]
    SidecarInbound,
    /// The sidecar of a client.
    SidecarOutbound,
    /// A gateway for what comes in.
    Gateway,
    /// A gateway for what goes out.
    Egress,
}

impl Placement {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::SidecarInbound => "sidecar-inbound",
            Self::SidecarOutbound => "sidecar-outbound",
            Self::Gateway => "gateway",
            Self::Egress => "egress",
        }
    }
}

/// What happens to connections once the filter cannot be had or its VM has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Failure {
    /// They pass without the filter.
    Open,
    /// A new VM is made, after a back-off.
    Reload,
    /// They are closed.
    Closed,
}

/// What `filterctl config smtp` is asked.
#[derive(Clone, Debug, Args)]
pub(super) struct Make {
    /// Prints the JSON Schema of the filter's configuration, and nothing else.
    #[arg(long, exclusive = true)]
    pub(super) schema: bool,

    /// What the configuration is for.
    #[arg(long = "for", value_name = "TARGET", required_unless_present = "schema")]
    pub(super) target: Option<Target>,

    /// Where clients connect: a port, or with a name and an address, such as relay=0.0.0.0:25. Once per listener. In Istio the
    /// Service's port; where the workload has another, 587/1587.
    #[arg(
        long = "listener",
        value_name = "[NAME=][ADDRESS:]PORT[/PORT]",
        required_unless_present = "schema"
    )]
    pub(super) listeners: Vec<Listener>,

    /// The server behind Envoy: of all listeners, or of one, such as relay=mail.example.com:25.
    #[arg(long = "upstream", value_name = "[LISTENER=]HOST[:PORT]")]
    pub(super) servers: Vec<Server>,

    /// The label stat_prefix of every metric. By default the listener's name; of several listeners, what stands in front of
    /// their names.
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub(super) stat_prefix: Option<String>,

    /// The label reporter: auto, inbound, outbound, gateway or unspecified.
    #[arg(long, value_name = "HOP")]
    pub(super) reporter: Option<String>,

    /// How many metrics: summary or detailed.
    #[arg(long, value_name = "LEVEL")]
    pub(super) level: Option<String>,

    /// The filter's own configuration, JSON or YAML. The options above go before it.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Where the module comes from: a file beside Envoy (/etc/envoy/…), oci://… or https://…
    #[arg(long, value_name = "SOURCE")]
    pub(super) source: Option<Source>,

    /// The checksum of what the source gives: of the module for https, of the manifest for oci.
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    pub(super) sha256: Option<String>,

    /// What happens to connections once the filter cannot be had or its VM has failed. By default reload for Envoy, open
    /// for Istio and Helm.
    #[arg(long, value_name = "POLICY")]
    pub(super) failure: Option<Failure>,

    /// Envoy: how much of a configuration. By default all that Envoy needs to start.
    #[arg(long, value_name = "PART")]
    pub(super) part: Option<Part>,

    /// Envoy: a connection that is silent for so long is closed, such as 15m; 0s for never. By default 15m for mail, never for
    /// directories.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) idle_timeout: Option<std::time::Duration>,

    /// Envoy: a listener, by its name or port, where Envoy ends TLS. The filter sees clear text there.
    #[arg(long = "tls", value_name = "LISTENER", requires_all = ["certificate", "key"])]
    pub(super) tls: Vec<String>,

    /// Envoy: the certificate for --tls, with its chain: a PEM file beside Envoy.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(super) certificate: Option<String>,

    /// Envoy: the private key for --tls: a PEM file beside Envoy.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(super) key: Option<String>,

    /// Envoy: a listener, by its name or port, behind which the server is spoken to in TLS.
    #[arg(long = "upstream-tls", value_name = "LISTENER", requires = "authority")]
    pub(super) upstream_tls: Vec<String>,

    /// Envoy: who has to have signed the server's certificate, for --upstream-tls: a PEM file beside Envoy.
    #[arg(long, value_name = "FILE", requires = "upstream_tls")]
    pub(super) authority: Option<String>,

    /// Istio, Helm: the kind of resource.
    #[arg(long, value_name = "KIND", ignore_case = true)]
    pub(super) api: Option<Api>,

    /// Istio, Helm: where in the mesh. By default sidecar-inbound.
    #[arg(long, value_name = "PLACE")]
    pub(super) placement: Option<Placement>,

    /// Istio, Helm: a label of the pods whose proxies get the filter, such as app=postfix. All of them have to hold.
    #[arg(long = "selector", value_name = "LABEL=VALUE", value_parser = pair)]
    pub(super) selector: Vec<(String, String)>,

    /// Istio, Helm: the gateway or waypoint that gets the filter, a Gateway of the Gateway API, instead of --selector.
    #[arg(long, value_name = "GATEWAY", conflicts_with = "selector")]
    pub(super) target_gateway: Option<String>,

    /// Istio, Helm: the namespace of the resources. By default none is said.
    #[arg(long, value_name = "NAME")]
    pub(super) namespace: Option<String>,

    /// Writes to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

impl About for Make {
    fn about(filter: &Filter) -> String {
        format!("Writes a configuration with the {} for a {}", filter.package, filter.server)
    }
}

fn label(text: &str) -> Result<String, String> {
    if common_metrics::is_label_value(text) {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 64 of A-Z a-z 0-9 _ -".to_owned())
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((label, value)) if !label.is_empty() => Ok((label.to_owned(), value.to_owned())),
        _ => Err("LABEL=VALUE, such as app=postfix, would be right".to_owned()),
    }
}
