//! A configuration for Envoy itself, as the samples in `deploy/envoy` are: a whole bootstrap, or the filter alone.

use std::time::Duration;

use common_metrics::HISTOGRAM_BUCKETS;
use serde_json::{Value, json};

use super::answers::{Answers, Place};
use super::arguments::{Failure, Part};
use super::listener::Source;
use super::plugin_config;
use super::yaml::{Entry, Yaml};
use crate::filters::Filter;

/// The type of a network filter that is a Wasm module.
pub(super) const NETWORK_WASM: &str = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm";
/// The type of a string that is passed on as it is.
pub(super) const STRING: &str = "type.googleapis.com/google.protobuf.StringValue";
const TCP_PROXY: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const DOWNSTREAM_TLS: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const UPSTREAM_TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

/// Octets that Envoy buffers per connection and direction.
const BUFFER: u32 = 32_768;
/// Most connections to one server. Envoy's default is 1,024.
const CONNECTIONS: u32 = 10_000;
/// Longer than the longest wait of RFC 5321, 4.5.3.2.
const IDLE_MAIL: Duration = Duration::from_secs(900);

/// The text of the file.
pub(super) fn file(answers: &Answers) -> String {
    match (answers.part, answers.listeners.first()) {
        (Part::Filter, Some(place)) => {
            let says = "The filter, for `filters` of a filter chain: in front of envoy.filters.network.tcp_proxy.\n\
                        Its metrics get their labels by stats_config: `filterctl metrics` prints it.";
            Yaml::List(vec![Entry::said(says, filter(answers, place))]).document()
        }
        _ => bootstrap(answers).document(),
    }
}

fn bootstrap(answers: &Answers) -> Yaml {
    let name = format!("{}-edge", if answers.filter.name == "smtp" { "mail" } else { "directory" });
    let change = changes(answers);
    let admin = Yaml::map().said(
        "Loopback only: whoever reaches this port can stop Envoy.",
        "address",
        Yaml::map().with(
            "socket_address",
            Yaml::fields([("address", "127.0.0.1".into()), ("port_value", 9901.into())]),
        ),
    );
    let listeners = answers.listeners.iter().map(|place| listener(answers, place));
    let clusters = answers.listeners.iter().map(|place| cluster(answers, place));
    Yaml::map()
        .said(
            &change,
            "node",
            Yaml::fields([("id", name.as_str().into()), ("cluster", name.as_str().into())]),
        )
        .with("admin", admin)
        .said(
            "Histograms are brought up to date by whoever reads them, not every five seconds.",
            "stats_flush_on_admin",
            json!(true),
        )
        .with("stats_config", stats_config(answers.filter))
        .with(
            "static_resources",
            Yaml::map().with("listeners", Yaml::list(listeners)).with("clusters", Yaml::list(clusters)),
        )
}

/// What stands at the top: what somebody has to change before Envoy starts.
fn changes(answers: &Answers) -> String {
    let mut lines = vec![
        format!("Envoy with the {} in front of a {}.", answers.filter.package, answers.filter.server),
        String::new(),
    ];
    let unsaid: Vec<&str> = answers
        .listeners
        .iter()
        .filter(|place| !place.is_host_said)
        .map(|place| place.name.as_str())
        .collect();
    if !unsaid.is_empty() {
        lines.push(format!("Change: the server's address in the clusters {}.", unsaid.join(", ")));
    }
    if let Source::File(path) = &answers.source {
        lines.push(format!("Needed: {path}, the module of the release."));
    }
    lines.push("Start:  envoy -c FILE".to_owned());
    lines.push("Look:   http://127.0.0.1:9901/stats/prometheus".to_owned());
    lines.join("\n")
}

fn stats_config(filter: &Filter) -> Yaml {
    let tags = filter.stats_tags().into_iter();
    let tags = tags.map(|tag| Yaml::fields([("tag_name", tag.tag_name.into()), ("regex", tag.regex.into())]));
    #[allow(clippy::cast_possible_truncation)]
    let buckets: Vec<Value> = HISTOGRAM_BUCKETS.iter().map(|bucket| json!(*bucket as i64)).collect();
    let setting =
        Yaml::map().with("match", json!({"prefix": "wasmcustom."})).with("buckets", Value::Array(buckets));
    Yaml::map()
        .said("What turns names of statistics into metrics with labels.", "stats_tags", Yaml::list(tags))
        .said(
            "One set of buckets for durations in microseconds and sizes in bytes. Envoy's own end too early.",
            "histogram_bucket_settings",
            Yaml::list([setting]),
        )
}

