//! `digests.json`: what to write into Istio's `sha256`, and elsewhere, for each module. It means another thing for each
//! kind of address: the manifest's digest for `oci://`, the module's own for `https://`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::canonical::pretty;
use super::oci::Image;
use super::release::{Release, ReleasedModule};

/// The file's name in the release folder.
pub const DIGESTS: &str = "digests.json";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// The release's version.
    pub version: String,
    /// The commit.
    pub revision: String,
    /// The modules, by the filters' short names.
    pub filters: BTreeMap<String, FilterDigests>,
    /// The chart.
    pub chart: ChartDigests,
}

/// Of one filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterDigests {
    /// The module's file in the release folder.
    pub file: String,
    /// Its size in octets.
    pub size: u64,
    /// Its SHA-256, in hexadecimal: Istio's `sha256` for `https://`, Envoy's for remote code.
    pub sha256: String,
    /// The OCI artifact.
    pub artifact: ImageDigest,
    /// The compat image.
    pub compat: ImageDigest,
}

/// Of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageDigest {
    /// Repository and tag, below whatever it is pushed to.
    pub reference: String,
    /// The SHA-256 of its manifest, in hexadecimal: Istio's `sha256` for `oci://`.
    pub sha256: String,
}

/// Of the chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChartDigests {
    /// The package's file in the release folder.
    pub file: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// It as an image.
    pub image: ImageDigest,
}

impl ImageDigest {
    /// Of this image in the repository.
    pub(super) fn of(repository: &str, image: &Image) -> Self {
        Self { reference: format!("{repository}:{}", image.tag), sha256: image.descriptor.hex().to_owned() }
    }
}

impl FilterDigests {
    /// Of this module and its two images.
    pub(super) fn of(module: &ReleasedModule, artifact: &Image, compat: &Image) -> Self {
        Self {
            file: module.file.clone(),
            size: module.contents.len() as u64,
            sha256: module.sha256.clone(),
            artifact: ImageDigest::of(&module.package, artifact),
            compat: ImageDigest::of(&module.package, compat),
        }
    }
}

impl Digests {
    /// Of a release.
    pub(super) fn new(
        release: &Release,
        filters: BTreeMap<String, FilterDigests>,
        chart: ChartDigests,
    ) -> Self {
        Self { version: release.version.clone(), revision: release.revision.clone(), filters, chart }
    }

    /// As the file has it.
    ///
    /// # Errors
    /// None in practice.
    pub(super) fn text(&self) -> Result<String> {
        pretty(self)
    }
}
