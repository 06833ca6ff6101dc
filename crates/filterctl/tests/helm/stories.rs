//! What only shows where there is a cluster: notes that looked at it, and `helm test`.

use anyhow::{Result, bail, ensure};
use real_peers::cluster::ApiServer;
use real_peers::wait_until;
use serde_json::{Value, json};

use crate::OfCluster;
use crate::api_server::Cluster;
use crate::examples::values;
use crate::helm::{Helm, values_file};
use crate::lifecycle::Place;

pub(crate) const TESTS: &[OfCluster] = &[
    ("the notes name a Service whose port would hang", notes_name_a_service),
    ("the notes tell what is left out", notes_tell_what_is_left_out),
    ("helm test ends as its pod ends", helm_test),
];

/// A mail server's Service.
fn service(name: &str, port_name: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "postfix"}, "ports": [{"name": port_name, "port": 25}]},
    })
    .to_string()
}

fn notes_name_a_service(helm: &Helm, cluster: &Cluster) -> Result<()> {
    let place = Place::new(helm, cluster, "notes")?;
    place.server.apply(&service("postfix-old", "smtp"), &place.namespace)?;
    place.server.apply(&service("postfix-new", "tcp-smtp"), &place.namespace)?;
    let notes = place.put("install", &values("air-gapped"))?;
    let rename = format!("RENAME: Service {}/postfix-old calls port 25 \"smtp\"", place.namespace);
    ensure!(notes.contains(&rename), "{notes}");
    ensure!(!notes.contains("postfix-new"), "{notes}");
    for word in
        ["kind: PeerAuthentication", "25: {mode: STRICT}", "extraStatTags", "app=postfix", "helm test"]
    {
        ensure!(notes.contains(word), "the notes lack {word:?}: {notes}");
    }
    place.helm(&["uninstall", "mail"]).map(drop)
}

fn notes_tell_what_is_left_out(helm: &Helm, cluster: &Cluster) -> Result<()> {
    let place = Place::new(helm, cluster, "left-out")?;
    let nothing = place.put("install", &values_file(&json!({}))?)?;
    ensure!(nothing.contains("No filter is installed"), "{nothing}");
    // This cluster has the kind, so nothing is left out.
    let rules = values_file(&json!({"monitoring": {"prometheusRule": {"enabled": true}}}))?;
    let taken = place.put("upgrade", &rules)?;
    ensure!(!taken.contains("LEFT OUT"), "{taken}");
    ensure!(place.objects("prometheusrules")?.len() == 1, "no rules");
    place.helm(&["uninstall", "mail"])?;
    // One that has neither this nor Istio.
    let bare = ApiServer::start()?;
    let place = Place { helm, server: &bare, namespace: "default".to_owned() };
    let left_out = place.put("install", &rules)?;
    ensure!(left_out.contains("LEFT OUT: the cluster has no PrometheusRule"), "{left_out}");
    let Err(without_istio) = place.put("upgrade", &values("air-gapped")) else { bail!("there is no Istio") };
    ensure!(format!("{without_istio:#}").contains("WasmPlugin"), "{without_istio:#}");
    Ok(())
}

/// No kubelet runs the pod: the test says in its place how it ended.
fn helm_test(helm: &Helm, cluster: &Cluster) -> Result<()> {
    let place = Place::new(helm, cluster, "test")?;
    place.put("install", &values("air-gapped"))?;
    for (phase, succeeds) in [("Succeeded", true), ("Failed", false)] {
        let arguments = ["test", "mail", "--timeout", "60s", "--namespace", &place.namespace];
        let mut testing = helm.command(&arguments, Some(&place.server.kubeconfig()))?;
        let testing = std::thread::spawn(move || testing.output());
        let pod = wait_until("the pod of helm test", || {
            let fresh = |pod: &Value| pod["status"]["phase"] == "Pending";
            Ok(place.objects("pods")?.into_iter().find(fresh))
        })?;
        let services = place.objects("services")?;
        ensure!(services.len() == 1 && services[0]["spec"]["ports"][0]["port"] == 15020, "{services:?}");
        ensure!(services[0]["spec"]["selector"] == json!({"app": "postfix"}), "{services:?}");
        end(&place, pod, phase)?;
        let output = testing.join().map_err(|_| anyhow::anyhow!("helm test panicked"))??;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success() == succeeds, "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    place.helm(&["uninstall", "mail"]).map(drop)
}

fn end(place: &Place<'_>, mut pod: Value, phase: &str) -> Result<()> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    pod["status"]["phase"] = json!(phase);
    let path = format!("/api/v1/namespaces/{}/pods/{name}/status", place.namespace);
    place.server.kubectl_with(&["replace", "--raw", &path, "--filename=-"], &pod.to_string()).map(drop)
}
