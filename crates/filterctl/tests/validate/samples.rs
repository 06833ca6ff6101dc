//! Everything that the repository offers to copy is without mistakes.

use std::fs;
use std::path::{Path, PathBuf};

use filterctl::filters::FILTERS;

use crate::assert_no_error;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// The YAML files of a folder and those below it.
fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn the_envoy_samples() {
    let samples = yaml_files(&deploy().join("envoy"));
    // Prometheus' own configuration stands beside them.
    let samples: Vec<_> = samples.iter().filter(|file| !file.ends_with("prometheus.yaml")).collect();
    assert!(samples.len() >= 8, "{samples:?}");
    samples.into_iter().for_each(|sample| assert_no_error(sample));
}

#[test]
fn the_resources_for_istio() {
    let samples = yaml_files(&deploy().join("istio"));
    // What belongs into Istio's own installation stands beside them.
    let is_resource = |file: &&PathBuf| fs::read_to_string(file).unwrap().contains("\napiVersion:");
    let samples: Vec<_> = samples.iter().filter(is_resource).collect();
    assert!(samples.len() >= 5, "{samples:?}");
    samples.into_iter().for_each(|sample| assert_no_error(sample));
}

#[test]
fn the_values_for_helm() {
    let samples = yaml_files(&deploy().join("helm/ci"));
    assert!(samples.len() >= 5, "{samples:?}");
    samples.iter().for_each(|sample| assert_no_error(sample));
}

#[test]
fn the_examples_of_the_reference() {
    for filter in FILTERS {
        let page = deploy().join(format!("../docs/configuration/{}.md", filter.name));
        let page = fs::read_to_string(page).unwrap();
        let blocks: Vec<_> =
            page.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
        assert!(blocks.len() >= 4, "{blocks:?}");
        for block in blocks {
            filter.check(block.as_bytes()).unwrap_or_else(|error| panic!("{block}: {error}"));
        }
    }
}
