//! One run of Cargo: a package to an unoptimised module.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{CrateType, Message, MetadataCommand};

use super::{BuildError, Panic, Request, Toolchain, Unit, UnitKind};
use crate::workspace::{Module, Workspace};

/// What modules are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// What one run of Cargo made.
pub(super) struct Compiled {
    /// The module.
    pub(super) path: PathBuf,
    /// What was compiled for it, the module's own package among it.
    pub(super) units: Vec<Unit>,
}

/// Compiles the package together with the standard library.
pub(super) fn compile(
    toolchain: &Toolchain,
    workspace: &Workspace,
    module: &Module,
    request: &Request,
) -> Result<Compiled, BuildError> {
    fetch(toolchain, module, request.locked)?;
    let places = Places::of(toolchain, workspace, module)?;
    // One folder each: a change of the panic strategy would compile everything again.
    let build_folder = workspace.target.join("wasm-build").join(request.panic.as_str());
    let mut cargo = Command::new(&toolchain.cargo);
    cargo
        .current_dir(&module.folder)
        // Not `build`: with the package's other crate type, an rlib for tests, Cargo would do no
        // link-time optimisation.
        .args(["rustc", "--lib", "--crate-type", "cdylib"])
        .args(["--package", &module.package, "--profile", "wasm", "--target", TARGET])
        .arg(match request.panic {
            Panic::Unwind => "-Zbuild-std=std,panic_unwind",
            Panic::Abort => "-Zbuild-std=std,panic_abort",
        })
        // What the library does where it can choose between small and fast: sorting, searching, formatting of numbers.
        // Nothing of that is done for each of a peer's octets.
        .arg("-Zbuild-std-features=panic-unwind,optimize_for_size")
        .args(request.locked.then_some("--locked"))
        .arg("--target-dir")
        .arg(&build_folder)
        .args(["--message-format", "json-render-diagnostics"])
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(toolchain, &places, request.panic, &build_folder))
        // Of the Cargo that runs us; they would end up in the fingerprints of what is compiled here.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if !request.features.is_empty() {
        cargo.args(["--features", &request.features.join(",")]);
    }
    // Only the module itself sees this: what it depends on, the standard library too, is compiled once for all
    // workspaces that share a target folder.
    cargo.arg("--").arg(remap(&workspace.root, "/workspace"));
    let mut child = cargo.spawn().map_err(BuildError::io("starting", &toolchain.cargo))?;
    let mut made = None;
    let mut units = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            let message = message.map_err(BuildError::io("reading from", &toolchain.cargo))?;
            made = wasm_file(&message, module).or(made);
            units.extend(unit(&message));
        }
    }
    let status = child.wait().map_err(BuildError::io("waiting for", &toolchain.cargo))?;
    if !status.success() {
        return Err(BuildError::Compile { package: module.package.clone(), status });
    }
    units.sort();
    units.dedup();
    made.map(|path| Compiled { path, units })
        .ok_or_else(|| BuildError::NoModule { package: module.package.clone() })
}

/// Downloads what the package depends on, so that [`registry_sources`] is complete.
fn fetch(toolchain: &Toolchain, module: &Module, locked: bool) -> Result<(), BuildError> {
    let status = Command::new(&toolchain.cargo)
        .args(["fetch", "--quiet", "--target", TARGET])
        .args(locked.then_some("--locked"))
        .current_dir(&module.folder)
        .env("RUSTC", &toolchain.rustc)
        .stdin(Stdio::null())
        .status()
        .map_err(BuildError::io("starting", &toolchain.cargo))?;
    if status.success() { Ok(()) } else { Err(BuildError::Fetch { package: module.package.clone(), status }) }
}

fn wasm_file(message: &Message, module: &Module) -> Option<PathBuf> {
    let Message::CompilerArtifact(artifact) = message else { return None };
    let is_ours = artifact.target.crate_types.contains(&CrateType::CDyLib)
        && artifact.manifest_path.parent().is_some_and(|folder| folder.as_std_path() == module.folder);
    let file = artifact.filenames.iter().find(|file| file.extension() == Some("wasm"))?;
    is_ours.then(|| file.as_std_path().to_owned())
}

