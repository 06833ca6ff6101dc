//! A release's life on an API server: install, upgrade, roll back, uninstall.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use real_peers::cluster::ApiServer;
use serde_json::{Value, json};

use crate::OfCluster;
use crate::api_server::Cluster;
use crate::examples::values;
use crate::helm::{Helm, chart, values_file};

pub(crate) const TESTS: &[OfCluster] = &[
    ("install, upgrade, roll back, uninstall", whole_life),
    ("a filter taken out of the values is taken out of the cluster", one_filter_less),
];

/// A namespace with Helm at work in it.
pub(crate) struct Place<'a> {
    pub(crate) helm: &'a Helm,
    pub(crate) server: &'a ApiServer,
    pub(crate) namespace: String,
}

impl<'a> Place<'a> {
    /// A namespace of the test's own.
    pub(crate) fn new(helm: &'a Helm, cluster: &'a Cluster, name: &str) -> Result<Self> {
        let namespace = format!("{name}-{}", helm.name.replace(' ', ""));
        let server = cluster.server()?;
        server.kubectl(&["create", "namespace", &namespace])?;
        Ok(Self { helm, server, namespace })
    }

    /// Runs a command of Helm about the release `mail` in this namespace.
    pub(crate) fn helm(&self, command: &[&str]) -> Result<String> {
        self.helm.run(&[command, &["--namespace", &self.namespace]].concat(), Some(&self.server.kubeconfig()))
    }

    /// Installs or upgrades the release with these values; returns what Helm told.
    pub(crate) fn put(&self, verb: &str, values: &Path) -> Result<String> {
        let (chart, values) = (chart(), values.to_str().context("a path that is not text")?);
        self.helm(&[verb, "mail", chart.to_str().context("a path that is not text")?, "--values", values])
    }

    /// The objects of a kind in this namespace.
    pub(crate) fn objects(&self, kind: &str) -> Result<Vec<Value>> {
        let selector = "--selector=app.kubernetes.io/instance=mail";
        let list =
            self.server.kubectl(&["get", kind, "--namespace", &self.namespace, selector, "--output=json"])?;
        let list: Value = serde_json::from_str(&list)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    fn names(&self, kind: &str) -> Result<Vec<String>> {
        let objects = self.objects(kind)?;
        Ok(objects
            .iter()
            .filter_map(|object| Some(object["metadata"]["name"].as_str()?.to_owned()))
            .collect())
    }
}

fn whole_life(helm: &Helm, cluster: &Cluster) -> Result<()> {
    let place = Place::new(helm, cluster, "life")?;
    let level = || -> Result<Value> {
        let plugins = place.objects("wasmplugins")?;
        let relay = plugins.iter().find(|plugin| plugin["metadata"]["name"] == "mail-relay");
        Ok(relay.context("no mail-relay")?["spec"]["pluginConfig"]["level"].clone())
    };
    place.put("install", &values("two-listeners"))?;
    ensure!(place.names("wasmplugins")? == ["mail-relay", "mail-submission"]);
    ensure!(place.names("trafficextensions")? == ["mail-directory"]);
    ensure!(place.names("prometheusrules")? == ["mail-rules"]);
    ensure!(place.objects("configmaps")?.len() == 5, "four dashboards and Istio's settings");
    ensure!(level()? == "summary");

    let more = values_file(&json!({"filters": [{
        "name": "relay",
        "filter": "smtp",
        "placement": "sidecar-inbound",
        "selector": {"app": "mail"},
        "listeners": [{"port": 25}],
        "source": {"oci": "registry.example.com/envoy-filters/smtp-filter:0.1.0"},
        "config": {"level": "detailed"},
    }]}))?;
    place.put("upgrade", &more)?;
    ensure!(level()? == "detailed");
    ensure!(place.names("prometheusrules")?.is_empty(), "rules are left that nobody asks for any more");

    place.helm(&["rollback", "mail", "1"])?;
    ensure!(level()? == "summary");
    ensure!(place.names("prometheusrules")? == ["mail-rules"]);
    ensure!(place.helm(&["history", "mail"])?.contains("Rollback to 1"));

    place.helm(&["uninstall", "mail"])?;
    for kind in ["wasmplugins", "trafficextensions", "prometheusrules", "configmaps", "secrets"] {
        ensure!(place.names(kind)?.is_empty(), "{kind} are left");
    }
    Ok(())
}

fn one_filter_less(helm: &Helm, cluster: &Cluster) -> Result<()> {
    let place = Place::new(helm, cluster, "less")?;
    place.put("install", &values("sidecar"))?;
    ensure!(place.names("wasmplugins")? == ["mail-invoices-to-partner", "mail-postfix"]);
    ensure!(place.names("serviceentries")? == ["mail-invoices-to-partner"]);
    place.put("upgrade", &values("air-gapped"))?;
    ensure!(place.names("wasmplugins")? == ["mail-postfix"]);
    ensure!(place.names("serviceentries")?.is_empty(), "a ServiceEntry is left");
    place.helm(&["uninstall", "mail"]).map(drop)
}
