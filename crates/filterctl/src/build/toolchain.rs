//! Where compiler and standard library come from.
//!
//! The library is compiled along with a module, so its source must be there and of exactly the compiler's
//! version. Two kinds of installation have that: a rustup toolchain with the component `rust-src`, and
//! Debian's `rustc-web cargo-web rust-web-src`, beside which there is no WebAssembly linker.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BuildError, PINNED};

/// Which compiler to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ToolchainChoice {
    /// The first one that can build modules.
    #[default]
    Auto,
    /// The `cargo` and `rustc` of the `PATH`, which are rustup's where it is used.
    Path,
    /// `/usr/bin/cargo` and `/usr/bin/rustc`, which are those of Debian's packages.
    System,
    /// The one that releases are built with, wherever it is, and its wasm-opt.
    Pinned,
}

/// A compiler with all that it takes to build a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The Cargo to run.
    pub cargo: PathBuf,
    /// The compiler.
    pub rustc: PathBuf,
    /// What the compiler says it is, such as `rustc 1.96.0 (…)`.
    pub version: String,
    /// What it runs on, as a target triple.
    pub host: String,
    /// The commit of the compiler's sources, where it says so.
    pub commit: Option<String>,
    /// The folder that it is installed in.
    pub sysroot: PathBuf,
    /// The folder that holds the standard library's source.
    pub source: PathBuf,
    /// The linker, if it is not the compiler's own.
    pub linker: Option<PathBuf>,
}

impl Toolchain {
    /// A toolchain that can build modules; what is missing is installed where that is possible: the component
    /// `rust-src` with rustup, or packages with apt as root on Debian.
    ///
    /// # Errors
    /// If there is none and none can be installed; the message holds the command that would help.
    pub fn find_or_install(
        choice: ToolchainChoice,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, BuildError> {
        let mut reasons = Vec::new();
        for candidate in Candidate::of(choice) {
            match candidate.fitting(choice) {
                Ok(toolchain) => return Ok(toolchain),
                Err(reason) => reasons.push(reason),
            }
        }
        let mut remedies = Vec::new();
        for candidate in Candidate::of(choice) {
            let Some(command) = candidate.installation(choice) else { continue };
            remedies.push(format!("`{command}`"));
            if !candidate.may_install() {
                continue;
            }
            progress(&format!("{}: running `{command}`", reasons.join("; ")));
            match run(&command) {
                Ok(()) => match candidate.fitting(choice) {
                    Ok(toolchain) => return Ok(toolchain),
                    Err(reason) => reasons.push(format!("after `{command}`, {reason}")),
                },
                Err(reason) => reasons.push(reason),
            }
        }
        if remedies.is_empty() {
            let then = match choice {
                ToolchainChoice::Pinned => PINNED.installation(),
                _ => RUSTUP_INSTALLATION.to_owned(),
            };
            remedies.push(format!("install rustup (https://rustup.rs), then `{then}`"));
        }
        Err(BuildError::Toolchain { reason: reasons.join("; "), remedy: remedies.join(" or ") })
    }
}

/// A pair of cargo and rustc that may or may not be complete.
#[derive(Clone, Copy, Debug)]
enum Candidate {
    OnPath,
    System,
    /// rustup's toolchain that is called as releases want it.
    Named,
}

const RUSTUP_INSTALLATION: &str = "rustup component add rust-src";
const DEBIAN_INSTALLATION: &str =
    "apt-get update && apt-get install --yes rustc-web cargo-web rust-web-src lld";

impl Candidate {
    fn of(choice: ToolchainChoice) -> &'static [Self] {
        match choice {
            ToolchainChoice::Auto => &[Self::OnPath, Self::System],
            ToolchainChoice::Path => &[Self::OnPath],
            ToolchainChoice::System => &[Self::System],
            ToolchainChoice::Pinned => &[Self::OnPath, Self::System, Self::Named],
        }
    }

    fn commands(self) -> (PathBuf, PathBuf) {
        match self {
            Self::OnPath => ("cargo".into(), "rustc".into()),
            Self::System => ("/usr/bin/cargo".into(), "/usr/bin/rustc".into()),
            Self::Named => {
                let of = |program: &str| {
                    let arguments = ["which", "--toolchain", PINNED.toolchain, program];
                    let found = answer(Path::new("rustup"), &arguments);
                    // A name that says what is missing.
                    found.unwrap_or_else(|| format!("{program} {} of rustup", PINNED.toolchain)).into()
                };
                (of("cargo"), of("rustc"))
            }
        }
    }

    /// The shell command that would add what is missing.
    fn installation(self, choice: ToolchainChoice) -> Option<String> {
        let pinned = choice == ToolchainChoice::Pinned;
        match self {
            // What they are is up to others, so they cannot be made to fit.
            Self::OnPath | Self::System if pinned => None,
            Self::OnPath => is_on_path("rustup").then(|| RUSTUP_INSTALLATION.to_owned()),
            Self::System => Path::new("/etc/debian_version").exists().then(|| DEBIAN_INSTALLATION.to_owned()),
            Self::Named => is_on_path("rustup").then(|| PINNED.installation()),
        }
    }

