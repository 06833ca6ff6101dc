//! `EnvoyFilter`: what goes into Envoy's configuration as it is.

use super::super::envoy::plugin::{self, Where};
use super::super::report::{Place, Report};

/// How the type of a network filter that is a Wasm module ends.
const NETWORK_WASM: &str = "envoy.extensions.filters.network.wasm.v3.Wasm";

/// Checks an `EnvoyFilter`; returns how many filters of the suite are in it.
pub(super) fn check(top: &Place<'_>, source: &str, report: &mut Report) -> usize {
    let Some(spec) = top.get("spec") else { return 0 };
    let patches = spec.get("configPatches");
    let patches: Vec<Place<'_>> = patches.iter().flat_map(Place::items).collect();
    let mut found = 0;
    let mut defined = Vec::new();
    for patch in &patches {
        let Some(value) = patch.find(&["patch", "value"]) else { continue };
        let name = value.text_of("name").unwrap_or_default();
        let Some(typed) = value.proto("typed_config") else { continue };
        if !typed.text_of("@type").is_some_and(|kind| kind.ends_with(NETWORK_WASM)) {
            continue;
        }
        let Some(config) = typed.get("config") else { continue };
        let Some(filter) = plugin::filter_of(&config, name) else { continue };
        found += 1;
        plugin::check(filter, Where::Istio, source, &config, report);
        if patch.text_of("applyTo") == Some("EXTENSION_CONFIG") {
            defined.push(name);
        } else {
            fetched_by_agent(&config, report);
            position(patch, report);
        }
    }
    for patch in patches.iter().filter(|_| !defined.is_empty()) {
        reference(patch, &defined, report);
    }
    let is_narrow = ["workloadSelector", "targetRefs"].iter().any(|name| spec.get(name).is_some());
    if found > 0 && !is_narrow {
        report
            .warning(&spec, "no workloadSelector: it goes to every workload of the namespace")
            .suggest("workloadSelector: {labels: {app: …}}");
    }
    found
}

/// A patch that puts a filter of another patch into a listener.
fn reference(patch: &Place<'_>, defined: &[&str], report: &mut Report) {
    if patch.text_of("applyTo") != Some("NETWORK_FILTER") {
        return;
    }
    let Some(value) = patch.find(&["patch", "value"]) else { return };
    let Some(types) = value.proto("config_discovery").and_then(|it| it.proto("type_urls")) else { return };
    if !types.items().any(|kind| kind.text().is_some_and(|kind| kind.ends_with(NETWORK_WASM))) {
        return;
    }
    if let Some(name) = value.get("name")
        && !name.text().is_some_and(|name| defined.contains(&name))
    {
        report
            .error(
                &name,
                "no EXTENSION_CONFIG of this EnvoyFilter has this name: the listener would wait for it",
            )
            .suggest(format!("name: {}", defined.join(" or ")));
    }
    position(patch, report);
}

/// Where the filter goes.
fn position(patch: &Place<'_>, report: &mut Report) {
    let operation = patch.find(&["patch", "operation"]);
    if let Some(operation) = operation
        && !matches!(operation.text(), Some("INSERT_BEFORE" | "INSERT_FIRST"))
    {
        report
            .error(&operation, "the filter has to stand in front of tcp_proxy")
            .suggest("operation: INSERT_BEFORE, with match.listener.filterChain.filter.name: envoy.filters.network.tcp_proxy");
    }
    let matching = patch.get("match");
    let listener = matching.as_ref().and_then(|matching| matching.get("listener"));
    let place = listener.as_ref().or(matching.as_ref()).unwrap_or(patch);
    let has_port = listener.as_ref().is_some_and(|listener| {
        ["portNumber", "name"].iter().any(|name| listener.get(name).is_some())
            || listener.get("filterChain").is_some_and(|chain| chain.get("destinationPort").is_some())
    });
    if !has_port {
        report
            .warning(place, "no portNumber: it goes into every TCP listener of these workloads")
            .suggest("match: {listener: {portNumber: 25}}; of an inbound listener it is the target port");
    }
    let filter = listener.as_ref().and_then(|listener| listener.find(&["filterChain", "filter", "name"]));
    if filter.and_then(|name| name.text()) != Some("envoy.filters.network.tcp_proxy") {
        report
            .warning(place, "it is not bound to tcp_proxy, so it may go in front of HTTP")
            .suggest("match: {listener: {filterChain: {filter: {name: envoy.filters.network.tcp_proxy}}}}");
    }
}

/// Istio's agent fetches modules for filters that come by EXTENSION_CONFIG only.
fn fetched_by_agent(config: &Place<'_>, report: &mut Report) {
    let uri =
        config.proto("vm_config").and_then(|vm| vm.find(&["code", "remote"])?.proto("http_uri")?.get("uri"));
    let Some(uri) = uri else { return };
    if uri.text().is_some_and(|uri| uri.starts_with("oci://")) {
        report
            .error(&uri, "Envoy cannot fetch an image, and Istio's agent only does so for an EXTENSION_CONFIG")
            .suggest("put the filter into a patch with applyTo: EXTENSION_CONFIG and refer to it by config_discovery");
    }
}
