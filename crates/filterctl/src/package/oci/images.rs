//! The images of a release: each module in the two forms that Istio's agent takes, and the chart as Helm stores it.
//!
//! The forms of a module are those of solo.io's Wasm image specification, which Istio follows: an OCI artifact with the
//! module as a layer of its own type, and the "compat" variant for registries and tools that know images only.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::layout::{Descriptor, Image};
use crate::package::archive::{gzip, tar};
use crate::package::canonical::canonical;
use crate::package::release::{Release, ReleasedModule};

/// The module itself.
const WASM_LAYER: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
/// What runtime it is for. As the specification has it, this is a layer; it is the config as well.
const WASM_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const IMAGE_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CHART_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// The file that Istio's agent looks for in the last layer of a compat image.
const PLUGIN: &str = "plugin.wasm";
/// The version of the ABI that the modules export: `proxy_abi_version_0_2_1`.
const ABI: &str = "0.2.1";

/// The OCI artifact of a module: its tag is the version.
///
/// # Errors
/// None in practice: it writes into memory.
pub(in crate::package) fn wasm_artifact(release: &Release, module: &ReleasedModule) -> Result<Image> {
    let config = runtime_config(module)?;
    let layers = vec![
        (Descriptor::of(WASM_CONFIG, &config).titled("runtime-config.json"), config.clone()),
        (Descriptor::of(WASM_LAYER, &module.contents).titled(&module.file), module.contents.clone()),
    ];
    let config = (Descriptor::of(WASM_CONFIG, &config), config);
    Image::new(&release.version, config, layers, annotations(release, &module.package))
}

/// The compat image of a module: its tag is the version and `-compat`.
///
/// # Errors
/// When the archive cannot be made.
pub(in crate::package) fn compat_image(release: &Release, module: &ReleasedModule) -> Result<Image> {
    let files = [
        (PLUGIN.to_owned(), module.contents.clone()),
        ("runtime-config.json".to_owned(), runtime_config(module)?),
    ];
    let archive = tar(&files, release.time)?;
    let layer = gzip(&archive)?;
    let created = release.time_as_text();
    let config = to_vec(&json!({
        "created": created,
        // A module runs on any machine, but tools insist on these two.
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [Descriptor::of("", &archive).digest]},
        "history": [{"created": created, "created_by": "filterctl package"}],
    }))?;
    let mut annotations = annotations(release, &module.package);
    annotations.insert("module.wasm.image/variant".to_owned(), "compat".to_owned());
    Image::new(
        &format!("{}-compat", release.version),
        (Descriptor::of(IMAGE_CONFIG, &config), config),
        vec![(Descriptor::of(IMAGE_LAYER, &layer), layer)],
        annotations,
    )
}

/// The chart as `helm push` stores it: its `Chart.yaml` as JSON, and the package.
///
/// # Errors
/// None in practice: it writes into memory.
pub(in crate::package) fn chart(release: &Release, metadata: &Value, package: Vec<u8>) -> Result<Image> {
    let config = to_vec(metadata)?;
    Image::new(
        &release.version,
        (Descriptor::of(CHART_CONFIG, &config), config),
        vec![(Descriptor::of(CHART_LAYER, &package), package)],
        annotations(release, &release.name),
    )
}

fn runtime_config(module: &ReleasedModule) -> Result<Vec<u8>> {
    to_vec(&json!({
        "type": "envoy_proxy",
        "abiVersions": [ABI],
        "config": {"root_ids": [module.filter]},
    }))
}

/// image-spec, annotations.md.
fn annotations(release: &Release, title: &str) -> BTreeMap<String, String> {
    [
        ("title", title),
        ("version", &release.version),
        ("revision", &release.revision),
        ("licenses", &release.licence),
        ("created", &release.time_as_text()),
    ]
    .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()))
    .into()
}

fn to_vec(value: &Value) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(&canonical(value))?)
}
