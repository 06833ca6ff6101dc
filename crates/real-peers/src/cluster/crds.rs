//! Custom resource definitions, as their projects publish them: in Go modules, at versions pinned in `go/crds/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::folders::peers_folder;
use crate::go::toolchain;

/// Says what is downloaded; its digests are checked by Go.
const SUMS: &str = include_str!("../../go/crds/go.sum");

/// A file of CRDs in a Go module.
struct Definitions {
    module: &'static str,
    /// Inside the module.
    file: &'static str,
    /// What it is called here.
    name: &'static str,
}

const ISTIO: Definitions = Definitions {
    module: "istio.io/api",
    file: "kubernetes/customresourcedefinitions.gen.yaml",
    name: "istio.yaml",
};

/// Those of the Gateway API that carry TCP.
const GATEWAY_API: [Definitions; 3] = [
    Definitions {
        module: "sigs.k8s.io/gateway-api",
        file: "config/crd/standard/gateway.networking.k8s.io_gatewayclasses.yaml",
        name: "gateway-classes.yaml",
    },
    Definitions {
        module: "sigs.k8s.io/gateway-api",
        file: "config/crd/standard/gateway.networking.k8s.io_gateways.yaml",
        name: "gateways.yaml",
    },
    Definitions {
        module: "sigs.k8s.io/gateway-api",
        file: "config/crd/standard/gateway.networking.k8s.io_tcproutes.yaml",
        name: "tcp-routes.yaml",
    },
];

const PROMETHEUS_RULE: Definitions = Definitions {
    module: "github.com/prometheus-operator/prometheus-operator",
    file: "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    name: "prometheus-rule.yaml",
};

/// The file of all of Istio's CRDs: `istio.io/api`, the version in `go/crds/go.mod`. Downloaded if it is not here.
///
/// # Errors
/// When there is no Go, or the download fails.
pub fn istio() -> Result<PathBuf> {
    ISTIO.install()
}

/// The file of the CRD of Prometheus operator's `PrometheusRule`. Downloaded if it is not here.
///
/// # Errors
/// When there is no Go, or the download fails.
pub fn prometheus_rule() -> Result<PathBuf> {
    PROMETHEUS_RULE.install()
}

/// The files of the CRDs of the Kubernetes Gateway API that carry TCP: its classes, gateways and TCP routes. Downloaded if
/// they are not here.
///
/// # Errors
/// When there is no Go, or the download fails.
pub fn gateway_api() -> Result<Vec<PathBuf>> {
    GATEWAY_API.iter().map(Definitions::install).collect()
}

impl Definitions {
    fn install(&self) -> Result<PathBuf> {
        let folder = folder();
        let kept = folder.join(self.name);
        if kept.is_file() {
            return Ok(kept);
        }
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        if !kept.is_file() {
            eprintln!("downloading the CRDs of {} from Go's module proxy", self.module);
            // Renamed into place when it is complete.
            let partial = folder.join("partial");
            let file = download(self.module)?.join(self.file);
            fs::write(&partial, fs::read(&file).with_context(|| format!("reading {}", file.display()))?)?;
            fs::rename(&partial, &kept)?;
        }
        Ok(kept)
    }
}

/// Where CRDs of these versions are kept.
fn folder() -> PathBuf {
    let digest = Sha256::digest(SUMS);
    let key: String = digest.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    peers_folder().join("crds").join(key)
}

/// What `go mod download -json` says about a module.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    dir: Option<PathBuf>,
    error: Option<String>,
}

/// The folder of a module, at the version that `go/crds/go.mod` names.
fn download(module: &str) -> Result<PathBuf> {
    let output = Command::new(toolchain()?)
        .args(["mod", "download", "-json", module])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go/crds"))
        .stdin(Stdio::null())
        .output()
        .context("starting go")?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let downloaded: Downloaded = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("go mod download of {module}: {said}"))?;
    match downloaded {
        Downloaded { dir: Some(folder), error: None } => Ok(folder),
        Downloaded { error, .. } => bail!("go mod download of {module}: {}", error.unwrap_or(said)),
    }
}
