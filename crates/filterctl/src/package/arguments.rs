//! The command line of `filterctl package`, and what it prints.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};

use super::digests::{DIGESTS, Digests};
use super::folder::SUMS;
use super::{Builder, LOCAL_BUILDER, Options, default_output, inspect, package};
use crate::workspace::Workspace;

/// Makes a release folder: everything that a platform team needs, and nothing to build.
///
/// In it are the optimised modules, each stamped with version, commit and configuration schema; the same as images that
/// Istio's agent takes, for any registry; the Helm chart; samples and documents; checksums, digests for Istio, a bill of
/// materials (CycloneDX), the licences of everything linked, and a provenance statement. Its README.md says what is what.
///
/// The same commit gives the same octets wherever it is built, with the compiler and binaryen that ci/toolchain.env names.
/// The compiler is looked for on the PATH, then in /usr/bin, then among rustup's toolchains, where it is installed if it is
/// missing; binaryen is installed with npm. A first build takes some minutes: it compiles Rust's standard library too.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the folder goes; a release folder that is there is replaced. By default
    /// target/package/envoy-filters-VERSION.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,

    /// Take whatever compiler and wasm-opt there is. The modules will differ from those of the release.
    #[arg(long)]
    any_toolchain: bool,

    /// Take a checkout that differs from its commit. The revision then ends in `-dirty`.
    #[arg(long)]
    allow_dirty: bool,

    /// Who builds, as a URI, for the provenance statement.
    #[arg(long, value_name = "URI", default_value = LOCAL_BUILDER)]
    builder: String,

    /// Which run of the builder this is, as a URI, for the provenance statement.
    #[arg(long, value_name = "URI")]
    invocation: Option<String>,

    /// Make nothing; print what this released module says about itself.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "any_toolchain", "allow_dirty", "invocation"])]
    inspect: Option<PathBuf>,

    /// Print JSON: the digests of the release, or with --inspect the stamp.
    #[arg(long)]
    json: bool,
}

/// Runs `filterctl package`.
///
/// # Errors
/// As [`package`] and [`inspect`].
pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(file) = &arguments.inspect {
        let stamp = inspect(file)?;
        let text = if arguments.json { serde_json::to_string_pretty(&stamp)? } else { stamp.to_string() };
        // It is long: whoever reads it may have seen enough before its end.
        return match writeln!(io::stdout(), "{text}") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        };
    }
    let workspace = Workspace::find()?;
    let options = Options {
        output: arguments.output.clone().unwrap_or_else(|| default_output(&workspace)),
        any_toolchain: arguments.any_toolchain,
        allow_dirty: arguments.allow_dirty,
        builder: Builder { id: arguments.builder.clone(), invocation: arguments.invocation.clone() },
    };
    let start = Instant::now();
    let folder = package(&workspace, &options, &mut |step| eprintln!("{step}"))?;
    eprintln!("done in {} s", start.elapsed().as_secs());

    let text = std::fs::read_to_string(folder.join(DIGESTS))?;
    if arguments.json {
        print!("{text}");
        return Ok(());
    }
    let digests: Digests = serde_json::from_str(&text).context(DIGESTS)?;
    println!("{}", folder.display());
    for filter in digests.filters.values() {
        println!("  {}, {} octets", filter.file, filter.size);
        println!("    sha256 {}  (https://)", filter.sha256);
        println!("    sha256 {}  (oci://…/{})", filter.artifact.sha256, filter.artifact.reference);
        println!("    sha256 {}  (oci://…/{})", filter.compat.sha256, filter.compat.reference);
    }
    println!("  {}, and oci://…/{}", digests.chart.file, digests.chart.image.reference);
    println!("check it with: (cd {} && sha256sum -c {SUMS})", folder.display());
    Ok(())
}
