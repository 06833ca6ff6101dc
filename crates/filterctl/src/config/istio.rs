//! Resources for Istio: the same that the Helm chart renders for the same answers.

use serde_json::json;

use super::answers::{Answers, Place, Workload};
use super::arguments::{Api, Failure, Placement};
use super::envoy::{NETWORK_WASM, STRING, capabilities, policy};
use super::listener::Source;
use super::plugin_config;
use super::yaml::{Entry, Yaml, comment};

/// What the agent puts in place of a module that it cannot fetch.
const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC";

/// The text of the file: a document per listener.
pub(super) fn file(answers: &Answers) -> String {
    let mut text = String::new();
    comment(&mut text, "", &head(answers));
    for place in &answers.listeners {
        text.push_str("---\n");
        text.push_str(&resource(answers, place).document());
    }
    text
}

fn head(answers: &Answers) -> String {
    let mut lines = vec![format!(
        "The {} in Istio: one {} per listener. Apply: kubectl apply -f FILE",
        answers.filter.package,
        answers.api.kind()
    )];
    if answers.api == Api::TrafficExtension {
        lines.push("TrafficExtension needs Istio 1.30 or newer.".to_owned());
    }
    if answers.filter.name == "smtp" && answers.placement == Placement::SidecarInbound {
        lines.push("In SMTP the server speaks first: name the Service's port tcp-smtp, or give it appProtocol: tcp, and".to_owned());
        lines.push("have no PERMISSIVE mTLS on it. Else connections hang.".to_owned());
    } else {
        lines.push(format!(
            "Name the Service's port tcp-{}, or give it appProtocol: tcp.",
            answers.filter.name
        ));
    }
    lines.push("Metrics get their labels by Istio's settings: see deploy/observability.".to_owned());
    lines.join("\n")
}

fn resource(answers: &Answers, place: &Place) -> Yaml {
    match answers.api {
        Api::WasmPlugin => top(answers, place, "extensions.istio.io/v1alpha1", plugin(answers, place)),
        Api::TrafficExtension => {
            top(answers, place, "extensions.istio.io/v1alpha1", extension(answers, place))
        }
        Api::EnvoyFilter => top(answers, place, "networking.istio.io/v1alpha3", envoy_filter(answers, place)),
    }
}

fn top(answers: &Answers, place: &Place, version: &str, spec: Yaml) -> Yaml {
    let metadata =
        Yaml::map().with("name", place.name.as_str()).with_some("namespace", answers.namespace.as_deref());
    Yaml::map()
        .with("apiVersion", version)
        .with("kind", answers.api.kind())
        .with("metadata", metadata)
        .with("spec", spec)
}

fn plugin(answers: &Answers, place: &Place) -> Yaml {
    what(at(Yaml::map(), answers, place), answers, place)
}

fn extension(answers: &Answers, place: &Place) -> Yaml {
    at(Yaml::map(), answers, place).with("wasm", what(Yaml::map(), answers, place))
}

/// On which workloads and ports.
fn at(spec: Yaml, answers: &Answers, place: &Place) -> Yaml {
    let labels = |labels| Yaml::map().with("matchLabels", labels);
    let spec = match &answers.workload {
        Workload::Labels(of) => spec.with("selector", labels(Yaml::of(&json!(of)))),
        Workload::Unsaid(label, value) => {
            spec.with("selector", labels(Yaml::map().said("Change: the labels of the pods.", label, *value)))
        }
        Workload::Gateway(name) => spec.with("targetRefs", Yaml::list([gateway(name)])),
    };
    let mode = if answers.placement == Placement::SidecarInbound { "SERVER" } else { "CLIENT" };
    let ports = [Some(place.port), place.target].into_iter().flatten();
    let ports = ports.map(|port| Yaml::Line(json!({"number": port})));
    let says = match (place.target, answers.placement) {
        (Some(_), _) => "The Service's port, and that of the pods.",
        (None, Placement::Gateway | Placement::Egress) => "The port of the gateway's server.",
        (None, _) => "The Service's port.",
    };
    let ports = Yaml::map().with("mode", mode).said(says, "ports", Yaml::list(ports));
    spec.with("match", Yaml::list([ports]))
}

/// A Gateway of the Gateway API.
pub(super) fn gateway(name: &str) -> Yaml {
    Yaml::map().with("group", "gateway.networking.k8s.io").with("kind", "Gateway").with("name", name)
}

/// What runs there.
fn what(spec: Yaml, answers: &Answers, place: &Place) -> Yaml {
    let strategy = match answers.failure {
        Failure::Open => "FAIL_OPEN",
        Failure::Reload => "FAIL_RELOAD",
        Failure::Closed => "FAIL_CLOSE",
    };
    let says = match answers.failure {
        Failure::Open => "A filter that cannot be had, or has failed, costs no connection.",
        Failure::Reload => "A module that cannot be fetched is replaced by one that denies everything.",
        Failure::Closed => "A filter that cannot be had, or has failed, costs every connection.",
    };
    spec.with("type", "NETWORK")
        .said("Which filter of the module.", "pluginName", answers.filter.name)
        .said(checksum(answers), "url", url(answers))
        .with_some("sha256", answers.sha256.as_deref())
        .said(says, "failStrategy", strategy)
        .with("pluginConfig", plugin_config::yaml(&place.config))
}

