//! What goes wrong without the settings of the manifests, and that it does: these are the reasons for them.

use std::fs;

use anyhow::{Context, Result, ensure};
use real_peers::cluster::istio::{Chain, Configuration, Proxy};
use serde_json::Value;

use crate::Test;
use crate::deploy::{changed, files, folder, written};
use crate::expected::{holding, overview, sent};

pub(crate) const TESTS: &[Test] = &[
    ("without ports a plugin stands in front of HTTP", without_ports),
    ("a port named smtp is sniffed unless it is 25", sniffed_port),
    ("mode PERMISSIVE waits for the client's first octets", permissive),
    ("a passthrough chain gets no plugin", passthrough),
    ("a ServiceEntry without addresses takes a port from everybody", without_addresses),
    ("at a gateway mode SERVER matches nothing", server_at_a_gateway),
    ("a plugin is compared with the Service's port", container_port),
];

/// What pilot sends to the relay's sidecar.
fn to_the_relay(service: &std::path::Path, plugin: &std::path::Path) -> Result<Configuration> {
    sent(&[service.to_path_buf(), plugin.to_path_buf()], &Proxy::sidecar("mail", &[("app", "postfix")]))
}

const SERVICE: &str = "traffic/smtp-service.yaml";
const PLUGIN: &str = "wasm-plugin/smtp-sidecar-inbound.yaml";
/// The part of the plugin that names ports.
const PORTS: &str = "        - number: 25\n        - number: 587\n        - number: 2525\n";

fn without_ports() -> Result<()> {
    let service = changed(
        SERVICE,
        "    - name: tcp-submission\n      appProtocol: tcp\n",
        "    - name: http-admin\n      appProtocol: http\n",
    )?;
    let text = fs::read_to_string(folder().join(PLUGIN))?;
    let ports = text.find("      ports:\n").context("no ports")?;
    let end = text.find("  type: NETWORK").context("no type")?;
    let plugin = written(&format!("{}{}", &text[..ports], &text[end..]))?;
    let configuration = to_the_relay(&service, &plugin)?;
    let chains = holding(&configuration, "smtp", "corp-relay");
    ensure!(chains.iter().any(Chain::is_http), "{}", overview(&configuration));
    // With ports it stands on those only.
    let plugin = changed(PLUGIN, "        - number: 587\n", "")?;
    let configuration = to_the_relay(&service, &plugin)?;
    let chains = holding(&configuration, "smtp", "corp-relay");
    ensure!(!chains.is_empty() && !chains.iter().any(Chain::is_http), "{}", overview(&configuration));
    Ok(())
}

fn sniffed_port() -> Result<()> {
    let right = to_the_relay(&folder().join(SERVICE), &folder().join(PLUGIN))?;
    ensure!(!may_be_http(&right, 587), "{}", overview(&right));
    // Neither the name nor appProtocol says TCP.
    let unnamed = |port: &str, name: &str| {
        changed(SERVICE, &format!("name: {port}\n      appProtocol: tcp\n"), &format!("name: {name}\n"))
    };
    let submission = unnamed("tcp-submission", "smtp")?;
    let sniffed = to_the_relay(&submission, &folder().join(PLUGIN))?;
    ensure!(may_be_http(&sniffed, 587), "{}", overview(&sniffed));
    // Port 25 is TCP by itself.
    let smtp = unnamed("tcp-smtp", "smtp")?;
    let port_25 = to_the_relay(&smtp, &folder().join(PLUGIN))?;
    ensure!(!may_be_http(&port_25, 2525), "{}", overview(&port_25));
    Ok(())
}

/// Whether connections to a port may become HTTP.
fn may_be_http(configuration: &Configuration, port: u64) -> bool {
    configuration.chains().any(|chain| chain.port == Some(port) && chain.is_http())
}

fn permissive() -> Result<()> {
    let right = to_the_relay(&folder().join(SERVICE), &folder().join(PLUGIN))?;
    ensure!(!waits(&right, 2525)?, "with DISABLE it waits");
    ensure!(!waits(&right, 587)?, "with STRICT it waits for clear text");
    let service = changed(SERVICE, "    2525:\n      mode: DISABLE", "    2525:\n      mode: PERMISSIVE")?;
    let permissive = to_the_relay(&service, &folder().join(PLUGIN))?;
    ensure!(waits(&permissive, 2525)?, "with PERMISSIVE it does not wait");
    Ok(())
}

