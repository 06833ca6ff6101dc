//! The plugins of `wasm-plugin/` and `traffic-extension/`: pilot puts each on the intended ports of the intended proxy.

use anyhow::{Context, Result, ensure};
use real_peers::cluster::istio::{Proxy, ProxyKind};

use crate::Test;
use crate::deploy::{files, written};
use crate::expected::{Expected, check, holding, sent};

pub(crate) const TESTS: &[Test] = &[
    ("SMTP at the relay's sidecar", || both_kinds("smtp-sidecar-inbound", &SMTP_INBOUND)),
    ("SMTP at a client's sidecar", || both_kinds("smtp-sidecar-outbound", &SMTP_OUTBOUND)),
    ("SMTP at the egress gateway", || both_kinds("smtp-egress-gateway", &SMTP_EGRESS)),
    ("SMTP at the ingress gateway", || both_kinds("smtp-ingress-gateway", &SMTP_INGRESS)),
    ("LDAP at the directory's sidecar", || both_kinds("ldap-sidecar-inbound", &LDAP_INBOUND)),
    ("LDAP at a client's sidecar", || both_kinds("ldap-sidecar-outbound", &LDAP_OUTBOUND)),
    ("LDAP to the Global Catalog", || both_kinds("ldap-sidecar-outbound", &GLOBAL_CATALOG)),
    ("LDAP at the egress gateway", || both_kinds("ldap-egress-gateway", &LDAP_EGRESS)),
    ("SMTP at a gateway of the Gateway API", gateway_api),
    ("SMTP at a waypoint of an ambient mesh", waypoint),
    ("the labels select the proxy", other_pods),
];

/// A plugin's proxy, what else is in the cluster, and what is expected of it.
struct Placement {
    traffic: &'static [&'static str],
    proxy: fn() -> Proxy,
    expected: Expected<'static>,
}

const SMTP_INBOUND: Placement = Placement {
    traffic: &["traffic/smtp-service.yaml"],
    proxy: || Proxy::sidecar("mail", &[("app", "postfix")]),
    expected: Expected {
        root_id: "smtp",
        stat_prefix: "corp-relay",
        reporter: None,
        direction: "INBOUND",
        // The container's ports: 2525 stands behind the Service's 25.
        ports: &[587, 2525],
    },
};

const SMTP_OUTBOUND: Placement = Placement {
    traffic: &["traffic/smtp-service.yaml", "traffic/smtp-external.yaml"],
    proxy: || Proxy::sidecar("mail", &[("app", "billing")]),
    expected: Expected {
        root_id: "smtp",
        stat_prefix: "billing-outbound",
        reporter: None,
        direction: "OUTBOUND",
        ports: &[25, 587],
    },
};

const SMTP_EGRESS: Placement = Placement {
    traffic: &["traffic/smtp-egress.yaml"],
    proxy: || Proxy::gateway("istio-egress", &[("istio", "egressgateway")]),
    expected: Expected {
        root_id: "smtp",
        stat_prefix: "smart-host",
        reporter: Some("gateway"),
        direction: "OUTBOUND",
        ports: &[10587],
    },
};

const SMTP_INGRESS: Placement = Placement {
    traffic: &["traffic/smtp-service.yaml", "traffic/smtp-ingress.yaml"],
    proxy: || Proxy::gateway("istio-ingress", &[("istio", "ingressgateway")]),
    expected: Expected {
        root_id: "smtp",
        stat_prefix: "mail-ingress",
        reporter: Some("gateway"),
        direction: "OUTBOUND",
        ports: &[25, 465],
    },
};

const LDAP_INBOUND: Placement = Placement {
    traffic: &["traffic/ldap-service.yaml"],
    proxy: || Proxy::sidecar("directory", &[("app", "openldap")]),
    expected: Expected {
        root_id: "ldap",
        stat_prefix: "corp-directory",
        reporter: None,
        direction: "INBOUND",
        ports: &[389, 636],
    },
};

const LDAP_OUTBOUND: Placement = Placement {
    traffic: &["traffic/ldap-service.yaml", "traffic/ldap-external.yaml"],
    proxy: || Proxy::sidecar("directory", &[("app", "portal")]),
    expected: Expected {
        root_id: "ldap",
        stat_prefix: "portal-outbound",
        reporter: None,
        direction: "OUTBOUND",
        ports: &[389],
    },
};

