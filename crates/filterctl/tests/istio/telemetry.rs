//! The access log with what the filters say.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use real_peers::cluster::istio::{self, Proxy};
use serde_json::Value;

use crate::Test;
use crate::deploy::{files, mesh_config};

pub(crate) const TESTS: &[Test] = &[
    ("the access log of a sidecar holds the filters' state", access_log),
    ("idle connections live as long as the manifests say", idle_timeouts),
];

/// The configurations of the `tcp_proxy` filters for connections to a port, in that direction, with the manifests and this
/// mesh.
fn tcp_proxies(
    names: &[&str],
    mesh: &str,
    proxy: Proxy,
    (direction, port): (&str, u64),
) -> Result<Vec<Value>> {
    let manifests = files(names);
    let manifests: Vec<&Path> = manifests.iter().map(PathBuf::as_path).collect();
    let configurations = istio::configure(&manifests, mesh, &[proxy])?;
    let configuration = configurations.first().context("no configuration")?;
    let chains =
        configuration.chains().filter(|chain| chain.direction == direction && chain.port == Some(port));
    let filters = chains.flat_map(|chain| chain.chain["filters"].as_array().cloned().unwrap_or_default());
    let proxies: Vec<Value> = filters
        .filter(|filter| filter["name"] == "envoy.filters.network.tcp_proxy")
        .map(|mut filter| filter["typedConfig"].take())
        .collect();
    ensure!(!proxies.is_empty(), "no tcp_proxy on port {port}");
    Ok(proxies)
}

fn access_log() -> Result<()> {
    for (filter, namespace, app, port) in
        [("smtp", "mail", "postfix", 2525), ("ldap", "directory", "openldap", 389)]
    {
        let names = [&format!("traffic/{filter}-service.yaml"), "telemetry/access-log.yaml"];
        let proxy = Proxy::sidecar(namespace, &[("app", app)]);
        for tcp_proxy in tcp_proxies(&names, &mesh_config()?, proxy, ("INBOUND", port))? {
            let log = tcp_proxy["accessLog"].to_string();
            ensure!(log.contains(&format!("%FILTER_STATE(wasm.{filter}:PLAIN)%")), "{filter}: {log}");
        }
    }
    Ok(())
}

fn idle_timeouts() -> Result<()> {
    // A client's sidecar: from the DestinationRule.
    let portal = Proxy::sidecar("directory", &[("app", "portal")]);
    for tcp_proxy in tcp_proxies(&["traffic/ldap-service.yaml"], "", portal, ("OUTBOUND", 389))? {
        ensure!(tcp_proxy["idleTimeout"] == "86400s", "{}", tcp_proxy["idleTimeout"]);
    }
    // The directory's own: from its pod's metadata, as README.md says.
    let directory = Proxy::sidecar("directory", &[("app", "openldap")]);
    for tcp_proxy in tcp_proxies(&["traffic/ldap-service.yaml"], "", directory.clone(), ("INBOUND", 389))? {
        ensure!(tcp_proxy.get("idleTimeout").is_none(), "{}", tcp_proxy["idleTimeout"]);
    }
    let told = directory.metadata("IDLE_TIMEOUT", "24h");
    for tcp_proxy in tcp_proxies(&["traffic/ldap-service.yaml"], "", told, ("INBOUND", 389))? {
        ensure!(tcp_proxy["idleTimeout"] == "86400s", "{}", tcp_proxy["idleTimeout"]);
    }
    // An egress gateway.
    let gateway = Proxy::gateway("istio-egress", &[("istio", "egressgateway")]);
    let proxies = tcp_proxies(&["traffic/ldap-egress.yaml"], "", gateway, ("OUTBOUND", 10389))?;
    ensure!(proxies.iter().all(|proxy| proxy["idleTimeout"] == "86400s"), "{proxies:?}");
    Ok(())
}
