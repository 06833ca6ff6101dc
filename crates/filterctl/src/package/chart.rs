//! The chart package: what `helm package deploy/helm` would take, in an archive that is the same every time.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ignore::gitignore::GitignoreBuilder;
use serde_json::Value;

use super::archive::{gzip, tar};
use super::source::Source;

/// The chart's folder, below the repository's root.
pub(super) const CHART: &str = "deploy/helm";
/// What Helm leaves out; its patterns are git's but for negation, which ours does without.
const IGNORED: &str = ".helmignore";
/// Left out by every Helm, whatever the file above says.
const ALWAYS_IGNORED: [&str; 1] = ["templates/.?*"];

/// A packaged chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// `Chart.yaml`.
    pub(super) metadata: Value,
    /// The gzipped archive.
    pub(super) package: Vec<u8>,
}

impl Chart {
    /// Packages the chart of a checkout.
    ///
    /// # Errors
    /// When there is none, or its name or versions are not those given.
    pub(super) fn package(source: &Source, name: &str, version: &str) -> Result<Self> {
        let folder = source.root.join(CHART);
        let text = read(&folder.join("Chart.yaml"))?;
        let text = String::from_utf8(text).context("Chart.yaml is not text")?;
        let metadata: Value = serde_saphyr::from_str(&text).context("deploy/helm/Chart.yaml")?;
        for (field, right) in [("name", name), ("version", version), ("appVersion", version)] {
            let found = metadata.get(field).and_then(Value::as_str).unwrap_or("nothing");
            ensure!(
                found == right,
                "deploy/helm/Chart.yaml: {field} is {found}, but the release's is {right}"
            );
        }
        let mut ignored = GitignoreBuilder::new(&folder);
        // Without such a file nothing is ignored.
        if folder.join(IGNORED).is_file()
            && let Some(error) = ignored.add(folder.join(IGNORED))
        {
            return Err(error).context("deploy/helm/.helmignore");
        }
        for pattern in ALWAYS_IGNORED {
            ignored.add_line(None, pattern)?;
        }
        let ignored = ignored.build()?;
        let mut files = Vec::new();
        for path in source.files(CHART)? {
            let inside = path.strip_prefix(CHART)?;
            if !ignored.matched_path_or_any_parents(inside, false).is_ignore() {
                let name_inside = format!("{name}/{}", inside.to_str().context("a path that is not text")?);
                files.push((name_inside, read(&source.root.join(&path))?));
            }
        }
        // Helm puts it first, and some readers count on that.
        files.sort_by_key(|(path, _)| (path != &format!("{name}/Chart.yaml"), path.clone()));
        Ok(Self { metadata, package: gzip(&tar(&files, source.time)?)? })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}
