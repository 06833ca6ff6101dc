//! What the chart makes of its examples, as it was read and found right.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use similar::TextDiff;

use crate::OfHelm;
use crate::helm::{Helm, chart, repository};

/// The examples in the chart's `ci/`, each with the kinds of object that it shows.
pub(crate) const EXAMPLES: [(&str, &[&str]); 5] = [
    ("sidecar", &["WasmPlugin", "ServiceEntry"]),
    ("gateway", &["EnvoyFilter", "TrafficExtension"]),
    ("egress", &["WasmPlugin", "ServiceEntry", "Gateway", "DestinationRule", "VirtualService"]),
    ("two-listeners", &["WasmPlugin", "TrafficExtension", "PrometheusRule", "ConfigMap"]),
    ("air-gapped", &["WasmPlugin"]),
];

pub(crate) const TESTS: &[OfHelm] = &[
    ("the examples make what was reviewed", what_was_reviewed),
    ("rules and dashboards are those of deploy/observability", monitoring),
];

/// Rules and dashboards are copies, which the next test looks at.
pub(crate) const WITHOUT_COPIES: [&str; 6] = [
    "--set",
    "monitoring.prometheusRule.enabled=false",
    "--set",
    "monitoring.dashboards.enabled=false",
    "--set",
    "monitoring.istioStats.enabled=false",
];

/// An example's values.
pub(crate) fn values(example: &str) -> std::path::PathBuf {
    chart().join(format!("ci/{example}-values.yaml"))
}

/// What the chart makes of an example, as text.
pub(crate) fn rendered(helm: &Helm, example: &str, more: &[&str]) -> Result<String> {
    let said = helm.template(&values(example), more)?;
    ensure!(said.succeeded, "{example}: {}", said.stderr);
    Ok(said.stdout)
}

/// The objects in a text of several documents.
pub(crate) fn objects(manifests: &str) -> Result<Vec<Value>> {
    let documents = manifests.split("\n---\n").filter(|document| document.contains("\nkind:"));
    documents.map(|document| serde_saphyr::from_str(document).context("reading what Helm wrote")).collect()
}

fn what_was_reviewed(helm: &Helm) -> Result<()> {
    let mut differing = Vec::new();
    for (example, kinds) in EXAMPLES {
        let whole = objects(&rendered(helm, example, &[])?)?;
        for kind in kinds {
            ensure!(whole.iter().any(|object| object["kind"] == *kind), "{example} makes no {kind}");
        }
        // Helm 4 writes some blank lines more than Helm 3.
        let rendered = rendered(helm, example, &WITHOUT_COPIES)?.replace("\n\n---\n", "\n---\n");
        let rendered = format!("{}\n", rendered.trim_end());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/helm/snapshots/{example}.yaml"));
        if std::env::var("HELM_SNAPSHOTS_RECORD").is_ok_and(|value| value == "1") {
            fs::write(&file, &rendered)?;
        }
        let reviewed = fs::read_to_string(&file).unwrap_or_default();
        if reviewed != rendered {
            let diff = TextDiff::from_lines(&reviewed, &rendered);
            differing.push(diff.unified_diff().header(example, helm.name).to_string());
        }
    }
    if differing.is_empty() {
        return Ok(());
    }
    bail!(
        "HELM_SNAPSHOTS_RECORD=1 cargo test --package filterctl --test helm records anew\n{}",
        differing.join("\n")
    )
}

fn monitoring(helm: &Helm) -> Result<()> {
    let made = objects(&rendered(helm, "two-listeners", &[])?)?;
    let rule = made.iter().find(|object| object["kind"] == "PrometheusRule").context("no PrometheusRule")?;
    let mut groups = Vec::new();
    for name in ["thresholds", "recording", "alerts"] {
        let file = repository().join(format!("deploy/observability/prometheus/{name}.yaml"));
        let text = fs::read_to_string(&file)?
            .replace("https://example.org/envoy-filters/", "https://runbooks.example.com/envoy-filters/");
        let rules: Value = serde_saphyr::from_str(&text)?;
        groups.extend(rules["groups"].as_array().context("no groups")?.clone());
    }
    ensure!(
        rule["spec"]["groups"] == Value::Array(groups),
        "the rules are not those of deploy/observability"
    );
    let mut dashboards = 0;
    for file in fs::read_dir(repository().join("deploy/observability/grafana"))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let text = fs::read_to_string(file.path())?;
        let config_map =
            made.iter().find(|object| object["metadata"]["name"] == format!("mail-dashboard-{stem}"));
        let config_map = config_map.with_context(|| format!("no ConfigMap with {name}"))?;
        ensure!(
            config_map["metadata"]["labels"]["grafana_dashboard"] == "1",
            "Grafana would not find {name}"
        );
        let copy = config_map["data"][format!("envoy-filters-{name}")].as_str().unwrap_or_default();
        ensure!(copy.trim() == text.trim(), "{name} is another in the ConfigMap");
        dashboards += 1;
    }
    ensure!(dashboards == 4, "{dashboards} dashboards");
    Ok(())
}
