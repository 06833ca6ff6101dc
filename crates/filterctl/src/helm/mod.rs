//! What of the Helm chart in `deploy/helm/` is made: the schema of its values, its README, and its copies of files that
//! stand elsewhere in the repository. A packaged chart has to hold all that it needs.

mod readme;
mod schema;
pub mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub use self::schema::schema;
use crate::filters::FILTERS;
use crate::generated::Generated;
use crate::workspace::Workspace;

/// The chart.
pub const CHART: &str = "deploy/helm";
/// What it carries copies of.
const OBSERVABILITY: &str = "deploy/observability";
/// The files that hold rules for Prometheus, in the order in which they are read.
const RULES: [&str; 3] = ["thresholds.yaml", "recording.yaml", "alerts.yaml"];

/// Every file of the chart that is made. Reads what `filterctl metrics --write` makes, so that comes first.
///
/// # Errors
/// When a file that the chart has a copy of cannot be read.
pub fn files(workspace: &Workspace) -> Result<Vec<Generated>> {
    let root = &workspace.root;
    let schema = serde_json::to_string_pretty(&schema())? + "\n";
    let capabilities: BTreeMap<_, _> =
        FILTERS.iter().map(|filter| (filter.name, filter.capabilities)).collect();
    let mut files = vec![
        of_chart("values.schema.json", schema),
        of_chart("README.md", readme::readme()),
        of_chart("LICENSE", read(&root.join("LICENSE"))?),
        of_chart("files/capabilities.json", serde_json::to_string_pretty(&capabilities)? + "\n"),
    ];
    let observability = root.join(OBSERVABILITY);
    for (number, name) in (1..).zip(RULES) {
        // Numbered, because Helm hands files out by name.
        let contents = read(&observability.join("prometheus").join(name))?;
        files.push(of_chart(&format!("files/prometheus/{number}-{name}"), contents));
    }
    for name in names(&observability.join("grafana"), ".json")? {
        let contents = read(&observability.join("grafana").join(&name))?;
        files.push(of_chart(&format!("files/grafana/{name}"), contents));
    }
    for name in names(&observability, ".yaml")? {
        if name.starts_with("istio-") {
            let contents = read(&observability.join(&name))?;
            files.push(of_chart(&format!("files/istio/{name}"), contents));
        }
    }
    Ok(files)
}

fn of_chart(path: &str, contents: String) -> Generated {
    Generated::new(format!("{CHART}/{path}"), contents)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The names of the files in a folder that end so, in order.
fn names(folder: &Path, ending: &str) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(ending) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
