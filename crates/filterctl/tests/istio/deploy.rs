//! The manifests of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempPath;

/// The folder `deploy/istio/`.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/istio")
}

/// Those files, such as `wasm-plugin/smtp-sidecar-inbound.yaml`.
pub(crate) fn files(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder().join(name)).collect()
}

/// A manifest of a test's own, as a file that lives as long as the returned value.
pub(crate) fn written(text: &str) -> Result<TempPath> {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    fs::write(file.path(), text)?;
    Ok(file.into_temp_path())
}

/// A manifest of `deploy/istio/` with one thing changed, as a file.
pub(crate) fn changed(name: &str, from: &str, to: &str) -> Result<TempPath> {
    let text = fs::read_to_string(folder().join(name))?;
    ensure!(text.contains(from), "{name} has no {from:?}");
    written(&text.replace(from, to))
}

/// All manifests below `deploy/istio/`, without the excerpt of a mesh's configuration, which is no resource.
pub(crate) fn all() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(&folder(), &mut found)?;
    found.retain(|file| !file.ends_with("telemetry/mesh-config.yaml"));
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    Ok(())
}

/// The MeshConfig in `telemetry/mesh-config.yaml`, as YAML of its own.
pub(crate) fn mesh_config() -> Result<String> {
    let text = fs::read_to_string(folder().join("telemetry/mesh-config.yaml"))?;
    let values: serde_json::Value = serde_saphyr::from_str(&text)?;
    // JSON is YAML.
    Ok(values["meshConfig"].to_string())
}
