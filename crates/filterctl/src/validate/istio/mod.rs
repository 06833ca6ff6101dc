//! Istio's resources: `WasmPlugin`, `TrafficExtension`, `EnvoyFilter`, and the `Service` in front of a server.

mod envoy_filter;
mod service;

use std::collections::BTreeMap;
use std::path::Path;

use super::document::{Content, Node};
use super::envoy::plugin::{sha256, stat_prefix};
use super::filter_config;
use super::report::{Place, Report};
use super::suggestion::{closest, did_you_mean, one_of};
use crate::filters::{FILTERS, Filter};

/// The group and version of `WasmPlugin` and `TrafficExtension`.
const EXTENSIONS: &str = "extensions.istio.io/v1alpha1";
/// Fields that say where a plugin goes: of `WasmPlugin` beside the others, of `TrafficExtension` alone at the top.
const WHERE: [&str; 5] = ["selector", "targetRefs", "match", "phase", "priority"];
/// Fields that say what it is.
const WHAT: [&str; 10] = [
    "type",
    "pluginName",
    "url",
    "sha256",
    "imagePullPolicy",
    "imagePullSecret",
    "failStrategy",
    "pluginConfig",
    "verificationKey",
    "vmConfig",
];

/// Whether a document is a Kubernetes resource.
pub(super) fn looks_like_one(document: &Node) -> bool {
    document.get("apiVersion").is_some() && document.get("kind").is_some()
}

/// Checks the documents of one file, also against each other.
pub(super) fn check(file: &Path, source: &str, documents: &[Node], report: &mut Report) {
    let mut seen = BTreeMap::new();
    let mut found = 0;
    let mut other = None;
    for document in documents.iter().filter(|document| document.content != Content::Null) {
        let top = Place::top(file, document);
        let ours = match top.text_of("kind").unwrap_or_default() {
            "WasmPlugin" => usize::from(plugin(&top, false, &mut seen, report)),
            "TrafficExtension" => usize::from(plugin(&top, true, &mut seen, report)),
            "EnvoyFilter" => envoy_filter::check(&top, source, report),
            "Service" => {
                service::check(&top, report);
                continue;
            }
            kind => {
                misspelt(&top, kind, report);
                continue;
            }
        };
        found += ours;
        other = other.or((ours == 0).then_some(top));
    }
    if let Some(other) = other.filter(|_| found == 0) {
        report
            .warning(&other, "there is no filter of the suite in it")
            .suggest("a WasmPlugin or TrafficExtension names it by pluginName: smtp or ldap");
    }
}

/// A kind that is nearly one of Istio's; others stand in the same files and are not looked at.
fn misspelt(top: &Place<'_>, kind: &str, report: &mut Report) {
    let of_istio =
        top.text_of("apiVersion").is_some_and(|version| version.starts_with("extensions.istio.io/"));
    let Some(place) = top.get("kind").filter(|_| of_istio) else { return };
    report
        .error(&place, format!("there is no kind {kind:?} in {EXTENSIONS}"))
        .suggest(did_you_mean(kind, ["WasmPlugin", "TrafficExtension"]));
}

