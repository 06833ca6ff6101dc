//! The Cargo workspace that a command works on: its folders, and which of its packages are Wasm modules.
//!
//! A package becomes a module by saying so in its `Cargo.toml`:
//!
//! ```toml
//! [package.metadata.filterctl]
//! module = "smtp"       # the name it goes by on the command line
//! kind = "network"      # optional: how `filterctl run` runs it
//! test-only = true      # optional: built only where it is named
//! ```

use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::{CrateType, Metadata, MetadataCommand, Package};
use serde::Deserialize;

use crate::kind::Kind;

/// A Cargo workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its root folder.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// The packages that are Wasm modules, in order of their names.
    pub modules: Vec<Module>,
}

/// A package that becomes a Wasm module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The short name, such as `smtp`.
    pub name: String,
    /// The package, such as `smtp-filter`.
    pub package: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// What kind of extension it is, if it says so.
    pub kind: Option<Kind>,
    /// Whether it is built only where it is named.
    pub test_only: bool,
}

/// Why a workspace cannot be worked on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// Cargo does not see a workspace there.
    #[error("no Cargo workspace at {}: {reason}", folder.display())]
    NotFound {
        /// Where it was looked for.
        folder: PathBuf,
        /// What Cargo said.
        reason: String,
    },
    /// A package's `[package.metadata.filterctl]` is not as it should be.
    #[error("{}: [package.metadata.filterctl]: {reason}", manifest.display())]
    Metadata {
        /// The `Cargo.toml`.
        manifest: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Declaration {
    module: String,
    kind: Option<Kind>,
    #[serde(default)]
    test_only: bool,
}

impl Workspace {
    /// The workspace that the current folder belongs to; else, if the tool is run from elsewhere, the one that
    /// it was built in.
    ///
    /// # Errors
    /// If there is none, or a module is declared wrongly.
    pub fn find() -> Result<Self, WorkspaceError> {
        let here = Self::at(Path::new("."));
        match here {
            Err(WorkspaceError::NotFound { .. }) => Self::of_the_tool().map_or(here, Ok),
            _ => here,
        }
    }

    /// The workspace that this tool was built in, where the SDK is; `None` when it is not there any more.
    pub fn of_the_tool() -> Option<Self> {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR"))).ok()
    }

    /// The workspace that this folder belongs to.
    ///
    /// # Errors
    /// If there is none, or a module is declared wrongly.
    pub fn at(folder: &Path) -> Result<Self, WorkspaceError> {
        let metadata = MetadataCommand::new().current_dir(folder).no_deps().exec().map_err(|error| {
            WorkspaceError::NotFound { folder: folder.to_owned(), reason: cargo_said(&error) }
        })?;
        let mut modules = modules(&metadata)?;
        modules.sort_by(|a, b| a.package.cmp(&b.package));
        Ok(Self {
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
            modules,
        })
    }

    /// The module with this short name or package name.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name || module.package == name)
    }

    /// The module whose package the current folder belongs to.
    pub fn module_here(&self) -> Option<&Module> {
        let here = env::current_dir().ok()?.canonicalize().ok()?;
        // Of packages inside packages, the innermost.
        let around = self.modules.iter().filter(|module| here.starts_with(&module.folder));
        around.max_by_key(|module| module.folder.as_os_str().len())
    }

    /// The folder below which releases of Envoy are installed.
    pub fn envoy_installs(&self) -> PathBuf {
        self.tools().join("envoy")
    }

    /// The folder below which the tool installs what it needs: one for all projects that are made with one checkout
    /// of the SDK.
    pub fn tools(&self) -> PathBuf {
        Self::of_the_tool().map_or_else(|| self.target.clone(), |workspace| workspace.target)
    }
}

/// The target folder of the workspace that [`Workspace::find`] finds; without one, `target` in the current
/// folder, for a tool that was installed away from its sources.
pub fn target_dir() -> PathBuf {
    Workspace::find().map_or_else(|_| PathBuf::from("target"), |workspace| workspace.target)
}

fn modules(metadata: &Metadata) -> Result<Vec<Module>, WorkspaceError> {
    let mut modules: Vec<Module> = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(module) = declared(package)? else { continue };
        if let Some(other) = modules.iter().find(|other| other.name == module.name) {
            let reason = format!("module = \"{}\" is taken by the package {}", module.name, other.package);
            return Err(wrong(package, reason));
        }
        modules.push(module);
    }
    Ok(modules)
}

fn declared(package: &Package) -> Result<Option<Module>, WorkspaceError> {
    let Some(value) = package.metadata.get("filterctl") else { return Ok(None) };
    let Declaration { module, kind, test_only } =
        serde_path_to_error::deserialize(value).map_err(|error| wrong(package, error.to_string()))?;
    if module.is_empty()
        || !module.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    {
        return Err(wrong(package, format!("module = \"{module}\": a name is letters, digits, `-` and `_`")));
    }
    if !package.targets.iter().any(|target| target.crate_types.contains(&CrateType::CDyLib)) {
        let right = "crate-type = [\"cdylib\", \"rlib\"] in [lib]";
        return Err(wrong(package, format!("a Wasm module is a cdylib, which takes {right}")));
    }
    let folder =
        package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned()).unwrap_or_default();
    Ok(Some(Module { name: module, package: package.name.to_string(), folder, kind, test_only }))
}

fn wrong(package: &Package, reason: String) -> WorkspaceError {
    WorkspaceError::Metadata { manifest: package.manifest_path.as_std_path().to_owned(), reason }
}

/// The first line that says what is wrong, and the cause of all causes.
fn cargo_said(error: &cargo_metadata::Error) -> String {
    let text = match error {
        cargo_metadata::Error::CargoMetadata { stderr } => stderr.clone(),
        other => other.to_string(),
    };
    let mut lines = text.lines();
    let error = lines.find_map(|line| line.strip_prefix("error: "));
    let error = error.or(text.lines().next()).unwrap_or_default();
    let cause = text.rsplit_once("Caused by:\n").and_then(|(_, cause)| cause.lines().next());
    cause.map_or_else(|| error.to_owned(), |cause| format!("{error}: {}", cause.trim()))
}