fn listener(answers: &Answers, place: &Place) -> Yaml {
    let address =
        Yaml::fields([("address", place.address.to_string().into()), ("port_value", place.port.into())]);
    let option = |level: u8, name: u8, value: u16| {
        Yaml::fields([("level", level.into()), ("name", name.into()), ("int_value", value.into())])
    };
    let chain = match (&answers.certificate, place.tls) {
        (Some((certificate, key)), true) => Yaml::map()
            .with("transport_socket", downstream_tls(certificate, key))
            .said(
                "For the handshake. Without it, a client that never begins one holds its connection for good.",
                "transport_socket_connect_timeout",
                "15s",
            ),
        _ => Yaml::map(),
    };
    let chain = chain.with("filters", Yaml::list([filter(answers, place), tcp_proxy(answers, place)]));
    Yaml::map()
        .with("name", place.name.as_str())
        .with("stat_prefix", place.name.as_str())
        .with("address", Yaml::map().with("socket_address", address))
        .with("per_connection_buffer_limit_bytes", json!(BUFFER))
        .said(
            "TCP keepalive on Linux: a client that vanished without a word is noticed after 5 minutes of silence and 4\n\
             unanswered probes, 30 seconds apart.",
            "socket_options",
            Yaml::list([option(1, 9, 1), option(6, 4, 300), option(6, 5, 30), option(6, 6, 4)]),
        )
        .with("filter_chains", Yaml::list([chain]))
}

/// The filter's entry in a filter chain.
fn filter(answers: &Answers, place: &Place) -> Yaml {
    let name = format!("{}-{}", place.name, answers.filter.name);
    let typed = Yaml::map().with("@type", NETWORK_WASM).with("config", plugin(answers, place, &name));
    Yaml::map().with("name", name.as_str()).with("typed_config", typed)
}

/// The `PluginConfig`.
fn plugin(answers: &Answers, place: &Place, name: &str) -> Yaml {
    let Source::File(path) = &answers.source else { return Yaml::map() };
    let vm = Yaml::map()
        .said(
            "One per listener: a crash then costs the connections of this listener (and worker) only.",
            "vm_id",
            name,
        )
        .with("runtime", "envoy.wasm.runtime.v8")
        .with("code", Yaml::map().with("local", Yaml::map().with("filename", path.as_str())));
    Yaml::map()
        .with("name", name)
        .said("Which filter of the module.", "root_id", answers.filter.name)
        .said(
            "What happens to new connections once the filter's VM has failed.",
            "failure_policy",
            policy(answers.failure),
        )
        .with("vm_config", vm)
        .said(
            "What the module may call and be called with: just what it needs.",
            "capability_restriction_config",
            capabilities(answers.filter),
        )
        .said(
            "JSON text. A protobuf Struct is not understood here by Envoy itself.",
            "configuration",
            Yaml::map().with("@type", STRING).with("value", Yaml::Block(plugin_config::json(&place.config))),
        )
}

/// The `failure_policy` of that name.
pub(super) fn policy(failure: Failure) -> &'static str {
    match failure {
        Failure::Open => "FAIL_OPEN",
        Failure::Reload => "FAIL_RELOAD",
        Failure::Closed => "FAIL_CLOSED",
    }
}

/// The `capability_restriction_config` of a filter.
pub(super) fn capabilities(filter: &Filter) -> Yaml {
    let names = filter.capabilities.iter();
    let allowed = names.fold(Yaml::map(), |map, name| map.with(name, json!({})));
    Yaml::map().with("allowed_capabilities", allowed)
}

