//! What the chart refuses when it is rendered, because a schema cannot say it, or not with a reason.

use super::super::document::Content;
use super::super::envoy::plugin::sha256;
use super::super::report::{Place, Report};

/// Beginnings of a port's name by which Istio takes it for TCP.
const TCP: [&str; 2] = ["tcp", "tls"];

/// Checks the entries, also against each other.
pub(super) fn check(top: &Place<'_>, report: &mut Report) {
    let mut names: Vec<&str> = Vec::new();
    for entry in top.get("filters").iter().flat_map(Place::items) {
        if let Some(name) = entry.get("name")
            && let Some(text) = name.text()
        {
            if names.contains(&text) {
                report
                    .error(&name, format!("two filters are called {text:?}"))
                    .suggest("names differ: resources are called after them");
            }
            names.push(text);
        }
        workload(&entry, report);
        listeners(&entry, report);
        source(&entry, report);
        api(&entry, report);
        external(&entry, report);
    }
}

fn placement<'a>(entry: &Place<'a>) -> &'a str {
    entry.text_of("placement").unwrap_or_default()
}

/// Which pods.
fn workload(entry: &Place<'_>, report: &mut Report) {
    let (selector, refs) = (filled(entry, "selector"), filled(entry, "targetRefs"));
    let everywhere = entry.get("namespaceWide").filter(|it| it.node.content == Content::Bool(true));
    match (&selector, &refs) {
        (Some(_), Some(refs)) => report
            .error(refs, "selector and targetRefs exclude each other")
            .suggest("selector finds pods by their labels, targetRefs names gateways and waypoints"),
        (None, None) if everywhere.is_none() => {
            report.error(entry, "neither selector nor targetRefs: on which pods?").suggest(
                "selector: {app: …}; `namespaceWide: true` puts the filter on every pod of the namespace",
            );
        }
        _ => (),
    }
    if let Some(everywhere) = everywhere
        && (selector.is_some() || refs.is_some())
    {
        report
            .error(&everywhere, "namespaceWide: true, but a selector or targetRefs narrows it")
            .suggest("leave one of the two out");
    }
    if let Some(refs) = refs
        && placement(entry).starts_with("sidecar-")
    {
        report
            .error(&refs, format!("targetRefs with the placement {}", placement(entry)))
            .suggest("sidecars are found by selector");
    }
}

fn listeners(entry: &Place<'_>, report: &mut Report) {
    let mut ports = Vec::new();
    for listener in entry.get("listeners").iter().flat_map(Place::items) {
        if let Some(port) = listener.get("port")
            && let Some(number) = port.node.whole()
        {
            if ports.contains(&number) {
                report.error(&port, format!("the port {number} is named twice")).suggest("name it once");
            }
            ports.push(number);
        }
        if let Some(target) = listener.get("targetPort")
            && placement(entry) == "sidecar-outbound"
        {
            report
                .error(&target, "a client's sidecar sees the Service's port only")
                .suggest("leave targetPort out");
        }
        // appProtocol goes before the name.
        let Some(protocol) = listener.get("appProtocol").or_else(|| listener.get("portName")) else {
            continue;
        };
        let text = protocol.text().unwrap_or_default();
        if !TCP.contains(&text.split('-').next().unwrap_or_default()) {
            let filter = entry.text_of("filter").unwrap_or("smtp");
            let what = if filter == "smtp" {
                "Istio waits for the client's first octets to learn the protocol; of SMTP the server speaks first, so connections hang"
            } else {
                "Istio guesses the protocol, and the port gets a chain for HTTP and one for TCP"
            };
            report
                .error(&protocol, format!("{text:?} does not say TCP: {what}"))
                .suggest(format!("name the Service's port tcp-{filter}, or give it appProtocol: tcp"));
        }
    }
}

/// Where the module comes from.
fn source(entry: &Place<'_>, report: &mut Report) {
    let Some(source) = entry.get("source") else { return };
    let given: Vec<Place<'_>> =
        ["oci", "https", "file"].into_iter().filter_map(|kind| filled(&source, kind)).collect();
    if given.len() != 1 {
        report
            .error(
                &source,
                if given.is_empty() { "no source of the module" } else { "several sources of the module" },
            )
            .suggest("say exactly one of oci, https and file");
    }
    let sum = filled(&source, "sha256");
    if let Some(sum) = &sum {
        sha256(sum, report);
    }
    if let Some(https) = filled(&source, "https") {
        if !https.text().is_some_and(|url| url.starts_with("https://")) {
            report
                .error(&https, "does not begin with https://")
                .suggest("https: https://downloads.example.com/…");
        }
        if sum.is_none() {
            report
                .error(&source, "no sha256: a proxy would run whatever the server hands out")
                .suggest("sha256: that of the module, in SHA256SUMS of the release");
        }
    }
    if let (Some(_), Some(sum)) = (filled(&source, "file"), &sum) {
        report
            .error(sum, "nothing checks the checksum of a file in the proxy's container")
            .suggest("leave it out");
    }
    if let Some(secret) = entry.get("imagePullSecret")
        && filled(&source, "oci").is_none()
    {
        report.error(&secret, "is for source.oci only").suggest("leave it out");
    }
}

/// What only some kinds of resource can say.
fn api(entry: &Place<'_>, report: &mut Report) {
    let api = entry.text_of("api").unwrap_or("WasmPlugin");
    let (wrong, right): (&[&str], _) = if api == "EnvoyFilter" {
        (&["imagePullSecret", "imagePullPolicy", "phase"], "use WasmPlugin or TrafficExtension")
    } else {
        (&["vmId", "restrictCapabilities"], "it needs api: EnvoyFilter")
    };
    for field in wrong.iter().filter_map(|name| entry.get(name)) {
        if field.node.content != Content::Bool(false) {
            report.error(&field, format!("{api} cannot say this")).suggest(right);
        }
    }
}

/// Servers out of the mesh.
fn external(entry: &Place<'_>, report: &mut Report) {
    let Some(external) = entry.get("external") else { return };
    if !["sidecar-outbound", "egress"].contains(&placement(entry)) {
        report
            .error(
                &external,
                format!("leads out of the mesh, which the placement {} does not", placement(entry)),
            )
            .suggest("placement: sidecar-outbound or egress");
    }
    let has_endpoints = filled(&external, "endpoints").is_some();
    match (external.text_of("resolution").unwrap_or("DNS"), has_endpoints) {
        ("STATIC", false) => report
            .error(&external, "resolution STATIC needs the server's addresses")
            .suggest("endpoints: [192.0.2.25]"),
        (resolution, true) if resolution != "STATIC" => report
            .error(
                &external,
                format!("endpoints are read with resolution STATIC only, and it is {resolution}"),
            )
            .suggest("resolution: STATIC"),
        _ => (),
    }
}

/// A field that is there and not empty.
fn filled<'a>(place: &Place<'a>, name: &str) -> Option<Place<'a>> {
    place.get(name).filter(|field| match &field.node.content {
        Content::Null => false,
        Content::Text(text) => !text.text.is_empty(),
        Content::Map(fields) => !fields.is_empty(),
        Content::List(items) => !items.is_empty(),
        _ => true,
    })
}
