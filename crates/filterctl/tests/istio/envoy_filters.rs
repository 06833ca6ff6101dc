//! The EnvoyFilters: pilot applies each where it says, and Envoy gets what the plugins' API cannot say.

use anyhow::{Context, Result, ensure};
use real_peers::cluster::istio::Proxy;
use serde_json::Value;

use crate::Test;
use crate::deploy::files;
use crate::expected::{Expected, check, holding, overview, sent};

pub(crate) const TESTS: &[Test] = &[
    ("an EnvoyFilter gives SMTP a VM of its own", || own_vm("smtp")),
    ("an EnvoyFilter gives LDAP a VM of its own", || own_vm("ldap")),
    ("an EnvoyFilter loads a local file", local_file),
    ("an EnvoyFilter sees unknown mail servers", || passthrough("smtp", "mail", "billing")),
    ("an EnvoyFilter sees unknown directories", || passthrough("ldap", "directory", "portal")),
    ("a ServiceEntry's listener comes before an EnvoyFilter's chain", service_entry_first),
];

/// A filter's server: its namespace, its pods' label, its `stat_prefix`, and the port of its container.
fn server(filter: &str) -> (&'static str, &'static str, &'static str, u64) {
    if filter == "smtp" {
        ("mail", "postfix", "corp-relay", 2525)
    } else {
        ("directory", "openldap", "corp-directory", 389)
    }
}

fn own_vm(filter: &str) -> Result<()> {
    let (namespace, app, stat_prefix, port) = server(filter);
    let manifests =
        files(&[&format!("traffic/{filter}-service.yaml"), &format!("envoy-filter/{filter}-own-vm.yaml")]);
    let configuration = sent(&manifests, &Proxy::sidecar(namespace, &[("app", app)]))?;
    let config = check(
        &configuration,
        &Expected { root_id: filter, stat_prefix, reporter: None, direction: "INBOUND", ports: &[port] },
    )?;
    let name = format!("envoy-filters/{namespace}/{stat_prefix}");
    ensure!(config["vmConfig"]["vmId"] == name, "vm_id {}", config["vmConfig"]["vmId"]);
    ensure!(restricted(config)?);
    Ok(())
}

fn local_file() -> Result<()> {
    let manifests = files(&["traffic/smtp-service.yaml", "envoy-filter/local-file.yaml"]);
    let configuration = sent(&manifests, &Proxy::sidecar("mail", &[("app", "postfix")]))?;
    let config = check(
        &configuration,
        &Expected {
            root_id: "smtp",
            stat_prefix: "corp-relay",
            reporter: None,
            direction: "INBOUND",
            ports: &[2525],
        },
    )?;
    let file = &config["vmConfig"]["code"]["local"]["filename"];
    ensure!(file == "/etc/envoy/smtp-filter.wasm", "{file}");
    ensure!(restricted(config)?);
    // Nothing is left to be asked for.
    ensure!(configuration.extensions.is_empty(), "{:?}", configuration.extensions);
    Ok(())
}

/// Whether the module may call something, but not everything.
fn restricted(config: &Value) -> Result<bool> {
    let allowed = &config["capabilityRestrictionConfig"]["allowedCapabilities"];
    let allowed = allowed.as_object().context("no capabilities")?;
    Ok(allowed.contains_key("proxy_get_buffer_bytes") && !allowed.contains_key("proxy_http_call"))
}

/// The chain for connections to nowhere that Istio knows, to one port: with the filter, then on as without it.
fn passthrough(filter: &str, namespace: &str, app: &str) -> Result<()> {
    let (stat_prefix, port) =
        if filter == "smtp" { ("unknown-mail-servers", 25) } else { ("unknown-directories", 389) };
    let manifests = files(&["envoy-filter/passthrough.yaml"]);
    let configuration = sent(&manifests, &Proxy::sidecar(namespace, &[("app", app)]))?;
    let expected =
        Expected { root_id: filter, stat_prefix, reporter: None, direction: "OUTBOUND", ports: &[port] };
    check(&configuration, &expected)?;
    let chains = holding(&configuration, filter, stat_prefix);
    let chain = chains.first().context("no chain")?;
    ensure!(chain.listener == "virtualOutbound", "{}", chain.listener);
    let last = chain.chain["filters"].as_array().and_then(|filters| filters.last()).context("no filters")?;
    ensure!(last["typedConfig"]["cluster"] == "PassthroughCluster", "{last}");
    // What is unknown on other ports goes on without it.
    let others = configuration
        .chains()
        .filter(|chain| chain.listener == "virtualOutbound" && chain.wasm().is_empty())
        .count();
    ensure!(others > 0, "{}", overview(&configuration));
    Ok(())
}

/// Where both are there, connections are handed to the ServiceEntry's listener, which has no filter of the EnvoyFilter.
fn service_entry_first() -> Result<()> {
    let manifests = files(&["envoy-filter/passthrough.yaml", "traffic/smtp-external.yaml"]);
    let configuration = sent(&manifests, &Proxy::sidecar("mail", &[("app", "billing")]))?;
    ensure!(
        configuration.chains().any(|chain| chain.listener == "0.0.0.0_25" && chain.wasm().is_empty()),
        "{}",
        overview(&configuration)
    );
    Ok(())
}
