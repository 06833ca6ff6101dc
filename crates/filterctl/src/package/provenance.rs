//! Where the release comes from: an in-toto statement (v1) with SLSA's provenance predicate (v1). It is not signed here:
//! the release workflow does that, with the identity of the forge.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};

use super::canonical::pretty;
use super::components::{Component, Components, Origin};
use super::release::Release;
use crate::build::{PINNED, Toolchain};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What `externalParameters` and `internalParameters` mean: described in the release folder's README.
const BUILD_TYPE: &str = "https://example.org/envoy-filters/package/v1";
/// Who built it where nobody says: a person's machine, which vouches for nothing.
pub const LOCAL_BUILDER: &str = "https://example.org/envoy-filters/local-build";

/// Who built a release, and for what occasion.
#[derive(Clone, Debug)]
pub struct Builder {
    /// The URI of who runs the build.
    pub id: String,
    /// The URI of the one run, where there is one.
    pub invocation: Option<String>,
}

/// What a release was made from, besides its packages.
#[derive(Clone, Debug)]
pub(super) struct Materials<'a> {
    /// The compiler.
    pub(super) toolchain: &'a Toolchain,
    /// The digest of binaryen's npm package, in hexadecimal SHA-512.
    pub(super) binaryen: Option<String>,
    /// The command that made it.
    pub(super) command: &'a str,
}

/// The statement about these files, each with its SHA-256 in hexadecimal.
///
/// # Errors
/// When it cannot be written as JSON.
pub(super) fn statement(
    release: &Release,
    components: &Components,
    materials: &Materials<'_>,
    builder: &Builder,
    subjects: &BTreeMap<String, String>,
) -> Result<String> {
    let subject: Vec<Value> =
        subjects.iter().map(|(name, sha256)| json!({"name": name, "digest": {"sha256": sha256}})).collect();
    let mut metadata = serde_json::Map::new();
    if let Some(invocation) = &builder.invocation {
        metadata.insert("invocationId".to_owned(), invocation.clone().into());
    }
    // No times of start and end: they would be the only octets of the folder that differ from build to build.
    pretty(&json!({
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "command": materials.command,
                    "source": {"revision": release.revision},
                },
                "internalParameters": {
                    "rustc": release.compiler,
                    "binaryen": release.wasm_opt,
                    "sourceDateEpoch": release.time,
                },
                "resolvedDependencies": dependencies(release, components, materials),
            },
            "runDetails": {"builder": {"id": builder.id}, "metadata": metadata},
        },
    }))
}

fn dependencies(release: &Release, components: &Components, materials: &Materials<'_>) -> Vec<Value> {
    let commit = release.revision.trim_end_matches("-dirty");
    let mut all = vec![json!({"name": release.name, "digest": {"gitCommit": commit}})];
    let mut compiler = json!({
        "name": release.compiler,
        "uri": format!("pkg:github/rust-lang/rust@{}", release_of(&materials.toolchain.version)),
    });
    if let Some(commit) = &materials.toolchain.commit {
        compiler["digest"] = json!({"gitCommit": commit});
    }
    all.push(compiler);
    if let (Some(version), Some(sha512)) = (&release.wasm_opt, &materials.binaryen) {
        let uri = format!("pkg:npm/binaryen@{version}");
        all.push(json!({"name": "binaryen", "uri": uri, "digest": {"sha512": sha512}}));
    }
    let mut crates: Vec<&Component> = components.all_linked().into_iter().chain(&components.host).collect();
    crates.sort();
    crates.dedup();
    all.extend(crates.into_iter().filter_map(|component| {
        let Origin::Registry { sha256: Some(sha256) } = &component.origin else { return None };
        Some(json!({"uri": component.purl(), "digest": {"sha256": sha256}}))
    }));
    all
}

fn release_of(version: &str) -> &str {
    version.split_whitespace().nth(1).unwrap_or_default()
}

/// The digest of the npm package that wasm-opt of releases comes from, as npm wrote it down when it installed it below
/// `tools`; `None` where another wasm-opt is used.
///
/// # Errors
/// When npm's file is not as it should be.
pub(super) fn binaryen_digest(tools: &Path) -> Result<Option<String>> {
    let lock = tools.join(format!("tools/binaryen-{}/node_modules/.package-lock.json", PINNED.binaryen));
    let Ok(text) = fs::read(&lock) else { return Ok(None) };
    let lock: Value = serde_json::from_slice(&text)?;
    let integrity = lock["packages"]["node_modules/binaryen"]["integrity"].as_str();
    let base64 = integrity.and_then(|text| text.strip_prefix("sha512-"));
    let digest = BASE64.decode(base64.context("npm wrote no sha512 of binaryen")?.as_bytes())?;
    Ok(Some(HEXLOWER.encode(&digest)))
}