const GLOBAL_CATALOG: Placement = Placement {
    expected: Expected { stat_prefix: "portal-global-catalog", ports: &[3268], ..LDAP_OUTBOUND.expected },
    ..LDAP_OUTBOUND
};

const LDAP_EGRESS: Placement = Placement {
    traffic: &["traffic/ldap-egress.yaml"],
    proxy: || Proxy::gateway("istio-egress", &[("istio", "egressgateway")]),
    expected: Expected {
        root_id: "ldap",
        stat_prefix: "domain-controllers",
        reporter: Some("gateway"),
        direction: "OUTBOUND",
        ports: &[10389],
    },
};

/// The same plugin as a WasmPlugin and as a TrafficExtension: both where they are expected, with the same configuration.
fn both_kinds(plugin: &str, placement: &Placement) -> Result<()> {
    let mut said = Vec::new();
    for folder in ["wasm-plugin", "traffic-extension"] {
        let file = format!("{folder}/{plugin}.yaml");
        let names: Vec<&str> = placement.traffic.iter().copied().chain([file.as_str()]).collect();
        let configuration = sent(&files(&names), &(placement.proxy)())?;
        let mut config = check(&configuration, &placement.expected).with_context(|| file.clone())?.clone();
        // Istio names a filter after its resource (a WasmPlugin's gets a mark), and notes when that was changed last.
        config["name"].take();
        config["vmConfig"]["environmentVariables"]["keyValues"]["ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"]
            .take();
        said.push(config);
    }
    ensure!(said.first() == said.last(), "the two kinds differ: {said:#?}");
    Ok(())
}

/// A gateway that Istio starts for a Gateway resource is selected by `targetRefs`.
fn gateway_api() -> Result<()> {
    let traffic = files(&["traffic/smtp-service.yaml", "traffic/smtp-ingress-gateway-api.yaml"]);
    let plugin = files(&["wasm-plugin/smtp-ingress-gateway-api.yaml"]);
    let gateway = Proxy::gateway("mail", &[("gateway.networking.k8s.io/gateway-name", "mail")]);
    let configuration = sent(&[traffic, plugin].concat(), &gateway)?;
    check(&configuration, &Expected { ports: &[25], ..SMTP_INGRESS.expected })?;
    Ok(())
}

/// A waypoint's chains are those of the Services behind it.
fn waypoint() -> Result<()> {
    let mut manifests =
        files(&["traffic/smtp-service.yaml", "traffic/smtp-waypoint.yaml", "wasm-plugin/smtp-waypoint.yaml"]);
    // What sends a Service's connections through it: here for all of the namespace.
    let namespace = written(
        "apiVersion: v1\n\
         kind: Namespace\n\
         metadata: {name: mail, labels: {istio.io/use-waypoint: waypoint}}\n",
    )?;
    manifests.push(namespace.to_path_buf());
    let labels = [("gateway.networking.k8s.io/gateway-name", "waypoint")];
    let configuration = sent(&manifests, &Proxy::new(ProxyKind::Waypoint, "mail", &labels))?;
    let chains = holding(&configuration, "smtp", "corp-relay");
    let mut names: Vec<&str> = chains.iter().map(|chain| chain.name).collect();
    names.sort_unstable();
    let expected = [25, 587].map(|port| format!("inbound-vip|{port}|tcp|postfix.mail.svc.cluster.local"));
    ensure!(names == expected, "{names:?}");
    ensure!(chains.iter().all(|chain| chain.direction == "INBOUND" && !chain.is_http()));
    Ok(())
}

/// Another pod of the namespace gets nothing.
fn other_pods() -> Result<()> {
    let manifests = files(&["traffic/smtp-service.yaml", "wasm-plugin/smtp-sidecar-inbound.yaml"]);
    let other = sent(&manifests, &Proxy::sidecar("mail", &[("app", "webmail")]))?;
    ensure!(holding(&other, "smtp", "corp-relay").is_empty());
    Ok(())
}
