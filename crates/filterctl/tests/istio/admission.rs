//! Istio's admission webhook takes every manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use real_peers::cluster::istio::{self, Verdict};

use crate::Test;
use crate::deploy;

pub(crate) const TESTS: &[Test] = &[
    ("Istio's admission checks take every manifest", every_manifest),
    ("Istio's admission checks refuse what is wrong", wrong_ones),
];

/// What Istio says about every EnvoyFilter.
const ABOUT_ENVOY_FILTERS: &str = "EnvoyFilter exposes internal implementation details";

/// The ServiceEntry that is meant for any address has none, which Istio warns of.
const ANY_ADDRESS: (&str, &str) = (
    "any-mail-server",
    "addresses are required for ports serving TCP (or unset) protocol when IP Autoallocation is not enabled",
);

fn every_manifest() -> Result<()> {
    let files = deploy::all()?;
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let verdicts = istio::validate(&files)?;
    for kind in
        ["WasmPlugin", "TrafficExtension", "EnvoyFilter", "PeerAuthentication", "ServiceEntry", "Gateway"]
    {
        ensure!(
            verdicts.iter().any(|verdict| verdict.istio && verdict.kind == kind),
            "no {kind} was checked"
        );
    }
    for Verdict { file, kind, name, errors, warnings, .. } in &verdicts {
        ensure!(errors.is_empty(), "{}: {kind} {name}: {errors:?}", file.display());
        let known = |warning: &str| {
            warning.starts_with(ABOUT_ENVOY_FILTERS) || (name.as_str(), warning) == ANY_ADDRESS
        };
        let other: Vec<_> = warnings.iter().filter(|warning| !known(warning)).collect();
        ensure!(other.is_empty(), "{}: {kind} {name}: {other:?}", file.display());
    }
    Ok(())
}

fn wrong_ones() -> Result<()> {
    let plugin = |line: &str| {
        format!(
            "apiVersion: extensions.istio.io/v1alpha1\n\
             kind: WasmPlugin\n\
             metadata: {{name: wrong, namespace: mail}}\n\
             spec:\n  url: oci://registry.example.com/smtp-filter:0.1.0\n  type: NETWORK\n  {line}\n"
        )
    };
    for (line, complaint) in [
        ("sha256: 12ab", "sha256 field must be 64 characters long"),
        ("match: [{ports: [{number: 70000}]}]", "out of range"),
        ("failStrategy: FAIL_SOFTLY", "FAIL_SOFTLY"),
    ] {
        let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
        std::fs::write(file.path(), plugin(line))?;
        let verdicts = istio::validate(&[file.path()])?;
        let verdict = verdicts.first().context("no verdict")?;
        ensure!(verdict.errors.iter().any(|error| error.contains(complaint)), "{line}: {:?}", verdict.errors);
    }
    Ok(())
}
