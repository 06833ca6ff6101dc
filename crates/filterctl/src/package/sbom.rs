//! The bill of materials: CycloneDX 1.5, as JSON. What is linked into each module, and what made it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::TryFrom;

use anyhow::{Result, anyhow, ensure};
use cyclonedx_bom::external_models::date_time::DateTime;
use cyclonedx_bom::external_models::normalized_string::NormalizedString;
use cyclonedx_bom::external_models::spdx::SpdxExpression;
use cyclonedx_bom::external_models::uri::Uri;
use cyclonedx_bom::models::bom::{Bom, SpecVersion, UrnUuid};
use cyclonedx_bom::models::component::{Classification, Component as Entry, Components as Entries, Scope};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::external_reference::{
    ExternalReference, ExternalReferenceType, ExternalReferences,
};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::lifecycle::{Lifecycle, Lifecycles, Phase};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::models::tool::Tools;
use cyclonedx_bom::validation::Validate;

use super::components::{Component, Components, Origin, is_of_standard_library};
use super::release::Release;
use crate::build::sha256;

/// The document, with a line feed at its end.
///
/// # Errors
/// When something in it is not as CycloneDX wants it.
pub(super) fn sbom(release: &Release, components: &Components) -> Result<String> {
    let mut bom = Bom {
        spec_version: SpecVersion::V1_5,
        serial_number: None,
        metadata: Some(metadata(release)?),
        components: Some(Entries(entries(release, components)?)),
        dependencies: Some(Dependencies(dependencies(release, components))),
        ..Bom::default()
    };
    let problems = bom.validate_version(SpecVersion::V1_5);
    ensure!(problems.passed(), "the SBOM is not valid: {problems:?}");
    // The same contents have the same number, in whatever folder and at whatever time they were made.
    bom.serial_number = Some(serial_number(&json(bom.clone())?)?);
    json(bom)
}

fn json(bom: Bom) -> Result<String> {
    let mut text = Vec::new();
    bom.output_as_json_v1_5(&mut text)?;
    let mut text = String::from_utf8(text)?;
    text.push('\n');
    Ok(text)
}

/// A UUID of version 8 (RFC 9562, 5.8) made from the contents.
fn serial_number(contents: &str) -> Result<UrnUuid> {
    let digest = sha256(contents.as_bytes());
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    let uuid =
        [part(0, 8), part(8, 12), &format!("8{}", part(13, 16)), &format!("8{}", part(17, 20)), part(20, 32)];
    UrnUuid::new(format!("urn:uuid:{}", uuid.join("-"))).map_err(|error| anyhow!("{error:?}"))
}

fn metadata(release: &Release) -> Result<Metadata> {
    let mut suite = entry(Classification::Application, &release.name, &release.version, &release.reference());
    suite.licenses = licences(&release.licence);
    let tool = |name: &str, version: &str| {
        entry(Classification::Application, name, version, &format!("tool:{name}@{version}"))
    };
    let mut tools = vec![
        tool("filterctl", env!("CARGO_PKG_VERSION")),
        tool("rustc", release.compiler.strip_prefix("rustc ").unwrap_or(&release.compiler)),
    ];
    tools.extend(release.wasm_opt.as_deref().map(|version| tool("binaryen", version)));
    Ok(Metadata {
        timestamp: Some(DateTime::try_from(release.time_as_text())?),
        tools: Some(Tools::Object { services: None, components: Some(Entries(tools)) }),
        component: Some(suite),
        lifecycles: Some(Lifecycles(vec![Lifecycle::Phase(Phase::Build)])),
        ..Metadata::default()
    })
}

fn entries(release: &Release, components: &Components) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for module in &release.modules {
        let mut entry = entry(Classification::Application, &module.file, &release.version, &module.file);
        entry.hashes = Some(hashes(&module.sha256));
        entry.licenses = licences(&release.licence);
        entries.push(entry);
    }
    for component in components.all_linked() {
        entries.push(linked(component));
    }
    // What only helped to build it is known too, and marked as not being in it.
    let linked: BTreeSet<String> = entries.iter().filter_map(|entry| entry.bom_ref.clone()).collect();
    for component in components.host.iter().filter(|host| !linked.contains(&host.reference())) {
        let mut entry = self::linked(component);
        entry.scope = Some(Scope::Excluded);
        entries.push(entry);
    }
    let names: BTreeSet<_> = entries.iter().map(|entry| &entry.bom_ref).collect();
    ensure!(names.len() == entries.len(), "two components of one name and version");
    Ok(entries)
}

fn linked(component: &Component) -> Entry {
    let mut entry =
        entry(Classification::Library, &component.name, &component.version, &component.reference());
    entry.scope = Some(Scope::Required);
    entry.description = component.description.as_deref().map(NormalizedString::new);
    entry.licenses = licences(&component.licence);
    // It takes any text, and validation looks at it.
    entry.purl = component.purl().and_then(|purl| purl.parse().ok());
    if let Origin::Registry { sha256: Some(digest) } = &component.origin {
        entry.hashes = Some(hashes(digest));
    }
    entry.external_references = component.repository.as_deref().map(|address| {
        ExternalReferences(vec![ExternalReference::new(ExternalReferenceType::Vcs, Uri::new(address))])
    });
    entry
}

fn entry(kind: Classification, name: &str, version: &str, reference: &str) -> Entry {
    Entry::new(kind, name, version, Some(reference.to_owned()))
}

fn hashes(sha256: &str) -> Hashes {
    Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(sha256.to_owned()) }])
}

fn licences(expression: &str) -> Option<Licenses> {
    (!expression.is_empty())
        .then(|| Licenses(vec![LicenseChoice::Expression(SpdxExpression::new(expression))]))
}

/// The suite has modules, a module its package and the standard library, a package what it depends on.
fn dependencies(release: &Release, components: &Components) -> Vec<Dependency> {
    let linked = components.all_linked();
    let references: BTreeSet<String> = linked.iter().map(|component| component.reference()).collect();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    edges.insert(release.reference(), release.modules.iter().map(|module| module.file.clone()).collect());
    for module in &release.modules {
        let of_it = linked.iter().filter(|its| match its.origin {
            Origin::Suite => its.name == module.package,
            Origin::Toolchain => is_of_standard_library(&its.name),
            Origin::Registry { .. } => false,
        });
        edges.insert(module.file.clone(), of_it.map(|component| component.reference()).collect());
    }
    for reference in &references {
        let on = components.depends_on.get(reference).into_iter().flatten();
        edges.insert(reference.clone(), on.filter(|other| references.contains(*other)).cloned().collect());
    }
    let dependency = |(reference, on): (String, BTreeSet<String>)| Dependency {
        dependency_ref: reference,
        dependencies: on.into_iter().collect(),
    };
    edges.into_iter().map(dependency).collect()
}