/// Whether a client that sends nothing and is not encrypted waits for ever on a port: the sidecar takes such connections
/// there, but first looks at the client's first octets, to see whether they are TLS or HTTP.
fn waits(configuration: &Configuration, port: u64) -> Result<bool> {
    let inbound = configuration
        .listeners
        .iter()
        .find(|listener| listener["name"] == "virtualInbound")
        .context("no virtualInbound")?;
    let filters = inbound["listenerFilters"].as_array().context("no listener filters")?;
    let looks = filters.iter().any(|filter| {
        filter["name"].as_str().is_some_and(|name| name.ends_with("_inspector"))
            && !switched_off(&filter["filterDisabled"], port)
    });
    // No time limit, else it would go on after a while.
    ensure!(inbound["listenerFiltersTimeout"] == "0s", "{}", inbound["listenerFiltersTimeout"]);
    let mut chains = configuration.chains().filter(|chain| chain.listener == "virtualInbound");
    let takes_clear_text = chains.any(|chain| chain.port == Some(port) && !chain.is_tls());
    Ok(looks && takes_clear_text)
}

/// Whether a listener filter's predicate holds for a destination port.
fn switched_off(predicate: &Value, port: u64) -> bool {
    if let Some(range) = predicate.get("destinationPortRange") {
        let bound = |name: &str| range[name].as_u64().unwrap_or_default();
        return (bound("start")..bound("end")).contains(&port);
    }
    if let Some(inner) = predicate.get("notMatch") {
        return !switched_off(inner, port);
    }
    let rules = predicate["orMatch"]["rules"].as_array();
    rules.is_some_and(|rules| rules.iter().any(|rule| switched_off(rule, port)))
}

fn passthrough() -> Result<()> {
    // The plugin alone: Istio knows no destination.
    let manifests = files(&["wasm-plugin/smtp-sidecar-outbound.yaml"]);
    let configuration = sent(&manifests, &Proxy::sidecar("mail", &[("app", "billing")]))?;
    ensure!(holding(&configuration, "smtp", "billing-outbound").is_empty(), "{}", overview(&configuration));
    Ok(())
}

fn without_addresses() -> Result<()> {
    let smart_host = |addresses: &str| {
        written(&format!(
            "apiVersion: networking.istio.io/v1\n\
             kind: ServiceEntry\n\
             metadata: {{name: smart-host, namespace: mail}}\n\
             spec:\n  \
               hosts: [smart-host.example.net]\n  {addresses}\
               location: MESH_EXTERNAL\n  resolution: DNS\n  \
               ports: [{{number: 587, name: tcp-submission, protocol: TCP}}]\n"
        ))
    };
    for (addresses, listener) in [("", "0.0.0.0_587"), ("addresses: [203.0.113.25]\n  ", "203.0.113.25_587")]
    {
        let entry = smart_host(addresses)?;
        let configuration = sent(&[entry.to_path_buf()], &Proxy::sidecar("mail", &[("app", "billing")]))?;
        let listeners: Vec<_> = configuration
            .chains()
            .filter(|chain| chain.port == Some(587))
            .map(|chain| chain.listener)
            .collect();
        ensure!(listeners == [listener], "{addresses:?}: {}", overview(&configuration));
    }
    Ok(())
}

fn server_at_a_gateway() -> Result<()> {
    let plugin = changed("wasm-plugin/smtp-egress-gateway.yaml", "mode: CLIENT", "mode: SERVER")?;
    let manifests = [files(&["traffic/smtp-egress.yaml"]), vec![plugin.to_path_buf()]].concat();
    let configuration = sent(&manifests, &Proxy::gateway("istio-egress", &[("istio", "egressgateway")]))?;
    ensure!(holding(&configuration, "smtp", "smart-host").is_empty(), "{}", overview(&configuration));
    Ok(())
}

fn container_port() -> Result<()> {
    let plugin = changed(PLUGIN, PORTS, "        - number: 2525\n")?;
    let configuration = to_the_relay(&folder().join(SERVICE), &plugin)?;
    ensure!(holding(&configuration, "smtp", "corp-relay").is_empty(), "{}", overview(&configuration));
    // With a Sidecar resource the port of its ingress listener counts instead: the container's.
    let sidecar = written(
        "apiVersion: networking.istio.io/v1\n\
         kind: Sidecar\n\
         metadata: {name: postfix, namespace: mail}\n\
         spec:\n  \
           workloadSelector: {labels: {app: postfix}}\n  \
           ingress:\n  \
           - port: {number: 2525, protocol: TCP, name: tcp-smtp}\n    \
             defaultEndpoint: 127.0.0.1:2525\n",
    )?;
    let manifests = [folder().join(SERVICE), plugin.to_path_buf(), sidecar.to_path_buf()];
    let configuration = sent(&manifests, &Proxy::sidecar("mail", &[("app", "postfix")]))?;
    let chains = holding(&configuration, "smtp", "corp-relay");
    ensure!(chains.iter().any(|chain| chain.port == Some(2525)), "{}", overview(&configuration));
    Ok(())
}