/// What there is to say about where the module comes from.
fn checksum(answers: &Answers) -> &'static str {
    match (&answers.source, &answers.sha256) {
        (Source::Oci(_), None) => {
            "Change: the registry. A tag can move; sha256 with the manifest's digest holds it."
        }
        (Source::File(_), _) => "A file in the proxy's container: it has to be mounted there.",
        _ => "",
    }
}

fn url(answers: &Answers) -> String {
    match &answers.source {
        Source::Oci(image) => format!("oci://{image}"),
        Source::Https(url) => url.clone(),
        Source::File(path) => format!("file://{path}"),
    }
}

fn envoy_filter(answers: &Answers, place: &Place) -> Yaml {
    let spec = match &answers.workload {
        Workload::Labels(of) => {
            Yaml::map().with("workloadSelector", Yaml::map().with("labels", Yaml::of(&json!(of))))
        }
        Workload::Unsaid(label, value) => Yaml::map().with(
            "workloadSelector",
            Yaml::map().with("labels", Yaml::map().said("Change: the labels of the pods.", label, *value)),
        ),
        Workload::Gateway(name) => Yaml::map().with("targetRefs", Yaml::list([gateway(name)])),
    };
    let context = match answers.placement {
        Placement::SidecarInbound => "SIDECAR_INBOUND",
        Placement::SidecarOutbound => "SIDECAR_OUTBOUND",
        Placement::Gateway | Placement::Egress => "GATEWAY",
    };
    let namespace = answers.namespace.iter().map(|namespace| format!("{namespace}/"));
    let name = format!("envoy-filters/{}{}", namespace.collect::<String>(), place.name);
    let define = Yaml::map()
        .with("applyTo", "EXTENSION_CONFIG")
        .with("match", Yaml::map().with("context", context))
        .with(
            "patch",
            Yaml::map().with("operation", "ADD").with(
                "value",
                Yaml::map().with("name", name.as_str()).with(
                    "typed_config",
                    Yaml::map().with("@type", NETWORK_WASM).with("config", envoy_plugin(answers, place)),
                ),
            ),
        );
    // On inbound listeners Envoy knows the pods' port, not the Service's.
    let port = match answers.placement {
        Placement::SidecarOutbound => place.port,
        _ => place.target.unwrap_or(place.port),
    };
    let chain = Yaml::map().with("filter", Yaml::map().with("name", "envoy.filters.network.tcp_proxy"));
    let matching = Yaml::map()
        .with("context", context)
        .with("listener", Yaml::map().with("portNumber", json!(port)).with("filterChain", chain));
    let discovery = Yaml::map()
        .with(
            "config_source",
            Yaml::map()
                .with("ads", Yaml::map())
                .with("resource_api_version", "V3")
                .with("initial_fetch_timeout", "0s"),
        )
        .with(
            "type_urls",
            Yaml::List(vec![
                Yaml::from(NETWORK_WASM).into(),
                Entry::said(
                    "What the agent puts in place of a module that it cannot fetch.",
                    Yaml::from(RBAC),
                ),
            ]),
        );
    let insert = Yaml::map().with("applyTo", "NETWORK_FILTER").with("match", matching).with(
        "patch",
        Yaml::map()
            .with("operation", "INSERT_BEFORE")
            .with("value", Yaml::map().with("name", name).with("config_discovery", discovery)),
    );
    spec.with(
        "configPatches",
        Yaml::List(vec![
            Entry::said("Istio's agent fetches modules for resources of this kind only.", define),
            insert.into(),
        ]),
    )
}

fn envoy_plugin(answers: &Answers, place: &Place) -> Yaml {
    let code = match &answers.source {
        Source::File(path) => Yaml::map().with("local", Yaml::map().with("filename", path.as_str())),
        Source::Oci(_) | Source::Https(_) => {
            let uri = Yaml::map().with("uri", url(answers)).with("timeout", "30s").said(
                "Asked for by Envoy's API; the agent fetches the module, not Envoy.",
                "cluster",
                "_",
            );
            // "nil" is Istio's own word for a digest that is not known.
            let sum = answers.sha256.as_deref().unwrap_or("nil");
            Yaml::map().with("remote", Yaml::map().with("http_uri", uri).with("sha256", sum))
        }
    };
    let vm = Yaml::map()
        .with("vm_id", place.name.as_str())
        .with("runtime", "envoy.wasm.runtime.v8")
        .with("code", code);
    Yaml::map()
        .with("name", place.name.as_str())
        .with("root_id", answers.filter.name)
        .with("failure_policy", policy(answers.failure))
        .with("vm_config", vm)
        .with("capability_restriction_config", capabilities(answers.filter))
        .with(
            "configuration",
            Yaml::map().with("@type", STRING).with("value", Yaml::Block(plugin_config::json(&place.config))),
        )
}
