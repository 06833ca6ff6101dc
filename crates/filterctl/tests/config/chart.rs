//! `--for istio` writes what the Helm chart makes of `--for helm`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use filterctl::workspace::Workspace;
use real_peers::cluster::HELM_3;
use serde_json::Value;

use crate::{Test, config};

pub(crate) const TESTS: &[Test] = &[
    ("chart: WasmPlugin is rendered as it is written", || rendered("WasmPlugin")),
    ("chart: TrafficExtension is rendered as it is written", || rendered("TrafficExtension")),
    ("chart: EnvoyFilter is rendered as it is written", || rendered("EnvoyFilter")),
];

/// The release's name, which the chart puts in front of every name.
const RELEASE: &str = "zz";

fn rendered(api: &str) -> Result<()> {
    let sum = "ab".repeat(32);
    let sources: [&[&str]; 4] = [
        &[],
        &["--source", "oci://r.example.com/x/smtp-filter:2", "--sha256", &sum],
        &["--source", "https://h.example.com/smtp-filter.wasm", "--sha256", &sum],
        &["--source", "/var/local/smtp-filter.wasm"],
    ];
    let workloads: [(&str, &[&str]); 5] = [
        ("sidecar-inbound", &["--listener", "25", "--listener", "587/1587"]),
        ("sidecar-outbound", &["--listener", "a-name=25", "--selector", "app=x", "--selector", "tier=back"]),
        ("gateway", &["--listener", "25", "--failure", "reload"]),
        ("egress", &["--listener", "25", "--failure", "closed", "--level", "detailed"]),
        ("gateway", &["--listener", "25", "--target-gateway", "mail", "--reporter", "unspecified"]),
    ];
    for (filter, (placement, more)) in
        ["smtp", "ldap"].into_iter().flat_map(|filter| workloads.map(|it| (filter, it)))
    {
        if api == "EnvoyFilter" && more.contains(&"--target-gateway") {
            continue;
        }
        // Sources and places do not depend on each other: each source with one filter and place is enough.
        let sources = if filter == "smtp" && placement == "gateway" { &sources[..] } else { &sources[..1] };
        for source in sources {
            let answers =
                [&["--api", api, "--placement", placement, "--namespace", "mail"], more, source].concat();
            compare(filter, &answers).with_context(|| format!("{filter} {}", answers.join(" ")))?;
        }
    }
    Ok(())
}

fn compare(filter: &str, answers: &[&str]) -> Result<()> {
    let written = |target| config(&[&[filter, "--for", target], answers].concat());
    let ours = documents(&written("istio")?)?;
    let theirs = documents(&template(&written("helm")?)?.replace(&format!("{RELEASE}-"), ""))?;
    let kinds = ["WasmPlugin", "TrafficExtension", "EnvoyFilter"];
    let theirs: Vec<&Value> =
        theirs.iter().filter(|it| it["kind"].as_str().is_some_and(|kind| kinds.contains(&kind))).collect();
    ensure!(ours.len() == theirs.len() && !ours.is_empty(), "{} resources, not {}", theirs.len(), ours.len());
    for ours in &ours {
        let name = &ours["metadata"]["name"];
        let Some(theirs) = theirs.iter().find(|it| it["metadata"]["name"] == *name) else {
            bail!("no {name}")
        };
        for part in ["apiVersion", "kind", "spec"] {
            let (ours, theirs) = (read_strings(&ours[part]), read_strings(&theirs[part]));
            ensure!(ours == theirs, "{name}: {part}: written {ours:#}\nrendered {theirs:#}");
        }
        ensure!(
            ours["metadata"]["namespace"] == theirs["metadata"]["namespace"],
            "{name}: another namespace"
        );
    }
    Ok(())
}

/// What the chart makes of these values.
fn template(values: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("values.yaml");
    fs::write(&file, values)?;
    let helm = HELM_3.find().context("no helm")?;
    let output = Command::new(helm)
        .args(["template", RELEASE])
        .arg(Workspace::find()?.root.join("deploy/helm"))
        .arg("--values")
        .arg(&file)
        .env("HOME", folder.path())
        .output()?;
    ensure!(output.status.success(), "helm template: {}\n{values}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn documents(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// JSON in strings, by what it says: the order of its fields is free.
pub(crate) fn read_strings(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('{') => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        Value::Array(items) => items.iter().map(read_strings).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), read_strings(value))).collect()
        }
        _ => value.clone(),
    }
}
