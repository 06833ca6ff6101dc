//! A listener's filter chains: what stands in which order.

use super::super::report::{Place, Report};
use super::{All, NETWORK_WASM, path_of};
use crate::filters::{FILTERS, Filter};

/// How the type of Envoy's TCP proxy ends, and its usual name.
const TCP_PROXY: [&str; 2] =
    ["envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "envoy.filters.network.tcp_proxy"];
/// Likewise of the HTTP connection manager.
const HTTP: [&str; 2] = [
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "envoy.filters.network.http_connection_manager",
];
/// How the type of an HTTP filter that is a Wasm module ends.
const HTTP_WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// Checks a listener.
pub(super) fn listener(all: &mut All, source: &str, listener: &Place<'_>, report: &mut Report) {
    let port = listener.find(&["address", "socket_address", "port_value"]);
    let name = match (listener.text_of("name"), port.and_then(|port| port.node.whole())) {
        (Some(name), _) => format!("`{name}`"),
        (None, Some(port)) => format!("on port {port}"),
        (None, None) => format!("`{}`", listener.path),
    };
    let chains = listener.proto("filter_chains");
    let chains = chains.iter().flat_map(Place::items).chain(listener.proto("default_filter_chain"));
    for chain in chains {
        let filters: Vec<Place<'_>> = chain.get("filters").iter().flat_map(Place::items).collect();
        check_chain(all, source, &name, &filters, report);
    }
}

/// Checks the filters of a chain.
pub(super) fn check_chain(
    all: &mut All,
    source: &str,
    listener: &str,
    filters: &[Place<'_>],
    report: &mut Report,
) {
    let proxy = filters.iter().position(|filter| is_kind(filter, TCP_PROXY));
    let http = filters.iter().position(|filter| is_kind(filter, HTTP));
    for (index, entry) in filters.iter().enumerate() {
        if let Some(manager) = is_kind(entry, HTTP).then(|| entry.proto("typed_config")).flatten() {
            among_http_filters(&manager, report);
        }
        let Some(filter) = ours(all, source, listener, entry, report) else { continue };
        let at = name_of(entry);
        if proxy.is_some_and(|proxy| proxy < index) {
            report
                .error(&at, "stands behind tcp_proxy, which ends the chain: Envoy refuses that")
                .suggest("put it in front of tcp_proxy");
        } else if http.is_some() {
            report
                .error(&at, "stands in a chain with an HTTP connection manager: what passes there is HTTP")
                .suggest(format!("the {} filter belongs in front of a tcp_proxy", filter.name));
        } else if proxy.is_none() {
            report
                .error(&at, "no tcp_proxy stands behind it, so nothing is forwarded")
                .suggest("end the chain with envoy.filters.network.tcp_proxy");
        }
        if let Some(proxy) =
            proxy.and_then(|proxy| filters.get(proxy)).and_then(|it| it.proto("typed_config"))
            && filter.name == "ldap"
            && proxy.proto("idle_timeout").is_none()
        {
            report
                .warning(&proxy, "no idle_timeout: Envoy cuts connections that are silent for one hour")
                .suggest(
                    "directory clients keep pools: set idle_timeout, such as 86400s, above what they use",
                );
        }
    }
}

/// The filter of the suite that this entry of a chain is.
fn ours(
    all: &mut All,
    source: &str,
    listener: &str,
    entry: &Place<'_>,
    report: &mut Report,
) -> Option<&'static Filter> {
    if let Some(typed) = entry.proto("typed_config") {
        return all.network_wasm(source, listener, entry, &typed, report);
    }
    let discovery = entry.proto("config_discovery")?;
    let types = discovery.proto("type_urls")?;
    if !types.items().any(|kind| kind.text().is_some_and(|kind| kind.ends_with(NETWORK_WASM))) {
        return None;
    }
    let path = discovery.proto("config_source").as_ref().and_then(path_of)?;
    let found = all.follow(&path, listener, report);
    // A file that is not here: the name has to tell.
    let name = entry.text_of("name").unwrap_or_default();
    found.or_else(|| FILTERS.iter().find(|filter| name.contains(filter.name)))
}

/// A filter of the suite among HTTP filters, where it never sees a connection's octets.
fn among_http_filters(manager: &Place<'_>, report: &mut Report) {
    let filters = manager.proto("http_filters");
    for entry in filters.iter().flat_map(Place::items) {
        let Some(typed) = entry.proto("typed_config") else { continue };
        if typed.text_of("@type").is_some_and(|kind| kind.ends_with(HTTP_WASM))
            && let Some(config) = typed.get("config")
            && let Some(filter) = config.proto("root_id").and_then(|root| Filter::named(root.text()?))
        {
            report
                .error(&typed, format!("the {} filter is a network filter, no HTTP filter", filter.name))
                .suggest(format!("put it in front of a tcp_proxy, as {NETWORK_WASM}"));
        }
    }
}

/// The entry's name, which a finding about the whole entry points at.
fn name_of<'a>(entry: &Place<'a>) -> Place<'a> {
    entry.get("name").unwrap_or_else(|| entry.clone())
}

fn is_kind(entry: &Place<'_>, [kind, name]: [&str; 2]) -> bool {
    match entry.proto("typed_config").and_then(|typed| typed.text_of("@type")) {
        Some(its_own) => its_own.ends_with(kind),
        None => entry.text_of("name") == Some(name),
    }
}
