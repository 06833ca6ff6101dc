//! What is inside the modules: every package that was given to their linker, the standard library among it.
//!
//! The list is Cargo's own of what it compiled for a module, not one of what a manifest might pull in. Code that the
//! linker then found unused is still listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_lock::{Checksum, Lockfile};
use cargo_metadata::{CargoOpt, DependencyKind, MetadataCommand, Package};

use crate::build::{Record, TARGET, Toolchain, UnitKind};

/// A package that something was made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Component {
    /// Its name.
    pub(super) name: String,
    /// Its version; that of the compiler for what comes with it.
    pub(super) version: String,
    /// Where it comes from.
    pub(super) origin: Origin,
    /// Its licence, as the SPDX expression that it declares; empty if it declares none.
    pub(super) licence: String,
    /// What it is, in its own words.
    pub(super) description: Option<String>,
    /// Its own page or repository.
    pub(super) repository: Option<String>,
    /// Where its sources stand on this machine.
    pub(super) folder: PathBuf,
    /// A licence file that it names itself, below `folder`.
    pub(super) licence_file: Option<PathBuf>,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// This repository.
    Suite,
    /// crates.io, with the SHA-256 of the archive from there.
    Registry {
        /// In hexadecimal; `None` if no lock file knows it.
        sha256: Option<String>,
    },
    /// The compiler's own source of the standard library.
    Toolchain,
}

impl Component {
    /// How other documents refer to it: name and version.
    pub(super) fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Its package URL, if there is a place that it names.
    pub(super) fn purl(&self) -> Option<String> {
        match self.origin {
            Origin::Suite => None,
            Origin::Registry { .. } => Some(format!("pkg:cargo/{}@{}", self.name, self.version)),
            // Not of crates.io, where packages of the same names are something else.
            Origin::Toolchain => {
                Some(format!("pkg:github/rust-lang/rust@{}#library/{}", self.version, self.name))
            }
        }
    }
}

/// All that a release is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Components {
    /// What is linked into each module, by the module's package, in order.
    pub(super) linked: BTreeMap<String, BTreeSet<Component>>,
    /// What ran on the building machine: procedural macros, build scripts, and what they are made of.
    pub(super) host: BTreeSet<Component>,
    /// What each package depends on, all by [`Component::reference`]. Names what was not linked, too.
    pub(super) depends_on: BTreeMap<String, BTreeSet<String>>,
}

/// What every module has besides its package, and reaches the standard library's other packages by.
const STANDARD_LIBRARY: [&str; 2] = ["std", "panic_unwind"];

impl Components {
    /// Of the modules of this record, which were built in the workspace at `root`.
    ///
    /// # Errors
    /// When Cargo or a lock file cannot be read, or does not know a package that was compiled.
    pub(super) fn of(root: &Path, record: &Record) -> Result<Self> {
        let library = record.toolchain.source.join("library");
        let mut packages = Packages::default();
        packages.read(root, &Origin::Suite, &record.toolchain)?;
        packages.read(&library, &Origin::Toolchain, &record.toolchain)?;
        let mut components = Self { depends_on: packages.depends_on.clone(), ..Self::default() };
        for (artifact, units) in &record.modules {
            let mut compiled = BTreeSet::new();
            for unit in units {
                let component = packages.component(&unit.manifest)?.clone();
                match unit.kind {
                    UnitKind::Linked => compiled.insert(component),
                    UnitKind::Host => components.host.insert(component),
                };
            }
            // Cargo also compiles what belongs to the library but not to a module, such as `proc_macro`.
            let reached = components.reached_from(&artifact.package, &compiled);
            compiled.retain(|component| reached.contains(&component.reference()));
            components.linked.insert(artifact.package.clone(), compiled);
        }
        Ok(components)
    }

    fn reached_from(&self, package: &str, compiled: &BTreeSet<Component>) -> BTreeSet<String> {
        let roots = compiled.iter().filter(|its| {
            its.name == package || (its.origin == Origin::Toolchain && is_of_standard_library(&its.name))
        });
        let mut ahead: Vec<String> = roots.map(Component::reference).collect();
        let mut reached = BTreeSet::new();
        while let Some(next) = ahead.pop() {
            if reached.insert(next.clone()) {
                ahead.extend(self.depends_on.get(&next).into_iter().flatten().cloned());
            }
        }
        reached
    }

    /// What is linked into any of the modules, each once.
    pub(super) fn all_linked(&self) -> BTreeSet<&Component> {
        self.linked.values().flatten().collect()
    }
}

/// Whether every module has the package of this name.
pub(super) fn is_of_standard_library(name: &str) -> bool {
    STANDARD_LIBRARY.contains(&name)
}

