//! What a release is, for all documents that speak of it.

use std::time::{Duration, UNIX_EPOCH};

/// The name of the suite, of its chart, and of the chart's repository in a registry.
pub const SUITE: &str = "envoy-filters";

/// A release.
#[derive(Clone, Debug)]
pub(super) struct Release {
    /// [`SUITE`].
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// The commit, with `-dirty` behind it if the checkout said something else.
    pub(super) revision: String,
    /// The suite's own licence, as an SPDX expression.
    pub(super) licence: String,
    /// The time that everything in it carries, in seconds since 1970.
    pub(super) time: u64,
    /// What `rustc --version` said.
    pub(super) compiler: String,
    /// The version of binaryen; `None` if the modules were not optimised.
    pub(super) wasm_opt: Option<String>,
    /// Its modules.
    pub(super) modules: Vec<ReleasedModule>,
}

/// A module of a release.
#[derive(Clone, Debug)]
pub(super) struct ReleasedModule {
    /// The filter's short name: `smtp`. Also its `root_id`.
    pub(super) filter: String,
    /// The package, which is also its repository in a registry: `smtp-filter`.
    pub(super) package: String,
    /// Its file in the release folder: `smtp-filter.wasm`.
    pub(super) file: String,
    /// The stamped module.
    pub(super) contents: Vec<u8>,
    /// The SHA-256 of that, in hexadecimal.
    pub(super) sha256: String,
}

impl Release {
    /// Its name and version, as the SBOM refers to it.
    pub(super) fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Its time as RFC 3339 writes it, in UTC.
    pub(super) fn time_as_text(&self) -> String {
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(self.time)).to_string()
    }
}
