//! Istio's own code puts the filters of the examples on the intended ports of the intended proxies, and on no others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use real_peers::cluster::istio::{self, Configuration, Proxy};
use serde_json::Value;

use crate::OfHelm;
use crate::examples::{WITHOUT_COPIES, rendered};
use crate::helm::{Helm, scratch};

pub(crate) const TESTS: &[OfHelm] = &[
    ("pilot puts the sidecars' filters on their ports", sidecars),
    ("pilot puts the gateway's filter on its ports", gateway),
    ("pilot puts the egress gateway's filter on its port", egress),
    ("pilot gives each listener its own configuration", two_listeners),
];

/// The `stat_prefix` of each filter, with the ports of the chains that hold it.
type Places = BTreeMap<String, BTreeSet<u64>>;

/// A Service in `namespace`, with ports `name: number → pod's`.
fn service(namespace: &str, name: &str, label: (&str, &str), ports: &[(&str, u16, u16)]) -> String {
    let ports = ports.iter().map(|(name, port, target)| {
        format!("    - {{name: {name}, port: {port}, targetPort: {target}, protocol: TCP}}\n")
    });
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  \
         selector: {{{}: {}}}\n  ports:\n{}",
        label.0,
        label.1,
        ports.collect::<String>()
    )
}

/// What pilot sends a proxy when the example is installed beside `others`.
fn sent(helm: &Helm, example: &str, others: &str, proxy: &Proxy) -> Result<Configuration> {
    let manifests =
        rendered(helm, example, &[&WITHOUT_COPIES[..], &["--set", "test.enabled=false"]].concat())?;
    let folder = scratch().join(format!("pilot-{}-{example}", helm.name.replace(' ', "-")));
    fs::create_dir_all(&folder)?;
    let file = folder.join("manifests.yaml");
    fs::write(&file, format!("{manifests}\n{others}"))?;
    for verdict in istio::validate(&[&file])? {
        ensure!(verdict.errors.is_empty(), "{} {}: {:?}", verdict.kind, verdict.name, verdict.errors);
    }
    istio::listeners(&[&file], proxy)
}

fn places(configuration: &Configuration) -> Result<Places> {
    let mut places = Places::new();
    for chain in configuration.chains() {
        for (_, plugin) in chain.wasm() {
            let text =
                plugin["configuration"]["value"].as_str().context("a configuration that is no text")?;
            let own: Value = serde_json::from_str(text)?;
            ensure!(!chain.is_http(), "in front of HTTP: {}", chain.listener);
            ensure!(plugin["failurePolicy"] == "FAIL_OPEN", "{}", plugin["failurePolicy"]);
            let name = own["stat_prefix"].as_str().context("no stat_prefix")?.to_owned();
            places.entry(name).or_default().insert(chain.port.context("a chain without port")?);
        }
    }
    Ok(places)
}

fn expect(configuration: &Configuration, expected: &[(&str, &[u64])]) -> Result<()> {
    let expected: Places =
        expected.iter().map(|(name, ports)| ((*name).to_owned(), ports.iter().copied().collect())).collect();
    let found = places(configuration)?;
    ensure!(found == expected, "{found:?}, expected {expected:?}");
    Ok(())
}

fn sidecars(helm: &Helm) -> Result<()> {
    let postfix = service(
        "mail",
        "postfix",
        ("app", "postfix"),
        &[("tcp-smtp", 25, 2525), ("tcp-submission", 587, 2587), ("http-admin", 8080, 8080)],
    );
    let server = sent(helm, "sidecar", &postfix, &Proxy::sidecar("mail", &[("app", "postfix")]))?;
    // In a sidecar, chains have the ports of the pod.
    expect(&server, &[("postfix", &[2525, 2587])])?;
    let client = sent(helm, "sidecar", &postfix, &Proxy::sidecar("mail", &[("app", "invoices")]))?;
    expect(&client, &[("invoices-to-partner", &[25])])?;
    let other = sent(helm, "sidecar", &postfix, &Proxy::sidecar("mail", &[("app", "other")]))?;
    expect(&other, &[])
}

fn gateway(helm: &Helm) -> Result<()> {
    let label = ("istio", "ingressgateway");
    let others = [
        service(
            "istio-system",
            "istio-ingressgateway",
            label,
            &[("tcp-ldap", 389, 389), ("tcp-ldaps", 636, 8636)],
        ),
        service("directory", "openldap", ("app", "openldap"), &[("tcp-ldap", 389, 389)]),
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\n\
         metadata: {name: directory, namespace: istio-system}\n\
         spec:\n  selector: {istio: ingressgateway}\n  servers:\n  \
         - {port: {number: 389, name: tcp-ldap, protocol: TCP}, hosts: ['*']}\n  \
         - {port: {number: 636, name: tcp-ldaps, protocol: TCP}, hosts: ['*']}\n\
         ---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n\
         metadata: {name: directory, namespace: istio-system}\n\
         spec:\n  hosts: ['*']\n  gateways: [directory]\n  tcp:\n  \
         - route: [{destination: {host: openldap.directory.svc.cluster.local, port: {number: 389}}}]\n"
            .to_owned(),
    ]
    .concat();
    let proxy = Proxy::gateway("istio-system", &[label]);
    let configuration = sent(helm, "gateway", &others, &proxy)?;
    expect(&configuration, &[("directory", &[389, 8636])])?;
    let plugin = configuration.chains().find_map(|chain| Some(chain.wasm().first()?.1)).context("nowhere")?;
    ensure!(plugin["vmConfig"]["vmId"] == "directory", "{plugin}");
    let allowed = plugin["capabilityRestrictionConfig"]["allowedCapabilities"].as_object();
    let allowed = allowed.context("no restriction")?;
    ensure!(allowed.contains_key("proxy_on_downstream_data") && !allowed.contains_key("proxy_http_call"));
    Ok(())
}

fn egress(helm: &Helm) -> Result<()> {
    let label = ("istio", "egressgateway");
    let others = service("istio-egress", "istio-egressgateway", label, &[("tls-smart-host", 10587, 10587)]);
    let proxy = Proxy::gateway("istio-egress", &[label]);
    expect(&sent(helm, "egress", &others, &proxy)?, &[("smart-host", &[10587])])
}

fn two_listeners(helm: &Helm) -> Result<()> {
    let others = [
        // The second is known as TCP by appProtocol in the example; here by its name, which pilot reads alike.
        service("mail", "mail", ("app", "mail"), &[("tcp-smtp", 25, 25), ("tcp-submission", 587, 587)]),
        service(
            "mail",
            "openldap",
            ("app", "openldap"),
            &[("tcp-ldap", 389, 389), ("tcp-ldap-gc", 3268, 3268)],
        ),
    ]
    .concat();
    let server = sent(helm, "two-listeners", &others, &Proxy::sidecar("mail", &[("app", "mail")]))?;
    expect(&server, &[("mail-relay", &[25]), ("mail-submission", &[587])])?;
    let directory = sent(helm, "two-listeners", &others, &Proxy::sidecar("mail", &[("app", "openldap")]))?;
    expect(&directory, &[("directory", &[389, 3268])])
}