/// The packages that Cargo knows: those of a workspace and of the compiler's own sources.
#[derive(Default)]
struct Packages {
    by_manifest: BTreeMap<PathBuf, Component>,
    depends_on: BTreeMap<String, BTreeSet<String>>,
}

impl Packages {
    /// Reads the workspace at `folder`, whose own packages are of `origin`.
    fn read(&mut self, folder: &Path, origin: &Origin, toolchain: &Toolchain) -> Result<()> {
        let platform = "--filter-platform";
        let mut command = MetadataCommand::new();
        command
            .cargo_path(&toolchain.cargo)
            .manifest_path(folder.join("Cargo.toml"))
            .other_options(["--locked", platform, TARGET, platform, &toolchain.host].map(str::to_owned))
            // Which features the standard library is compiled with is up to Cargo. What they add is looked up here only
            // for what has been compiled.
            .features(CargoOpt::AllFeatures)
            .env("RUSTC", &toolchain.rustc)
            // The standard library's manifests use what only the compiler's own build may.
            .env("RUSTC_BOOTSTRAP", "1");
        let metadata = command.exec().with_context(|| format!("reading {}", folder.display()))?;
        let lock = folder.join("Cargo.lock");
        let lock = Lockfile::load(&lock).with_context(|| format!("reading {}", lock.display()))?;
        let checksums = checksums(lock);
        let mut references = BTreeMap::new();
        for package in metadata.packages {
            let id = package.id.clone();
            let component = component(package, origin, &checksums, &toolchain.version);
            references.insert(id, component.reference());
            self.by_manifest.insert(resolved(&component.folder), component);
        }
        for node in metadata.resolve.map(|resolve| resolve.nodes).unwrap_or_default() {
            let linked = node.deps.iter().filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            });
            let on = linked.filter_map(|dependency| references.get(&dependency.pkg).cloned());
            if let Some(from) = references.get(&node.id) {
                self.depends_on.entry(from.clone()).or_default().extend(on);
            }
        }
        Ok(())
    }

    fn component(&self, manifest: &Path) -> Result<&Component> {
        let folder = manifest.parent().map(resolved);
        folder
            .and_then(|folder| self.by_manifest.get(&folder))
            .with_context(|| format!("cargo metadata does not list {}", manifest.display()))
    }
}

/// The folder without links: Debian's compiler has its sources behind one.
fn resolved(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// The SHA-256 of each package's archive, in hexadecimal, by name and version.
fn checksums(lock: Lockfile) -> BTreeMap<(String, String), String> {
    let known = lock.packages.into_iter().filter_map(|package| {
        let Checksum::Sha256(octets) = package.checksum?;
        let sha256 = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        Some(((package.name.to_string(), package.version.to_string()), sha256))
    });
    known.collect()
}

fn component(
    package: Package,
    origin: &Origin,
    checksums: &BTreeMap<(String, String), String>,
    compiler: &str,
) -> Component {
    let licence = licence(&package);
    let folder = package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned());
    let (name, mut version) = (package.name.to_string(), package.version.to_string());
    let origin = match package.source {
        None => origin.clone(),
        Some(_) => Origin::Registry { sha256: checksums.get(&(name.clone(), version.clone())).cloned() },
    };
    if origin == Origin::Toolchain {
        // Their own versions say nothing: most are 0.0.0.
        version = compiler.split_whitespace().nth(1).unwrap_or_default().to_owned();
    }
    Component {
        name,
        version,
        origin,
        licence,
        description: package.description.as_deref().map(one_line),
        repository: package.repository.or(package.homepage),
        folder: folder.unwrap_or_default(),
        licence_file: package.license_file.map(Into::into),
    }
}

/// The expression as SPDX writes it: older manifests have a slash for `OR`.
fn licence(package: &Package) -> String {
    package.license.as_deref().unwrap_or_default().replace('/', " OR ").replace("  ", " ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_the_compiler_is_not_of_the_registry() {
        let mut component = Component {
            name: "alloc".to_owned(),
            version: "1.95.0".to_owned(),
            origin: Origin::Toolchain,
            licence: String::new(),
            description: None,
            repository: None,
            folder: PathBuf::new(),
            licence_file: None,
        };
        assert_eq!(component.purl().unwrap(), "pkg:github/rust-lang/rust@1.95.0#library/alloc");
        component.origin = Origin::Registry { sha256: None };
        assert_eq!(component.purl().unwrap(), "pkg:cargo/alloc@1.95.0");
        component.origin = Origin::Suite;
        assert_eq!(component.purl(), None);
    }
}