/// Checks a `WasmPlugin` or `TrafficExtension`; says whether it is one of ours.
fn plugin(
    top: &Place<'_>,
    is_extension: bool,
    seen: &mut BTreeMap<(&'static str, String), String>,
    report: &mut Report,
) -> bool {
    let kind = if is_extension { "TrafficExtension" } else { "WasmPlugin" };
    let name = top.find(&["metadata", "name"]).and_then(|name| name.text()).unwrap_or_default();
    let Some(spec) = top.get("spec") else {
        report.error(top, format!("a {kind} without a spec"));
        return true;
    };
    let what = if is_extension { spec.get("wasm") } else { Some(spec.clone()) };
    let Some(what) = what else {
        report
            .error(&spec, "no wasm: a TrafficExtension without it is no Wasm module")
            .suggest("spec.wasm holds url, pluginName and the like");
        return true;
    };
    let Some(filter) = filter_of(&what) else { return false };
    let version = top.get("apiVersion");
    if let Some(version) = version.filter(|version| version.text() != Some(EXTENSIONS)) {
        report
            .error(&version, format!("a {kind} is of another version"))
            .suggest(format!("apiVersion: {EXTENSIONS}"));
    }
    fields(kind, is_extension, &spec, &what, report);
    placement(&spec, report);
    name_and_type(filter, &what, report);
    source(&what, report);
    fail_strategy(&what, report);
    let config = what.get("pluginConfig");
    if let Some(config) = &config {
        filter_config::check(filter, config, report);
        gateway(&spec, config, report);
    }
    let prefix = stat_prefix(config.as_ref().unwrap_or(&what));
    let first = seen.entry((filter.name, prefix.value().to_owned())).or_insert_with(|| name.to_owned());
    if first != name {
        let message = format!(
            "{first} and {name} share the stat_prefix {:?}: their metrics are added up",
            prefix.value()
        );
        prefix.warn(report, message, "give each a stat_prefix of its own in pluginConfig");
    }
    true
}

/// The filter of the suite that this plugin is: by its name, else by its module's.
fn filter_of(what: &Place<'_>) -> Option<&'static Filter> {
    let name = what.text_of("pluginName").unwrap_or_default();
    let url = what.text_of("url").unwrap_or_default();
    Filter::named(name).or_else(|| FILTERS.iter().find(|filter| url.contains(filter.package)))
}

fn fields(kind: &str, is_extension: bool, spec: &Place<'_>, what: &Place<'_>, report: &mut Report) {
    let (at_top, inside): (Vec<&str>, Vec<&str>) = if is_extension {
        (WHERE.iter().copied().chain(["wasm", "lua"]).collect(), WHAT.to_vec())
    } else {
        (WHERE.iter().chain(&WHAT).copied().collect(), Vec::new())
    };
    for (name, field) in spec.fields().filter(|(name, _)| !at_top.contains(name)) {
        let suggestion = if inside.contains(&name) {
            format!("`{name}` belongs into `spec.wasm` of a {kind}")
        } else {
            did_you_mean(name, at_top.iter().copied())
        };
        report.error(&field, format!("unknown field `{name}`")).suggest(suggestion);
    }
    if is_extension {
        for (name, field) in what.fields().filter(|(name, _)| !inside.contains(name)) {
            let suggestion = if WHERE.contains(&name) {
                format!("`{name}` belongs into `spec` of a {kind}")
            } else {
                did_you_mean(name, inside.iter().copied())
            };
            report.error(&field, format!("unknown field `{name}`")).suggest(suggestion);
        }
    }
    if let Some(key) = what.get("verificationKey") {
        report.warning(&key, "nothing reads it").suggest("take it out; sha256 is what is checked");
    }
}

fn placement(spec: &Place<'_>, report: &mut Report) {
    if let (Some(_), Some(refs)) = (spec.get("selector"), spec.get("targetRefs")) {
        report.error(&refs, "selector and targetRefs exclude each other").suggest(
            "selector is for sidecars and gateway pods, targetRefs for Gateway resources and waypoints",
        );
    }
    if spec.get("selector").is_none() && spec.get("targetRefs").is_none() {
        report
            .warning(spec, "neither selector nor targetRefs: it goes to every workload of the namespace")
            .suggest("say which workloads: selector.matchLabels");
    }
    if let Some(phase) = spec.get("phase") {
        report
            .warning(&phase, "phase is for the order among HTTP filters")
            .suggest("take it out; priority orders filters of one port");
    }
    let matches = spec.get("match");
    let without_ports = "it also goes in front of HTTP, and counts what is no such protocol";
    let suggestion = "match: [{mode: SERVER, ports: [{number: 25}]}]";
    let Some(matches) = matches else {
        report.warning(spec, format!("no match.ports: {without_ports}")).suggest(suggestion);
        return;
    };
    for entry in matches.items() {
        if entry.get("ports").is_none_or(|ports| ports.node.items().is_empty()) {
            report.warning(&entry, format!("no ports: {without_ports}")).suggest(suggestion);
        }
        for port in entry.get("ports").iter().flat_map(Place::items) {
            let number = port.get("number");
            if !number
                .as_ref()
                .and_then(|number| number.node.whole())
                .is_some_and(|number| (1..=65535).contains(&number))
            {
                report
                    .error(number.as_ref().unwrap_or(&port), "a port is a number from 1 to 65535")
                    .suggest("ports: [{number: 25}]");
            }
        }
        if let Some(mode) = entry.get("mode") {
            choice(&mode, &["SERVER", "CLIENT", "CLIENT_AND_SERVER"], report);
        }
    }
}

fn name_and_type(filter: &Filter, what: &Place<'_>, report: &mut Report) {
    let names = || FILTERS.iter().map(|filter| filter.name).collect::<Vec<_>>();
    match what.get("pluginName") {
        Some(name) if name.text() == Some(filter.name) => (),
        Some(name) => {
            let wrong = name.text().unwrap_or_default();
            let suggestion = match closest(wrong, names()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("pluginName: {}", filter.name),
            };
            report
                .error(
                    &name,
                    format!("no filter of the suite is called {wrong:?}: pluginName becomes the root_id"),
                )
                .suggest(suggestion);
        }
        None => report
            .error(what, "no pluginName: the module does not know which filter is meant")
            .suggest(format!("pluginName: {}", filter.name)),
    }
    match what.get("type") {
        Some(kind) if kind.text() == Some("NETWORK") => (),
        Some(kind) => report
            .error(&kind, format!("the {} filter is a network filter", filter.name))
            .suggest("type: NETWORK"),
        None => {
            report.error(what, "no type: Istio takes the module for an HTTP filter").suggest("type: NETWORK");
        }
    }
}

fn source(what: &Place<'_>, report: &mut Report) {
    let sum = what.get("sha256");
    if let Some(sum) = &sum {
        sha256(sum, report);
    }
    if let Some(policy) = what.get("imagePullPolicy") {
        choice(&policy, &["IfNotPresent", "Always", "UNSPECIFIED_POLICY"], report);
    }
    let Some(url) = what.get("url") else {
        report
            .error(what, "no url: no module is named")
            .suggest("url: oci://registry.example.com/envoy-filters/smtp-filter:0.1.0");
        return;
    };
    let text = url.text().unwrap_or_default();
    match text.split_once("://").map(|(scheme, _)| scheme) {
        Some("https" | "http") if sum.is_none() => report
            .error(&url, "no sha256: whatever the server sends would run")
            .suggest("sha256: that of the module, in SHA256SUMS of the release"),
        Some("http") => report.warning(&url, "fetched in clear text").suggest("use https or oci"),
        Some("https" | "oci" | "file") => (),
        // Istio takes what has no scheme for an image.
        None if !text.is_empty() => (),
        _ => report
            .error(&url, format!("{text:?} is no source of a module"))
            .suggest("it begins with oci://, https:// or file://"),
    }
}

fn fail_strategy(what: &Place<'_>, report: &mut Report) {
    let closed = "when the module cannot be fetched or has failed, Istio closes every connection";
    match what.get("failStrategy") {
        None => report.warning(what, format!("no failStrategy: {closed}")).suggest("failStrategy: FAIL_OPEN"),
        Some(strategy) if strategy.text() == Some("FAIL_CLOSE") => {
            report.warning(&strategy, closed).suggest("failStrategy: FAIL_OPEN");
        }
        Some(strategy) if strategy.text() == Some("FAIL_RELOAD") => report
            .warning(&strategy, "a module that cannot be fetched is replaced by one that denies everything")
            .suggest("failStrategy: FAIL_OPEN"),
        Some(strategy) => choice(&strategy, &["FAIL_OPEN", "FAIL_CLOSE", "FAIL_RELOAD"], report),
    }
}

/// Istio marks the listeners of gateways as outbound, so the filter cannot know that it is in one.
fn gateway(spec: &Place<'_>, config: &Place<'_>, report: &mut Report) {
    let by_reference =
        spec.get("targetRefs").iter().flat_map(Place::items).any(|it| it.text_of("kind") == Some("Gateway"));
    let labels = spec.find(&["selector", "matchLabels"]);
    let by_label = labels.is_some_and(|labels| {
        labels.fields().any(|(name, value)| {
            name == "istio" && value.text().is_some_and(|text| text.ends_with("gateway"))
        })
    });
    if (by_reference || by_label) && matches!(config.text_of("reporter"), None | Some("auto")) {
        let place = config.get("reporter").unwrap_or_else(|| config.clone());
        report
            .warning(
                &place,
                "in a gateway the filter cannot tell by itself that it is in one: it would say outbound",
            )
            .suggest("reporter: gateway");
    }
}

/// Checks a word of a closed list.
fn choice(place: &Place<'_>, allowed: &[&str], report: &mut Report) {
    match place.text() {
        Some(text) if allowed.contains(&text) => (),
        Some(text) => report
            .error(place, format!("{text:?} is not known here"))
            .suggest(did_you_mean(text, allowed.iter().copied())),
        None => report.error(place, "must be a word").suggest(one_of(allowed.iter().copied())),
    }
}