/// What this message says was compiled, now or earlier.
fn unit(message: &Message) -> Option<Unit> {
    let Message::CompilerArtifact(artifact) = message else { return None };
    let for_wasm = |file: &cargo_metadata::camino::Utf8PathBuf| file.iter().any(|part| part == TARGET);
    let kind = if artifact.filenames.iter().any(for_wasm) { UnitKind::Linked } else { UnitKind::Host };
    Some(Unit { manifest: artifact.manifest_path.as_std_path().to_owned(), kind })
}

/// Where sources stand that are neither the module's own nor from a registry.
struct Places {
    /// The workspace that the tool was built in: there is the SDK of a module elsewhere.
    tool: Option<PathBuf>,
    /// Folders of other packages on this machine, with their names.
    packages: Vec<(PathBuf, String)>,
}

impl Places {
    fn of(toolchain: &Toolchain, workspace: &Workspace, module: &Module) -> Result<Self, BuildError> {
        let mut command = MetadataCommand::new();
        command.cargo_path(&toolchain.cargo).current_dir(&module.folder).env("RUSTC", &toolchain.rustc);
        let metadata = command.exec().map_err(|error| BuildError::Io {
            action: "cargo metadata".to_owned(),
            reason: io::Error::other(error),
        })?;
        let tool = Workspace::of_the_tool().map(|workspace| workspace.root);
        let known = |folder: &Path| {
            folder.starts_with(&workspace.root) || tool.as_ref().is_some_and(|tool| folder.starts_with(tool))
        };
        let local = metadata.packages.iter().filter(|package| package.source.is_none());
        let packages = local
            .filter_map(|package| Some((package.manifest_path.parent()?, package.name.to_string())))
            .map(|(folder, name)| (folder.as_std_path().to_owned(), name))
            .filter(|(folder, _)| !known(folder))
            .collect();
        Ok(Self { tool, packages })
    }
}

/// The compiler's flags, in the form that allows for spaces in paths.
fn rustflags(toolchain: &Toolchain, places: &Places, panic: Panic, build_folder: &Path) -> OsString {
    let mut flags: Vec<OsString> = Vec::new();
    // The profile's own setting is not seen by the standard library's build.
    flags.push(format!("-Cpanic={}", panic.as_str()).into());
    // memchr and its like are several times faster with it, and V8 has had it for years.
    flags.push("-Ctarget-feature=+simd128".into());
    if let Some(linker) = &toolchain.linker {
        flags.push(joined(&["-Clinker=".as_ref(), linker.as_os_str()]));
        flags.push("-Clinker-flavor=wasm-ld".into());
    }
    // No path of this machine ends up in the module, and the same sources give the same module elsewhere. Of
    // several prefixes that match, the compiler takes the last.
    flags.extend(places.packages.iter().map(|(folder, name)| remap(folder, &format!("/{name}"))));
    flags.extend(places.tool.as_deref().map(|tool| remap(tool, "/workspace")));
    let cargo_home = cargo_home();
    flags.push(remap(&cargo_home, "/cargo"));
    flags.extend(registry_sources(&cargo_home).iter().map(|registry| remap(registry, "/registry")));
    flags.push(remap(build_folder, "/target"));
    flags.push(remap(&toolchain.source, "/rust"));
    flags.extend(toolchain.source.canonicalize().ok().map(|source| remap(&source, "/rust")));
    flags.join(&OsString::from("\x1f"))
}

/// Has the compiler write `name` for this folder.
fn remap(folder: &Path, name: &str) -> OsString {
    joined(&["--remap-path-prefix=".as_ref(), folder.as_os_str(), "=".as_ref(), name.as_ref()])
}

fn joined(parts: &[&OsStr]) -> OsString {
    parts.iter().copied().collect()
}

fn cargo_home() -> PathBuf {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default()
}

/// The folders of unpacked crates, one per registry. Each is named after the registry's host, which may be
/// a mirror of this machine's own.
fn registry_sources(cargo_home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cargo_home.join("registry/src")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}
