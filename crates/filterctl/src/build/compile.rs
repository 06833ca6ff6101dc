//! One run of Cargo: a package to an unoptimised module.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{CrateType, Message};

use super::{BuildError, Panic, Request, Toolchain};
use crate::workspace::{Module, Workspace};

const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles the package together with the standard library, and gives back the file that Cargo made.
pub(super) fn compile(
    toolchain: &Toolchain,
    workspace: &Workspace,
    module: &Module,
    request: &Request,
) -> Result<PathBuf, BuildError> {
    fetch(toolchain, module)?;
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
        .arg("--target-dir")
        .arg(&build_folder)
        .args(["--message-format", "json-render-diagnostics"])
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(toolchain, workspace, request.panic, &build_folder))
        // Of the Cargo that runs us; they would end up in the fingerprints of what is compiled here.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if !request.features.is_empty() {
        cargo.args(["--features", &request.features.join(",")]);
    }
    let mut child = cargo.spawn().map_err(BuildError::io("starting", &toolchain.cargo))?;
    let mut made = None;
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            let message = message.map_err(BuildError::io("reading from", &toolchain.cargo))?;
            made = wasm_file(&message, module).or(made);
        }
    }
    let status = child.wait().map_err(BuildError::io("waiting for", &toolchain.cargo))?;
    if !status.success() {
        return Err(BuildError::Compile { package: module.package.clone(), status });
    }
    made.ok_or_else(|| BuildError::NoModule { package: module.package.clone() })
}

/// Downloads what the package depends on, so that [`registry_sources`] is complete.
fn fetch(toolchain: &Toolchain, module: &Module) -> Result<(), BuildError> {
    let status = Command::new(&toolchain.cargo)
        .args(["fetch", "--quiet", "--target", TARGET])
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

/// The compiler's flags, in the form that allows for spaces in paths.
fn rustflags(toolchain: &Toolchain, workspace: &Workspace, panic: Panic, build_folder: &Path) -> OsString {
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
    let cargo_home = cargo_home();
    let registries = registry_sources(&cargo_home);
    let mut prefixes: Vec<(&Path, &str)> = vec![(&workspace.root, "/workspace"), (&cargo_home, "/cargo")];
    prefixes.extend(registries.iter().map(|registry| (registry.as_path(), "/registry")));
    prefixes.extend([(build_folder, "/target"), (&toolchain.source, "/rust")]);
    let real_source = toolchain.source.canonicalize().ok();
    prefixes.extend(real_source.as_deref().map(|source| (source, "/rust")));
    for (prefix, name) in prefixes {
        flags.push(joined(&[
            "--remap-path-prefix=".as_ref(),
            prefix.as_os_str(),
            "=".as_ref(),
            name.as_ref(),
        ]));
    }
    flags.join(&OsString::from("\x1f"))
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
