//! What the folder says about what is in it: bill of materials, licences, provenance.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use filterctl::build::PINNED;
use filterctl::package::LOCAL_BUILDER;
use real_peers::pypi;
use serde_json::Value;

use crate::Test;
use crate::files::hex;
use crate::ground::{Ground, files};

pub(crate) const TESTS: &[Test] = &[
    ("the SBOM is valid by CycloneDX's own schema", &[], valid_sbom),
    ("the SBOM lists what is linked into each module, and what built it", &[], right_sbom),
    ("every linked component is under an allowed licence, whose text is there", &[], licences),
    ("the provenance statement names all files, the commit, the tools and the crates", &[], provenance),
];

/// CycloneDX's own library, with its schemas.
const VALIDATOR: &str = "cyclonedx-python-lib[json-validation]==11.12.0";
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read())
sys.exit(str(error) if error else 0)
";

fn valid_sbom(ground: &Ground) -> Result<()> {
    let python = pypi::install("cyclonedx", &[VALIDATOR])?.join("bin/python");
    let validate = |document: &[u8]| -> Result<(bool, String)> {
        let file = ground.scratch.join("sbom-to-validate.json");
        fs::write(&file, document)?;
        let output = Command::new(&python).args(["-c", VALIDATE]).stdin(fs::File::open(&file)?).output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let document = ground.read("sbom.cdx.json")?;
    let (valid, said) = validate(&document)?;
    ensure!(valid, "{said}");
    // That the validator looks at it.
    let mut wrong: Value = serde_json::from_slice(&document)?;
    wrong["components"][0]["type"] = "no-such-type".into();
    let (valid, said) = validate(&serde_json::to_vec(&wrong)?)?;
    ensure!(!valid && said.contains("no-such-type"), "{said}");
    Ok(())
}

fn right_sbom(ground: &Ground) -> Result<()> {
    let sbom = ground.json("sbom.cdx.json")?;
    ensure!(sbom["specVersion"] == "1.5" && sbom["metadata"]["timestamp"] == "2024-03-01T12:00:00Z");
    let tools = sbom["metadata"]["tools"]["components"].as_array().context("no tools")?;
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    ensure!(names.contains(&"rustc"), "{names:?}");

    let edges: BTreeMap<&str, Vec<&str>> = sbom["dependencies"]
        .as_array()
        .context("no dependencies")?
        .iter()
        .filter_map(|edge| {
            let on = edge["dependsOn"].as_array().map(Vec::as_slice).unwrap_or_default();
            Some((edge["ref"].as_str()?, on.iter().filter_map(Value::as_str).collect()))
        })
        .collect();
    let reached = |module: &str| {
        let mut seen = BTreeSet::new();
        let mut ahead = vec![module.to_owned()];
        while let Some(next) = ahead.pop() {
            for on in edges.get(next.as_str()).into_iter().flatten() {
                if seen.insert(on.split('@').next().unwrap_or_default().to_owned()) {
                    ahead.push((*on).to_owned());
                }
            }
        }
        seen
    };
    let (smtp, ldap) = (reached("smtp-filter.wasm"), reached("ldap-filter.wasm"));
    for (name, in_smtp, in_ldap) in [
        ("std", true, true),
        ("core", true, true),
        ("panic_unwind", true, true),
        ("proxy-wasm", true, true),
        ("envoy-sdk", true, true),
        ("nom", true, true),
        ("rasn-ldap", false, true),
        ("smtp-filter", true, false),
        ("ldap-filter", false, true),
        // Only runs when something is built, or tested.
        ("syn", false, false),
        ("proptest", false, false),
    ] {
        ensure!(smtp.contains(name) == in_smtp && ldap.contains(name) == in_ldap, "{name}");
    }
    let components = sbom["components"].as_array().context("no components")?;
    let component =
        |name: &str| components.iter().find(|its| its["name"] == name).with_context(|| name.to_owned());
    ensure!(component("syn")?["scope"] == "excluded" && component("nom")?["scope"] == "required");
    ensure!(component("smtp-filter.wasm")?["hashes"][0]["content"] == ground.digests.filters["smtp"].sha256);
    // The lock file's checksum, and the address of one that is on crates.io.
    let nom = component("nom")?;
    let lock = fs::read_to_string(ground.clone.root.join("Cargo.lock"))?;
    let checksum = nom["hashes"][0]["content"].as_str().context("nom without a hash")?;
    ensure!(
        lock.contains(checksum)
            && nom["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/nom@"))
    );
    // Everything linked is reached from a module.
    for linked in components.iter().filter(|its| its["scope"] == "required") {
        let name = linked["name"].as_str().unwrap_or_default();
        ensure!(smtp.contains(name) || ldap.contains(name), "nothing depends on {name}");
    }
    Ok(())
}

