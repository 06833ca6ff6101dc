//! A real API server with the real CRDs takes every manifest: structure, unknown fields, CEL rules.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};
use real_peers::cluster::{ApiServer, crds};

use crate::Test;
use crate::deploy;

pub(crate) const TESTS: &[Test] = &[
    ("an API server takes every manifest", every_manifest),
    ("an API server refuses what is wrong", wrong_ones),
];

const NAMESPACES: [&str; 5] = ["mail", "directory", "istio-ingress", "istio-egress", "istio-system"];

/// One API server for all tests. It ends with this process.
fn server() -> Result<&'static ApiServer> {
    static SERVER: OnceLock<Result<ApiServer, String>> = OnceLock::new();
    let started = SERVER.get_or_init(|| start().map_err(|error| format!("{error:#}")));
    started.as_ref().map_err(|error| anyhow!("{error}"))
}

fn start() -> Result<ApiServer> {
    let server = ApiServer::start()?;
    server.install_crds(&crds::istio()?)?;
    for file in crds::gateway_api()? {
        server.install_crds(&file)?;
    }
    for namespace in NAMESPACES {
        server.kubectl(&["create", "namespace", namespace])?;
    }
    Ok(server)
}

fn every_manifest() -> Result<()> {
    let server = server()?;
    for file in deploy::all()? {
        let text = fs::read_to_string(&file)?;
        // One by one: kubectl takes several only if they are of one namespace. In front of the first is a comment.
        for resource in text.split("\n---\n").filter(|part| part.contains("apiVersion:")) {
            let checked = namespace(resource).and_then(|namespace| server.check(resource, namespace));
            checked.with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

/// The namespace that a resource names: the cluster has to be told the same.
fn namespace(resource: &str) -> Result<&'static str> {
    NAMESPACES
        .into_iter()
        .find(|name| resource.contains(&format!("\n  namespace: {name}\n")))
        .context("the resource names no known namespace")
}

fn wrong_ones() -> Result<()> {
    let server = server()?;
    let inbound = Path::new("wasm-plugin/smtp-sidecar-inbound.yaml");
    let right = fs::read_to_string(deploy::folder().join(inbound))?;
    for (from, to, complaint) in [
        ("failStrategy:", "failureStrategy:", "failureStrategy"),
        ("mode: SERVER", "mode: LISTENER", "LISTENER"),
        // A CEL rule: at most one way to select.
        ("  selector:\n", "  targetRefs: [{kind: Service, name: postfix}]\n  selector:\n", "targetRef"),
        ("sha256: \"0000", "sha256: \"xyz0", "sha256"),
    ] {
        ensure!(right.contains(from), "the manifest has no {from:?}");
        let wrong = right.replace(from, to);
        match server.check(&wrong, "mail") {
            Ok(()) => bail!("taken with {to:?}"),
            Err(refusal) => {
                let refusal = format!("{refusal:#}");
                ensure!(refusal.contains(complaint), "{to:?}: {refusal}");
            }
        }
    }
    Ok(())
}
