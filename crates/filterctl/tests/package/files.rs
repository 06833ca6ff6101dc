//! The folder: complete, with right checksums, and modules that say what they are.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use filterctl::filters::FILTERS;
use filterctl::package::Stamp;
use filterctl::package::folder::verify;
use sha2::{Digest, Sha256};
use wasmparser::{Parser, Payload};

use crate::Test;
use crate::ground::{Ground, files, git};

pub(crate) const TESTS: &[Test] = &[
    ("the folder has everything, and sha256sum -c passes", &[], complete),
    ("every module is stamped, small, and valid", &[], stamped),
    ("--inspect prints the stamp, and refuses what has none", &[], inspected),
    ("samples and documents are those of the commit", &[], copied),
    ("every link of a document leads to something in the folder", &[], links),
];

/// As `crates/filterctl/tests/envoy` has them.
const LARGEST: [(&str, u64); 2] = [("smtp", 300_000), ("ldap", 400_000)];

fn complete(ground: &Ground) -> Result<()> {
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&ground.release)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    verify(&ground.release)?;
    let found = files(&ground.release)?;
    let lines = String::from_utf8(output.stdout)?.lines().count();
    ensure!(lines + 1 == found.len(), "{lines} of {} files are listed", found.len());

    let found: BTreeSet<String> = found.iter().map(|(path, _)| path.display().to_string()).collect();
    let chart = format!("envoy-filters-{}.tgz", ground.digests.version);
    for expected in [
        "README.md",
        "LICENSE",
        "LICENSES.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "BENCHMARKS.md",
        "digests.json",
        "sbom.cdx.json",
        "provenance.json",
        "smtp-filter.wasm",
        "ldap-filter.wasm",
        "oci/smtp-filter/index.json",
        "oci/ldap-filter/oci-layout",
        "oci/envoy-filters/index.json",
        "docs/README.md",
        "deploy/helm/Chart.yaml",
        &chart,
    ] {
        ensure!(found.contains(expected), "{expected} is missing");
    }
    // Every file that the README names is there.
    let readme = String::from_utf8(ground.read("README.md")?)?;
    ensure!(!readme.contains(['{', '}']), "a placeholder is left in the README");
    for named in readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        let is_image = named.contains(':');
        ensure!(is_image || ground.release.join(named).exists(), "the README names {named}");
    }
    Ok(())
}

fn stamped(ground: &Ground) -> Result<()> {
    for filter in FILTERS {
        let digests = &ground.digests.filters[filter.name];
        let module = ground.read(&digests.file)?;
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(&module)?;
        ensure!(digests.size == module.len() as u64 && digests.sha256 == hex(&module));
        let largest = LARGEST.iter().find(|(name, _)| *name == filter.name).context("no limit")?.1;
        ensure!(digests.size <= largest, "{} has {} octets", digests.file, digests.size);

        let text = |name: &str| Ok::<_, anyhow::Error>(String::from_utf8(section(&module, name)?)?);
        ensure!(text("version")? == env!("CARGO_PKG_VERSION"));
        ensure!(text("revision")? == ground.commit && ground.digests.revision == ground.commit);
        ensure!(text("licenses")? == "Apache-2.0");
        let stamp = Stamp::of(&module)?;
        ensure!(stamp.config_schema == filter.schema(), "the schema in {} is another one", digests.file);
        // A rough idea of what the stamp costs, so that it does not grow unseen.
        let schema = section(&module, "config-schema.gz")?.len();
        ensure!(schema < 4_000, "the schema takes {schema} octets");
    }
    Ok(())
}

fn section(module: &[u8], name: &str) -> Result<Vec<u8>> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == name
        {
            return Ok(section.data().to_vec());
        }
    }
    anyhow::bail!("no section {name}")
}

fn inspected(ground: &Ground) -> Result<()> {
    let inspect = |file: &str, more: &[&str]| -> Result<(bool, String, String)> {
        let mut command = ground.filterctl();
        let output =
            command.args(["package", "--inspect"]).arg(ground.release.join(file)).args(more).output()?;
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        Ok((output.status.success(), text(&output.stdout), text(&output.stderr)))
    };
    let (_, text, _) = inspect("ldap-filter.wasm", &[])?;
    ensure!(text.contains(&format!("revision  {}\n", ground.commit)), "{text}");
    ensure!(text.contains("\"stat_prefix\""), "{text}");
    let (_, json, _) = inspect("smtp-filter.wasm", &["--json"])?;
    let stamp: serde_json::Value = serde_json::from_str(&json)?;
    ensure!(stamp["version"] == env!("CARGO_PKG_VERSION") && stamp["config_schema"].is_object(), "{stamp}");
    let (good, _, error) = inspect("README.md", &[])?;
    ensure!(!good && error.lines().count() == 1 && error.contains("this is no Wasm module"), "{error}");
    Ok(())
}

fn copied(ground: &Ground) -> Result<()> {
    for folder in ["deploy", "docs"] {
        let tracked = git(&ground.clone.root, &["ls-files", "-z", folder])?;
        let tracked: BTreeSet<_> = tracked.split_terminator('\0').map(str::to_owned).collect();
        let found: BTreeSet<_> = files(&ground.release.join(folder))?
            .iter()
            .map(|(path, _)| format!("{folder}/{}", path.display()))
            .collect();
        ensure!(found == tracked, "{folder}: {:?}", found.symmetric_difference(&tracked).next());
        for file in &found {
            ensure!(ground.read(file)? == std::fs::read(ground.clone.root.join(file))?, "{file} differs");
        }
    }
    Ok(())
}

/// Who has the folder only must not be sent away.
fn links(ground: &Ground) -> Result<()> {
    let mut seen = 0;
    for (path, contents) in files(&ground.release)? {
        if path.extension().is_none_or(|extension| extension != "md") || path.ends_with("LICENSES.md") {
            continue;
        }
        let text = String::from_utf8(contents)?;
        // Code, in a line or in a block, is between backticks.
        let prose: String = text.split('`').step_by(2).collect();
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let place = ground.release.join(&path).with_file_name("").join(file);
            let inside = place.canonicalize().is_ok_and(|place| place.starts_with(&ground.release));
            ensure!(inside, "{} has a link to {target}", path.display());
            seen += 1;
        }
    }
    ensure!(seen > 0, "no document has a link");
    Ok(())
}

pub(crate) fn hex(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}
