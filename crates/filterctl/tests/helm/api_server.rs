//! What the chart makes is taken by Kubernetes' API server with the definitions of Istio and of Prometheus operator.

use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use real_peers::cluster::{ApiServer, crds};

use crate::OfCluster;
use crate::examples::{EXAMPLES, objects, rendered};
use crate::helm::Helm;

pub(crate) const TESTS: &[OfCluster] =
    &[("every example passes structure and rules of the definitions", every_example_passes)];

/// One API server for all tests, started by the first that needs it. Each test has a namespace of its own.
#[derive(Default)]
pub(crate) struct Cluster(OnceLock<Result<ApiServer, String>>);

impl Cluster {
    /// The server.
    pub(crate) fn server(&self) -> Result<&ApiServer> {
        let started = self.0.get_or_init(|| start().map_err(|error| format!("{error:#}")));
        started.as_ref().map_err(|error| anyhow!("{error}"))
    }
}

fn start() -> Result<ApiServer> {
    let server = ApiServer::start()?;
    server.install_crds(&crds::istio()?)?;
    server.install_crds(&crds::prometheus_rule()?)?;
    // What the examples name, and the release's.
    for namespace in ["mail", "istio-system", "istio-egress"] {
        server.kubectl(&["create", "namespace", namespace])?;
    }
    Ok(server)
}

fn every_example_passes(helm: &Helm, cluster: &Cluster) -> Result<()> {
    for (example, kinds) in EXAMPLES {
        let manifests = rendered(helm, example, &[])?;
        ensure!(objects(&manifests)?.len() >= kinds.len(), "{example} makes nothing");
        cluster.server()?.check(&manifests, "mail").with_context(|| example.to_owned())?;
    }
    Ok(())
}
