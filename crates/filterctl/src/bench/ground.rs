//! What every part of the benchmarks stands on: an Envoy, the modules, a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use envoy_runner::EnvoyBinary;

use crate::build;
use crate::filters::{FILTERS, Filter};
use crate::workspace::Workspace;

/// The package of the filter that does nothing.
const EMPTY: &str = "empty-filter";

/// An Envoy, the modules that are compared, and a folder for what is written meanwhile.
#[derive(Debug)]
pub(super) struct Ground {
    /// Which Envoy.
    pub(super) binary: EnvoyBinary,
    /// The modules, by the package that they are built from.
    modules: BTreeMap<&'static str, build::Artifact>,
    folder: PathBuf,
    workspace: Workspace,
}

impl Ground {
    /// Finds or installs Envoy and builds the modules. What takes time says so on standard error.
    ///
    /// # Errors
    /// When there is no Envoy and none can be installed, or a module cannot be built.
    pub(super) fn set(envoy: Option<&Path>) -> Result<Self> {
        let workspace = Workspace::find()?;
        let progress: &mut dyn FnMut(&str) = &mut |step| eprintln!("{step}");
        let binary = EnvoyBinary::find(envoy, &workspace.envoy_installs(), progress)?;
        let mut modules = BTreeMap::new();
        for package in FILTERS.iter().map(|filter| filter.package).chain([EMPTY]) {
            modules.insert(package, built(&workspace, package, progress)?);
        }
        let folder = workspace.target.join("runs").join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { binary, modules, folder, workspace })
    }

    /// Builds a module that only one part is about, and says so on standard error.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(super) fn build(&self, package: &str) -> Result<build::Artifact> {
        built(&self.workspace, package, &mut |step| eprintln!("{step}"))
    }

    /// The module of a filter of the suite.
    pub(super) fn module(&self, filter: &Filter) -> &Path {
        &self.modules[filter.package].path
    }

    /// The module that does nothing.
    pub(super) fn empty(&self) -> &Path {
        &self.modules[EMPTY].path
    }

    /// The modules that are compared, as they were built.
    pub(super) fn artifacts(&self) -> impl Iterator<Item = &build::Artifact> {
        self.modules.values()
    }

    /// A folder of this name within the run's own.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes the folder of a run that went well. After one that did not, its logs are of use.
    pub(super) fn clear(self) {
        // A folder that stays behind harms nobody: `target` is for such things.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn built(workspace: &Workspace, package: &str, progress: &mut dyn FnMut(&str)) -> Result<build::Artifact> {
    let request = build::Request { modules: vec![package.to_owned()], ..build::Request::default() };
    build::build(workspace, &request, progress)?.into_iter().next().context("no module was built")
}
