//! Values for the Helm chart: an entry per listener.

use serde_json::json;

use super::answers::{Answers, Place, Workload};
use super::arguments::{Api, Failure, Placement};
use super::istio::gateway;
use super::listener::Source;
use super::plugin_config;
use super::yaml::{Yaml, comment};

/// The text of the file.
pub(super) fn file(answers: &Answers) -> String {
    let mut text = String::new();
    let head = "Values for the chart envoy-filters. Install: helm install NAME envoy-filters-VERSION.tgz --values FILE\n\
                Every value is described in the chart's README.md.";
    comment(&mut text, "", head);
    let entries = answers.listeners.iter().map(|place| entry(answers, place));
    text.push_str(&Yaml::map().with("filters", Yaml::list(entries)).document());
    text
}

fn entry(answers: &Answers, place: &Place) -> Yaml {
    let entry = Yaml::map()
        .with("name", place.name.as_str())
        .with("filter", answers.filter.name)
        .with("placement", answers.placement.as_str())
        .with("api", answers.api.kind())
        .with_some("namespace", answers.namespace.as_deref());
    let entry = match &answers.workload {
        Workload::Labels(labels) => entry.with("selector", Yaml::of(&json!(labels))),
        Workload::Unsaid(label, value) => {
            entry.with("selector", Yaml::map().said("Change: the labels of the pods.", label, *value))
        }
        Workload::Gateway(name) => entry.with("targetRefs", Yaml::list([gateway(name)])),
    };
    let says = match answers.placement {
        Placement::Gateway | Placement::Egress => "The port of the gateway's server.",
        Placement::SidecarInbound | Placement::SidecarOutbound => "The Service's port.",
    };
    let listener = Yaml::map()
        .said(says, "port", json!(place.port))
        .with_some("targetPort", place.target.map(|port| json!(port)));
    let entry = entry.with("listeners", Yaml::list([listener])).with("source", source(answers)).with(
        "failStrategy",
        match answers.failure {
            Failure::Open => "FAIL_OPEN",
            Failure::Reload => "FAIL_RELOAD",
            Failure::Closed => "FAIL_CLOSE",
        },
    );
    let entry = if answers.api == Api::EnvoyFilter {
        entry.with("vmId", place.name.as_str()).with("restrictCapabilities", json!(true))
    } else {
        entry
    };
    entry.said("The filter's own configuration.", "config", plugin_config::yaml(&place.config))
}

fn source(answers: &Answers) -> Yaml {
    let source = match &answers.source {
        Source::Oci(image) if answers.sha256.is_none() => Yaml::map().said(
            "Change: the registry. A tag can move; sha256 with the manifest's digest holds it.",
            "oci",
            image.as_str(),
        ),
        Source::Oci(image) => Yaml::map().with("oci", image.as_str()),
        Source::Https(url) => Yaml::map().with("https", url.as_str()),
        Source::File(path) => Yaml::map().said(
            "A file in the proxy's container: it has to be mounted there.",
            "file",
            path.as_str(),
        ),
    };
    source.with_some("sha256", answers.sha256.as_deref())
}