fn licences(ground: &Ground) -> Result<()> {
    let sbom = ground.json("sbom.cdx.json")?;
    let document = String::from_utf8(ground.read("LICENSES.md")?)?;
    for component in sbom["components"].as_array().into_iter().flatten() {
        if component["scope"] != "required" {
            continue;
        }
        let field = |name: &str| component[name].as_str().unwrap_or_default();
        let (name, version) = (field("name"), field("version"));
        let licence = component["licenses"][0]["expression"].as_str().context(name.to_owned())?;
        ensure!(document.contains(&format!("| {name} | {version} | {licence} |")), "{name} is not listed");
        if field("purl").starts_with("pkg:cargo/") {
            let reference = format!("{name}@{version}");
            let heads = document.lines().filter(|line| line.starts_with("### "));
            let named = heads
                .flat_map(|line| line.trim_start_matches("### ").split(", "))
                .any(|its| its == reference);
            ensure!(named, "no text of {reference}");
        }
    }
    ensure!(
        document.contains("### the Rust standard library") || document.contains("the Rust standard library,")
    );
    if !ground.any_toolchain {
        let notices = ground.read("licenses/rust-standard-library.html")?;
        ensure!(
            String::from_utf8_lossy(&notices).contains("Copyright notices for The Rust Standard Library")
        );
    }
    Ok(())
}

fn provenance(ground: &Ground) -> Result<()> {
    let statement = ground.json("provenance.json")?;
    ensure!(statement["_type"] == "https://in-toto.io/Statement/v1");
    ensure!(statement["predicateType"] == "https://slsa.dev/provenance/v1");
    let predicate = &statement["predicate"];
    ensure!(predicate["runDetails"]["builder"]["id"] == LOCAL_BUILDER);

    let subjects: BTreeMap<&str, &str> = statement["subject"]
        .as_array()
        .context("no subject")?
        .iter()
        .filter_map(|subject| Some((subject["name"].as_str()?, subject["digest"]["sha256"].as_str()?)))
        .collect();
    let others = files(&ground.release)?;
    let others: BTreeMap<String, String> = others
        .iter()
        .map(|(path, contents)| (path.display().to_string(), hex(contents)))
        // Neither can hold its own digest, nor the other's.
        .filter(|(path, _)| !["SHA256SUMS", "provenance.json"].contains(&path.as_str()))
        .collect();
    ensure!(subjects.len() == others.len());
    for (path, digest) in &others {
        ensure!(subjects.get(path.as_str()) == Some(&digest.as_str()), "{path}");
    }

    let definition = &predicate["buildDefinition"];
    ensure!(definition["externalParameters"]["source"]["revision"] == ground.commit.as_str());
    let materials = definition["resolvedDependencies"].as_array().context("no materials")?;
    ensure!(materials[0]["digest"]["gitCommit"] == ground.commit.as_str());
    let uri = |beginning: &str| {
        materials.iter().find(|its| its["uri"].as_str().is_some_and(|uri| uri.starts_with(beginning)))
    };
    for crate_of_either in ["pkg:cargo/nom@", "pkg:cargo/rasn-ldap@", "pkg:cargo/syn@"] {
        let found = uri(crate_of_either).with_context(|| crate_of_either.to_owned())?;
        ensure!(found["digest"]["sha256"].as_str().is_some_and(|digest| digest.len() == 64), "{found}");
    }
    if !ground.any_toolchain {
        ensure!(definition["internalParameters"]["rustc"] == PINNED.rustc);
        ensure!(definition["internalParameters"]["binaryen"] == PINNED.binaryen);
        let binaryen = uri("pkg:npm/binaryen@").context("no binaryen")?;
        ensure!(binaryen["digest"]["sha512"].as_str().is_some_and(|digest| digest.len() == 128));
        let rust = uri("pkg:github/rust-lang/rust@").context("no compiler")?;
        ensure!(rust["digest"]["gitCommit"].as_str().is_some_and(|commit| commit.len() == 40));
    }
    Ok(())
}
