//! `filterctl package`: the release folder, from a commit.
//!
//! Everything in it depends on the commit, the compiler and binaryen alone: not on the folder that it is built in, the time,
//! the language, the umask, or the order in which a file system lists its files. [`build::PINNED`](crate::build::PINNED) says
//! which compiler and binaryen releases have.

mod archive;
mod arguments;
mod canonical;
mod chart;
mod components;
pub mod digests;
pub mod folder;
mod licences;
pub(crate) mod oci;
mod provenance;
mod readme;
mod release;
mod sbom;
mod source;
mod stamp;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

pub use arguments::{Arguments, run};
pub use provenance::{Builder, LOCAL_BUILDER};
pub use release::SUITE;
pub use source::Source;
pub use stamp::Stamp;

use crate::build::{PINNED, Record, Request, ToolchainChoice, build_recorded, sha256};
use crate::filters::{FILTERS, Filter};
use crate::workspace::Workspace;
use chart::Chart;
use components::{Component, Components};
use digests::{ChartDigests, DIGESTS, Digests, FilterDigests, ImageDigest};
use folder::Folder;
use licences::{Allowed, Licences};
use oci::{Image, Layout};
use provenance::Materials;
use release::{Release, ReleasedModule};

/// What is copied as it is.
const COPIED: [&str; 6] = ["deploy", "docs", "BENCHMARKS.md", "CHANGELOG.md", "LICENSE", "SECURITY.md"];

/// How to package.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the release folder goes.
    pub output: PathBuf,
    /// Takes whatever compiler and wasm-opt there is.
    pub any_toolchain: bool,
    /// Takes a checkout that differs from its commit, and says so in the release.
    pub allow_dirty: bool,
    /// Who builds it.
    pub builder: Builder,
}

/// Where the release folder goes by default.
pub fn default_output(workspace: &Workspace) -> PathBuf {
    workspace.target.join("package").join(format!("{SUITE}-{}", env!("CARGO_PKG_VERSION")))
}

/// Makes the release folder of this workspace, and gives back its place. `progress` is told what is done, a line each.
///
/// # Errors
/// When the checkout or the compiler is not as a release needs it, a module cannot be built, a licence is not allowed or
/// lacks its text, or a file cannot be read or written. Nothing is left at the output then but what was there before.
pub fn package(workspace: &Workspace, options: &Options, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let source = Source::of(&workspace.root)?;
    check_clean(&source, options)?;
    let allowed = Allowed::read(&workspace.root)?;
    Folder::check(&options.output)?;

    let revision = source.revision();
    progress(&format!("building {} modules of {revision}", FILTERS.len()));
    let record = build_modules(workspace, options, progress)?;
    // What changed meanwhile may or may not be in them.
    ensure!(Source::of(&workspace.root)? == source, "the checkout changed while it was built: once more");
    progress("gathering what is linked into them, and its licences");
    let components = Components::of(&workspace.root, &record)?;
    let licences = Licences::gather(&components, &allowed, Some(&record.toolchain.sysroot))?;
    let release = release(&source, &record, &components)?;

    progress("writing images, chart and documents");
    let folder = Folder::new(&options.output)?;
    for module in &release.modules {
        folder.write(&module.file, &module.contents)?;
    }
    folder.write("LICENSES.md", &licences.document)?;
    if let Some(notices) = &licences.of_the_library {
        folder.write("licenses/rust-standard-library.html", notices)?;
    }
    folder.write("sbom.cdx.json", sbom::sbom(&release, &components)?)?;
    let command = command(options);
    write_images(&folder, &source, &release, &command)?;
    copy(&folder, &source)?;
    // Last, for it names all the others.
    let binaryen = binaryen(workspace, &record)?;
    let materials = Materials { toolchain: &record.toolchain, binaryen, command: &command };
    let statement =
        provenance::statement(&release, &components, &materials, &options.builder, &folder.sums()?)?;
    folder.write("provenance.json", statement)?;
    folder.finish()
}

/// What makes the same folder again. Who builds it, and where, is not part of that.
fn command(options: &Options) -> String {
    let flags = [(options.any_toolchain, " --any-toolchain"), (options.allow_dirty, " --allow-dirty")];
    let given = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag);
    std::iter::once("cargo filterctl package").chain(given).collect()
}

fn check_clean(source: &Source, options: &Options) -> Result<()> {
    if source.changes.is_empty() || options.allow_dirty {
        return Ok(());
    }
    const SHOWN: usize = 3;
    let shown: Vec<&str> = source.changes.iter().take(SHOWN).map(|line| line.trim()).collect();
    let more = source.changes.len().saturating_sub(SHOWN);
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    bail!(
        "the checkout differs from commit {}: {}{and_more}; commit, or say --allow-dirty for a folder that is not for release",
        source.commit,
        shown.join(", ")
    )
}

