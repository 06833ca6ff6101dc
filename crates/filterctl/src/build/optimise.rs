//! wasm-opt: a third less to load and compile, and faster code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::install_once::install_once;
use super::{BuildError, PINNED, sha256};

/// Older ones do not know the exception instructions that rustc emits. Debian 12 has 108.
const OLDEST_WASM_OPT: u32 = 120;

/// What rustc may use and Envoy's V8 accepts. Never `--all-features`: V8 refuses some of those.
const FEATURES: [&str; 9] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-exception-handling",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// A wasm-opt.
pub(super) struct Optimiser {
    path: PathBuf,
    version: String,
}

impl Optimiser {
    /// wasm-opt of the `PATH` if it is new enough, else the one in `tools/` of the folder for tools, which is installed with
    /// npm where there is npm. `None`, saying why, if there is no way.
    pub(super) fn find_or_install(
        tools: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<Self>, BuildError> {
        if let Some(found) = Self::at(Path::new("wasm-opt")) {
            return Ok(Some(found));
        }
        match Self::pinned(tools, progress) {
            Ok(optimiser) => Ok(Some(optimiser)),
            Err(error) => {
                progress(&format!("going on without wasm-opt, so modules are half as large again: {error}"));
                Ok(None)
            }
        }
    }

    /// The release's own wasm-opt, in `tools/` of the folder for tools, whatever is on the `PATH`; installed with npm.
    pub(super) fn pinned(tools: &Path, progress: &mut dyn FnMut(&str)) -> Result<Self, BuildError> {
        let folder = tools.join(format!("tools/binaryen-{}", PINNED.binaryen));
        let path = folder.join("node_modules/binaryen/bin/wasm-opt");
        install_once(&folder, |partial| {
            let into = folder.display();
            progress(&format!("installing wasm-opt (npm binaryen {}) into {into}", PINNED.binaryen));
            npm_install(partial)
        })?;
        // Its version is pinned; asking it would take half a second of Node.
        Ok(Self { path, version: PINNED.binaryen.to_owned() })
    }

    fn at(path: &Path) -> Option<Self> {
        let output = Command::new(path).arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let number: u32 = version.split_whitespace().find_map(|word| word.parse().ok())?;
        (number >= OLDEST_WASM_OPT).then(|| Self { path: path.to_owned(), version })
    }

    /// What it says it is.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The optimised form of the module. Kept in the folder `cache` under the hash of everything that it depends
    /// on, so that an unchanged module is not optimised again.
    pub(super) fn optimise(
        &self,
        package: &str,
        path: &Path,
        input: &[u8],
        names: bool,
        cache: &Path,
    ) -> Result<Vec<u8>, BuildError> {
        let mut options = vec!["-O3", "--reorder-functions"];
        options.extend(FEATURES);
        if names {
            options.push("--debuginfo");
        }
        let key = sha256(format!("{} {} {}", self.version, options.join(" "), sha256(input)).as_bytes());
        fs::create_dir_all(cache).map_err(BuildError::io("creating", cache))?;
        let kept = cache.join(format!("{package}-{key}.wasm"));
        if let Ok(content) = fs::read(&kept) {
            return Ok(content);
        }
        let partial = kept.with_extension(format!("{}.partial", std::process::id()));
        let output = Command::new(&self.path)
            .args(options)
            .arg("--output")
            .arg(&partial)
            .arg(path)
            .output()
            .map_err(BuildError::io("starting", &self.path))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let reason = said.lines().last().unwrap_or_default().to_owned();
            return Err(BuildError::Optimise { package: package.to_owned(), reason });
        }
        forget_earlier(package, cache);
        fs::rename(&partial, &kept).map_err(BuildError::io("creating", &kept))?;
        fs::read(&kept).map_err(BuildError::io("reading", &kept))
    }
}

/// Keeps the folder from growing with every change: the newest few variants of a package stay.
fn forget_earlier(package: &str, cache: &Path) {
    const KEPT: usize = 8;
    let mut earlier: Vec<_> = fs::read_dir(cache)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{package}-")))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    earlier.sort();
    for (_, path) in earlier.iter().rev().skip(KEPT) {
        // If another process was faster, all the better.
        let _ = fs::remove_file(path);
    }
}

fn npm_install(folder: &Path) -> Result<(), BuildError> {
    let package = format!("binaryen@{}", PINNED.binaryen);
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"])
        .arg(folder)
        .arg(&package)
        .output()
        .map_err(|reason| BuildError::Io { action: "npm".to_owned(), reason })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().find(|line| line.contains("error")).unwrap_or("npm failed").to_owned();
    Err(BuildError::Optimise { package, reason })
}