fn tcp_proxy(answers: &Answers, place: &Place) -> Yaml {
    let is_mail = answers.filter.name == "smtp";
    let (default, why) = if is_mail {
        (
            IDLE_MAIL,
            "Longer than the longest wait of RFC 5321, 4.5.3.2 (10 minutes, after the end of a message).",
        )
    } else {
        (Duration::ZERO, "Off: pools stay open for days. Peers that are gone are found by TCP keepalive.")
    };
    let idle = answers.idle_timeout.unwrap_or(default);
    let why = if answers.idle_timeout.is_none() { why } else { "" };
    let typed = Yaml::map()
        .with("@type", TCP_PROXY)
        .with("stat_prefix", place.name.as_str())
        .with("cluster", place.name.as_str())
        .said(why, "idle_timeout", seconds(idle));
    Yaml::map().with("name", "envoy.filters.network.tcp_proxy").with("typed_config", typed)
}

/// A duration as protobuf's JSON writes it.
fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        millis => format!("{}.{millis:03}s", duration.as_secs()),
    }
}

fn cluster(answers: &Answers, place: &Place) -> Yaml {
    let says = if place.is_host_said { "" } else { "Change: the server." };
    let is_address = place.host.parse::<std::net::IpAddr>().is_ok();
    let address =
        Yaml::fields([("address", place.host.as_str().into()), ("port_value", place.host_port.into())]);
    let endpoint = Yaml::map()
        .with("endpoint", Yaml::map().with("address", Yaml::map().said(says, "socket_address", address)));
    let assignment = Yaml::map()
        .with("cluster_name", place.name.as_str())
        .with("endpoints", Yaml::list([Yaml::map().with("lb_endpoints", Yaml::list([endpoint]))]));
    let thresholds =
        Yaml::fields([("max_connections", CONNECTIONS.into()), ("max_pending_requests", CONNECTIONS.into())]);
    let keepalive = Yaml::fields([
        ("keepalive_time", 300.into()),
        ("keepalive_interval", 30.into()),
        ("keepalive_probes", 4.into()),
    ]);
    let cluster = Yaml::map().with("name", place.name.as_str());
    let cluster = if is_address {
        cluster.with("type", "STATIC")
    } else {
        cluster
            .said("Every address of the name is a server of its own.", "type", "STRICT_DNS")
            .with("dns_lookup_family", "V4_PREFERRED")
    };
    let cluster = cluster
        .with("connect_timeout", "5s")
        .with("per_connection_buffer_limit_bytes", json!(BUFFER))
        .with("upstream_connection_options", Yaml::map().with("tcp_keepalive", keepalive))
        .said(
            "Envoy's default is 1,024 connections.",
            "circuit_breakers",
            Yaml::map().with("thresholds", Yaml::list([thresholds])),
        );
    let socket = answers.authority.as_ref().filter(|_| place.upstream_tls);
    cluster
        .with_some(
            "transport_socket",
            socket.map(|authority| upstream_tls(authority, &place.host, is_address)),
        )
        .with("load_assignment", assignment)
}

fn downstream_tls(certificate: &str, key: &str) -> Yaml {
    let files = Yaml::map()
        .with("certificate_chain", Yaml::map().with("filename", certificate))
        .with("private_key", Yaml::map().with("filename", key));
    let context = Yaml::map()
        .with("tls_params", json!({"tls_minimum_protocol_version": "TLSv1_2"}))
        .with("tls_certificates", Yaml::list([files]));
    transport_socket(Yaml::map().with("@type", DOWNSTREAM_TLS).with("common_tls_context", context))
}

fn upstream_tls(authority: &str, host: &str, is_address: bool) -> Yaml {
    let kind = if is_address { "IP_ADDRESS" } else { "DNS" };
    let name = Yaml::map().with("san_type", kind).with("matcher", Yaml::map().with("exact", host));
    let validation = Yaml::map()
        .said(
            "Without the authority and the name, any certificate would do.",
            "trusted_ca",
            Yaml::map().with("filename", authority),
        )
        .with("match_typed_subject_alt_names", Yaml::list([name]));
    let context = Yaml::map().with("@type", UPSTREAM_TLS);
    let context = if is_address { context } else { context.with("sni", host) };
    transport_socket(context.with("common_tls_context", Yaml::map().with("validation_context", validation)))
}

fn transport_socket(typed: Yaml) -> Yaml {
    Yaml::map().with("name", "envoy.transport_sockets.tls").with("typed_config", typed)
}