fn build_modules(workspace: &Workspace, options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Record> {
    let toolchain = if options.any_toolchain { ToolchainChoice::Auto } else { ToolchainChoice::Pinned };
    let request = Request {
        modules: FILTERS.iter().map(|filter| filter.package.to_owned()).collect(),
        toolchain,
        locked: true,
        ..Request::default()
    };
    let built = build_recorded(workspace, &request, progress);
    if options.any_toolchain {
        return Ok(built?);
    }
    built.with_context(|| {
        let installation = PINNED.installation();
        format!("releases are built with {} and binaryen {} (`{installation}`); --any-toolchain takes what is there", PINNED.rustc, PINNED.binaryen)
    })
}

fn release(source: &Source, record: &Record, components: &Components) -> Result<Release> {
    let own = |package: &str| -> Result<&Component> {
        let linked = components.linked.get(package).into_iter().flatten();
        linked.into_iter().find(|its| its.name == package).with_context(|| format!("no package {package}"))
    };
    let mut release = Release {
        name: SUITE.to_owned(),
        version: String::new(),
        revision: source.revision(),
        licence: String::new(),
        time: source.time,
        compiler: record.toolchain.version.clone(),
        wasm_opt: record.wasm_opt.clone(),
        modules: Vec::new(),
    };
    for (artifact, _) in &record.modules {
        let component = own(&artifact.package)?;
        let filter =
            Filter::named(&artifact.module).with_context(|| format!("no filter {}", artifact.module))?;
        if release.modules.is_empty() {
            release.version.clone_from(&component.version);
            release.licence.clone_from(&component.licence);
        }
        ensure!(
            release.version == component.version,
            "{} has version {}, others {}",
            component.name,
            component.version,
            release.version
        );
        let stamp = Stamp {
            version: component.version.clone(),
            revision: source.revision(),
            licenses: component.licence.clone(),
            config_schema: filter.schema(),
        };
        let built =
            fs::read(&artifact.path).with_context(|| format!("reading {}", artifact.path.display()))?;
        let contents = stamp.put_on(&built)?;
        release.modules.push(ReleasedModule {
            filter: artifact.module.clone(),
            package: artifact.package.clone(),
            file: format!("{}.wasm", artifact.package),
            sha256: sha256(&contents),
            contents,
        });
    }
    Ok(release)
}

/// The images, the chart's package, and what refers to them.
fn write_images(folder: &Folder, source: &Source, release: &Release, command: &str) -> Result<()> {
    let mut filters = BTreeMap::new();
    let mut images = Vec::new();
    for module in &release.modules {
        let artifact = oci::wasm_artifact(release, module)?;
        let compat = oci::compat_image(release, module)?;
        filters.insert(module.filter.clone(), FilterDigests::of(module, &artifact, &compat));
        images.push((module.package.clone(), "OCI artifact", artifact));
        images.push((module.package.clone(), "compat image", compat));
    }
    let chart = Chart::package(source, &release.name, &release.version)?;
    let file = format!("{}-{}.tgz", release.name, release.version);
    folder.write(&file, &chart.package)?;
    let sha256 = sha256(&chart.package);
    let image = oci::chart(release, &chart.metadata, chart.package)?;
    let chart = ChartDigests { file: file.clone(), sha256, image: ImageDigest::of(&release.name, &image) };
    images.push((release.name.clone(), "the Helm chart", image));

    let mut repositories: BTreeMap<&str, Vec<Image>> = BTreeMap::new();
    for (repository, _, image) in &images {
        repositories.entry(repository).or_default().push(image.clone());
    }
    for (repository, images) in repositories {
        Layout::at(folder.path("oci").join(repository)).write(&images)?;
    }
    folder.write(DIGESTS, Digests::new(release, filters, chart).text()?)?;
    let listed: Vec<_> =
        images.iter().map(|(repository, what, image)| (repository.clone(), *what, image)).collect();
    folder.write("README.md", readme::readme(release, &file, &listed, command))
}

fn copy(folder: &Folder, source: &Source) -> Result<()> {
    for what in COPIED {
        let files = source.files(what)?;
        ensure!(!files.is_empty(), "{} has no {what}", source.root.display());
        for file in files {
            let from = source.root.join(&file);
            folder.write(&file, fs::read(&from).with_context(|| format!("reading {}", from.display()))?)?;
        }
    }
    Ok(())
}

/// The digest of the binaryen that was used, if it is the pinned one.
fn binaryen(workspace: &Workspace, record: &Record) -> Result<Option<String>> {
    if record.wasm_opt.as_deref() != Some(PINNED.binaryen) {
        return Ok(None);
    }
    provenance::binaryen_digest(&workspace.tools())
}

/// The stamp of a module file.
///
/// # Errors
/// When it cannot be read, or is not from a release.
pub fn inspect(file: &Path) -> Result<Stamp> {
    let module = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Stamp::of(&module).with_context(|| file.display().to_string())
}