    /// rustup changes only the user's own toolchain; apt needs root, and nobody is asked for a password.
    fn may_install(self) -> bool {
        match self {
            Self::OnPath | Self::Named => true,
            Self::System => answer(Path::new("id"), &["-u"]).as_deref() == Some("0"),
        }
    }

    /// The toolchain if it is complete and what `choice` asks for; else why not.
    fn fitting(self, choice: ToolchainChoice) -> Result<Toolchain, String> {
        let toolchain = self.complete()?;
        if choice == ToolchainChoice::Pinned && toolchain.version != PINNED.rustc {
            return Err(format!("{} is not {}", toolchain.version, PINNED.rustc));
        }
        Ok(toolchain)
    }

    /// The toolchain, or what it lacks.
    fn complete(self) -> Result<Toolchain, String> {
        let (cargo, rustc) = self.commands();
        let version =
            answer(&rustc, &["--version"]).ok_or_else(|| format!("there is no {}", rustc.display()))?;
        if answer(&cargo, &["--version"]).is_none() {
            return Err(format!("there is no {}", cargo.display()));
        }
        let sysroot = answer(&rustc, &["--print", "sysroot"])
            .map(PathBuf::from)
            .ok_or_else(|| format!("{} has no sysroot", rustc.display()))?;
        let source = sysroot.join("lib/rustlib/src/rust");
        if !source.join("library/std/src/lib.rs").is_file() {
            return Err(format!("{version} has no source of its standard library"));
        }
        if let Some(other) = version_of_source(&source)
            && !is_release(&version, &other)
        {
            return Err(format!("{version} has the standard library's source of {other}"));
        }
        let linker = if has_own_linker(&sysroot) {
            None
        } else {
            Some(find_linker().ok_or_else(|| format!("{version} has no WebAssembly linker"))?)
        };
        let verbose = answer(&rustc, &["--version", "--verbose"]).unwrap_or_default();
        let says = |key: &str| verbose.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        let host = says("host: ").ok_or_else(|| format!("{version} does not say what it runs on"))?;
        let commit = says("commit-hash: ").filter(|hash| hash.bytes().all(|octet| octet.is_ascii_hexdigit()));
        Ok(Toolchain { cargo, rustc, version, host, commit, sysroot, source, linker })
    }
}

/// Debian's source is a folder whose name ends in the release; rustup's always fits its compiler.
fn version_of_source(source: &Path) -> Option<String> {
    let folder = source.canonicalize().ok()?;
    let release = folder.file_name()?.to_str()?.strip_prefix("rustc-")?;
    Some(release.to_owned())
}

/// Whether `rustc 1.96.0 (…)` is release `1.96.0`.
fn is_release(version: &str, release: &str) -> bool {
    version.split_whitespace().nth(1).is_some_and(|own| own.split('-').next() == Some(release))
}

/// rustup's toolchains bring `rust-lld`, Debian's do not.
fn has_own_linker(sysroot: &Path) -> bool {
    folders_in(&sysroot.join("lib/rustlib")).iter().any(|host| host.join("bin/rust-lld").is_file())
}

/// A WebAssembly linker from elsewhere: LLVM's, whatever its release, or that of a rustup toolchain.
fn find_linker() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if let Some(plain) = folders.iter().map(|folder| folder.join("wasm-ld")).find(|file| file.is_file()) {
        return Some(plain);
    }
    let mut versioned: Vec<(u32, PathBuf)> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .filter_map(|entry| {
            let release = entry.file_name().to_str()?.strip_prefix("wasm-ld-")?.parse().ok()?;
            Some((release, entry.path()))
        })
        .collect();
    versioned.sort();
    let rustup = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".rustup")))
        .unwrap_or_default();
    versioned.pop().map(|(_, path)| path).or_else(|| {
        folders_in(&rustup.join("toolchains"))
            .iter()
            .flat_map(|toolchain| folders_in(&toolchain.join("lib/rustlib")))
            .map(|host| host.join("bin/rust-lld"))
            .find(|linker| linker.is_file())
    })
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

fn is_on_path(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn run(command: &str) -> Result<(), String> {
    // What it prints is progress: it goes to standard error, as ours does.
    let status = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{command}` failed ({status})")),
        Err(error) => Err(format!("sh: {error}")),
    }
}

/// What a command prints, if it succeeds.
fn answer(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_must_be_of_the_compilers_release() {
        assert!(is_release("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)", "1.96.0"));
        assert!(is_release("rustc 1.97.0-nightly (ac68faa20 2026-05-25)", "1.97.0"));
        assert!(!is_release("rustc 1.95.0 (59807616e 2026-04-14)", "1.96.0"));
        assert!(!is_release("nonsense", "1.96.0"));
    }
}
