//! The command line of `filterctl build`, and what it prints.

use super::{Artifact, Panic, Request, ToolchainChoice, build};
use crate::workspace::Workspace;

/// Builds extensions as Wasm modules for Envoy.
///
/// Compiles each module together with the standard library, runs wasm-opt on it, and puts it into
/// `target/wasm/<package>.wasm`. Prints its size and SHA-256.
///
/// The compiler is the rustup toolchain in use, with its component rust-src, or Debian's packages rustc-web,
/// cargo-web and rust-web-src. What is missing is installed if possible, saying so.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What to build: a module such as `smtp`, a package, or a package's folder. By default that of the current
    /// folder, and where that is none, all of the workspace.
    #[arg(value_name = "MODULE")]
    modules: Vec<String>,

    /// What becomes of a panic: `unwind` costs at most its own connection, `abort` ends the whole VM but works
    /// in an Envoy without WebAssembly exceptions.
    #[arg(long, value_enum, default_value_t = Panic::Unwind)]
    panic: Panic,

    /// Cargo features to enable, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "FEATURE,…")]
    features: Vec<String>,

    /// Appended to the file name: `--suffix=-abort` makes `target/wasm/<package>-abort.wasm`.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = suffix, value_name = "TEXT")]
    suffix: String,

    /// Keep function names, so that Envoy logs readable backtraces; the module grows.
    #[arg(long)]
    names: bool,

    /// Which compiler to use.
    #[arg(long, value_enum, default_value_t = ToolchainChoice::Auto)]
    toolchain: ToolchainChoice,

    /// Print one JSON array of {module, package, path, size, compiled_size, optimised, sha256, panic}.
    #[arg(long)]
    json: bool,
}

fn suffix(text: &str) -> Result<String, String> {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        Ok(text.to_owned())
    } else {
        Err("a suffix is letters, digits, `-`, `_` and `.`".to_owned())
    }
}

/// Runs `filterctl build`.
///
/// # Errors
/// If a module is not known or cannot be built.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let here = || workspace.module_here().map(|module| module.package.clone()).into_iter().collect();
    let request = Request {
        modules: if arguments.modules.is_empty() { here() } else { arguments.modules.clone() },
        panic: arguments.panic,
        features: arguments.features.clone(),
        suffix: arguments.suffix.clone(),
        names: arguments.names,
        toolchain: arguments.toolchain,
        locked: false,
    };
    let artifacts = build(&workspace, &request, &mut |step| eprintln!("{step}"))?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&artifacts)?);
    } else {
        artifacts.iter().for_each(print);
    }
    Ok(())
}

fn print(artifact: &Artifact) {
    let Artifact { path, size, compiled_size, optimised, sha256, panic, .. } = artifact;
    let before =
        if *optimised { format!("{compiled_size} before wasm-opt") } else { "without wasm-opt".to_owned() };
    println!("{}", path.display());
    println!("  {size} bytes ({before}), panic={}", panic.as_str());
    println!("  sha256 {sha256}");
}
