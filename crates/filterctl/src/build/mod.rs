//! `filterctl build`: from the workspace's packages to Wasm modules that Envoy loads.
//!
//! A module is compiled together with the standard library, because unwinding (which lets one connection
//! fail alone) needs a standard library that was built for it, and none is shipped for
//! wasm32-unknown-unknown. See [`toolchain`] for where compiler and library come from.

mod arguments;
mod compile;
pub mod inspect;
mod install_once;
mod optimise;
mod pinned;
pub mod toolchain;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use arguments::{Arguments, run};
pub use compile::TARGET;
pub use pinned::{PINNED, PINNED_IN, Pinned};
pub use toolchain::{Toolchain, ToolchainChoice};

use crate::workspace::{Module, Workspace, WorkspaceError};

/// What becomes of a panic in a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Panic {
    /// It is caught at the boundary and costs at most its own connection.
    #[default]
    Unwind,
    /// It ends the VM, and with it every connection of that worker.
    Abort,
}

impl Panic {
    /// As the compiler spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unwind => "unwind",
            Self::Abort => "abort",
        }
    }
}

/// What to build, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Modules by short name, package name or folder; empty means all that are not test-only.
    pub modules: Vec<String>,
    /// What becomes of a panic.
    pub panic: Panic,
    /// Cargo features of the packages.
    pub features: Vec<String>,
    /// Appended to the package's name in the file name, for a variant beside the usual module.
    pub suffix: String,
    /// Keeps function names, for readable backtraces in Envoy's log, at about a quarter more size.
    pub names: bool,
    /// Which compiler.
    pub toolchain: ToolchainChoice,
    /// Refuses to change `Cargo.lock`.
    pub locked: bool,
}

/// A module that has been built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// The module's short name.
    pub module: String,
    /// The package that it was built from.
    pub package: String,
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its size in bytes as the compiler made it.
    pub compiled_size: u64,
    /// Whether wasm-opt has been over it.
    pub optimised: bool,
    /// The SHA-256 of the file, in hexadecimal, as Envoy's configuration takes it.
    pub sha256: String,
    /// What becomes of a panic in it.
    pub panic: Panic,
}

/// A package that was compiled for a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// Its `Cargo.toml`.
    pub manifest: PathBuf,
    /// What became of it.
    pub kind: UnitKind,
}

/// What became of a package that was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitKind {
    /// It was given to the module's linker.
    Linked,
    /// It ran on this machine, as a procedural macro, a build script or a part of one.
    Host,
}

/// Modules that have been built, and what they were made of and with.
#[derive(Clone, Debug)]
pub struct Record {
    /// The modules, each with what was compiled for it, the standard library among it.
    pub modules: Vec<(Artifact, Vec<Unit>)>,
    /// The compiler.
    pub toolchain: Toolchain,
    /// What wasm-opt says it is; `None` if there was none.
    pub wasm_opt: Option<String>,
}

/// Why a module could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no module of that name.
    #[error("there is no Wasm module `{name}` in {}; {}", root.display(), known_or_none(known))]
    UnknownModule {
        /// The name asked for.
        name: String,
        /// The workspace.
        root: PathBuf,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The workspace cannot be read.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// There is no compiler that can make a module, and none could be installed.
    #[error("no toolchain that builds Wasm modules: {reason}; what helps: {remedy}")]
    Toolchain {
        /// What was found.
        reason: String,
        /// The command that would help.
        remedy: String,
    },
    /// What a module depends on could not be downloaded; Cargo's own messages are on standard error.
    #[error("the dependencies of {package} could not be fetched ({status}); see the messages above")]
    Fetch {
        /// The package.
        package: String,
        /// How Cargo ended.
        status: std::process::ExitStatus,
    },
    /// The compiler said no; its own messages are on standard error.
    #[error("{package} did not compile ({status}); see the messages above")]
    Compile {
        /// The package.
        package: String,
        /// How Cargo ended.
        status: std::process::ExitStatus,
    },
    /// Cargo ended well but made no module.
    #[error("{package} made no .wasm file: is it a cdylib?")]
    NoModule {
        /// The package.
        package: String,
    },
    /// wasm-opt refused a module.
    #[error("wasm-opt on {package}: {reason}")]
    Optimise {
        /// The package.
        package: String,
        /// What it said.
        reason: String,
    },
    /// A file or a command could not be used.
    #[error("{action}: {reason}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        reason: io::Error,
    },
}

impl BuildError {
    /// For `map_err`: names the action and the path that it was done to.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let action = format!("{action} {}", path.display());
        move |reason| Self::Io { action, reason }
    }
}

/// Builds the modules, one after the other, into `<target>/wasm/<package><suffix>.wasm`.
///
/// The compiler's messages go to standard error; `progress` is told what is done besides, a line each.
///
/// # Errors
/// If a module is not known or does not compile, or if there is no toolchain and none can be installed.
pub fn build(
    workspace: &Workspace,
    request: &Request,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Artifact>, BuildError> {
    let record = build_recorded(workspace, request, progress)?;
    Ok(record.modules.into_iter().map(|(artifact, _)| artifact).collect())
}

/// As [`build`], and says what went into the modules.
///
/// # Errors
/// As [`build`].
pub fn build_recorded(
    workspace: &Workspace,
    request: &Request,
    progress: &mut dyn FnMut(&str),
) -> Result<Record, BuildError> {
    let selection = select(workspace, &request.modules)?;
    let toolchain = Toolchain::find_or_install(request.toolchain, progress)?;
    let tools = workspace.tools();
    let optimiser = match request.toolchain {
        ToolchainChoice::Pinned => Some(optimise::Optimiser::pinned(&tools, progress)?),
        _ => optimise::Optimiser::find_or_install(&tools, progress)?,
    };
    let modules = selection.into_iter().map(|(workspace, module)| {
        let compiled = compile::compile(&toolchain, &workspace, &module, request)?;
        let artifact = finish(&workspace, &module, request, &compiled.path, optimiser.as_ref())?;
        Ok((artifact, compiled.units))
    });
    let modules = modules.collect::<Result<_, BuildError>>()?;
    let wasm_opt = optimiser.map(|optimiser| optimiser.version().to_owned());
    Ok(Record { modules, toolchain, wasm_opt })
}

/// Builds one module of the workspace at hand, as it is released, and gives back its file. What is done besides
/// compiling is told on standard error.
///
/// # Errors
/// As [`build`], or if there is no workspace.
pub fn module(name: &str) -> Result<PathBuf, BuildError> {
    let workspace = Workspace::find()?;
    let module = workspace.module(name).ok_or_else(|| unknown(name, &workspace))?;
    module_of(&workspace, module, &mut |step| eprintln!("{step}"))
}

/// Builds this module of this workspace, as it is released, and gives back its file.
///
/// # Errors
/// As [`build`].
pub fn module_of(
    workspace: &Workspace,
    module: &Module,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let request = Request { modules: vec![module.package.clone()], ..Request::default() };
    let first = build(workspace, &request, progress)?.into_iter().next();
    first
        .map(|artifact| artifact.path)
        .ok_or_else(|| BuildError::NoModule { package: module.package.clone() })
}

/// The modules that are meant, each with the workspace that it is in.
fn select(workspace: &Workspace, names: &[String]) -> Result<Vec<(Workspace, Module)>, BuildError> {
    if names.is_empty() {
        let usual: Vec<_> = workspace
            .modules
            .iter()
            .filter(|module| !module.test_only)
            .map(|module| (workspace.clone(), module.clone()))
            .collect();
        return if usual.is_empty() { Err(unknown("*", workspace)) } else { Ok(usual) };
    }
    names
        .iter()
        .map(|name| {
            if let Some(module) = workspace.module(name) {
                return Ok((workspace.clone(), module.clone()));
            }
            let folder = Path::new(name);
            if !folder.join("Cargo.toml").is_file() {
                return Err(unknown(name, workspace));
            }
            let folder = folder.canonicalize().map_err(BuildError::io("resolving", folder))?;
            let other = Workspace::at(&folder)?;
            let module = other.modules.iter().find(|module| module.folder == folder).cloned();
            module.ok_or_else(|| unknown(name, &other)).map(|module| (other, module))
        })
        .collect()
}

fn unknown(name: &str, workspace: &Workspace) -> BuildError {
    let known =
        workspace.modules.iter().map(|module| format!("{} ({})", module.name, module.package)).collect();
    BuildError::UnknownModule { name: name.to_owned(), root: workspace.root.clone(), known }
}

fn known_or_none(known: &[String]) -> String {
    if known.is_empty() {
        "no package there declares one by `[package.metadata.filterctl] module = \"<name>\"`".to_owned()
    } else {
        format!("there are: {}", known.join(", "))
    }
}

/// Optimises what the compiler made and puts it into its place.
fn finish(
    workspace: &Workspace,
    module: &Module,
    request: &Request,
    compiled: &Path,
    optimiser: Option<&optimise::Optimiser>,
) -> Result<Artifact, BuildError> {
    let folder = workspace.target.join("wasm");
    fs::create_dir_all(&folder).map_err(BuildError::io("creating", &folder))?;
    let path = folder.join(format!("{}{}.wasm", module.package, request.suffix));
    let input = fs::read(compiled).map_err(BuildError::io("reading", compiled))?;
    let content = match optimiser {
        Some(optimiser) => {
            let cache = workspace.target.join("wasm-build/optimised");
            optimiser.optimise(&module.package, compiled, &input, request.names, &cache)?
        }
        None => input.clone(),
    };
    replace_if_changed(&path, &content)?;
    Ok(Artifact {
        module: module.name.clone(),
        package: module.package.clone(),
        path,
        size: content.len() as u64,
        compiled_size: input.len() as u64,
        optimised: optimiser.is_some(),
        sha256: sha256(&content),
        panic: request.panic,
    })
}

/// An Envoy may be reading the file, and another build may be writing it: neither sees half of it.
fn replace_if_changed(path: &Path, content: &[u8]) -> Result<(), BuildError> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let beside = path.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&beside, content).map_err(BuildError::io("writing", &beside))?;
    fs::rename(&beside, path).map_err(BuildError::io("replacing", path))
}

/// The SHA-256 of some octets, in hexadecimal.
pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
