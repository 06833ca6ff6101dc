//! The public API of the libraries is a document: `public-api.txt` beside each library's `Cargo.toml`, one line per
//! item. A change of the API fails here until it is recorded, and then shows in review as a changed file:
//!
//! ```console
//! $ PUBLIC_API_RECORD=1 cargo test --package filterctl --test public_api
//! ```
//!
//! What rustdoc says as JSON has a format of its own, which changes with the compiler. Formats that have been seen
//! to give the same lines are compared, and there a difference is a failure everywhere. With any other the tests
//! show as ignored by name, with `CI=true` too: a newer compiler says nothing about this API. Where a new format
//! comes with a new release of the `public-api` crate, see that the lines are the same, and add it to [`FORMATS`].
//!
//! Blanket and automatic implementations are left out, because the standard library has new ones from one release
//! to the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Failed, Trial};
use similar::TextDiff;

/// The libraries that are written for others.
const LIBRARIES: [&str; 3] = ["common-metrics", "envoy-sdk", "envoy-sdk-test"];

/// The format of Rust 1.95 to 1.97, which all give the same lines (measured).
const FORMATS: [u64; 1] = [57];

/// With the value 1, what is found is recorded.
const RECORD: &str = "PUBLIC_API_RECORD";
const HOW_TO_RECORD: &str = "PUBLIC_API_RECORD=1 cargo test --package filterctl --test public_api";

/// Why nothing can be compared with the compiler in use.
#[derive(Clone)]
struct Obstacle {
    reason: String,
    /// Whether CI may have it too.
    may_be: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // A list has to be quick.
    let readable = if arguments.list { Ok(()) } else { readable() };
    let trials = LIBRARIES.map(|library| {
        let name = format!("the public API of {library} is the recorded one");
        match readable.clone() {
            Ok(()) => Trial::test(name, move || compare(library)),
            Err(Obstacle { reason, may_be }) => {
                let skipped = format!("{name}: {}", reason.lines().next().unwrap_or_default());
                Trial::test(skipped, move || Err(Failed::from(reason)))
                    .with_ignored_flag(may_be || !real_peers::in_ci())
            }
        }
    });
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

/// Whether what the compiler in use says about an API can be read.
fn readable() -> Result<(), Obstacle> {
    match format() {
        Ok(format) if FORMATS.contains(&format) => Ok(()),
        Ok(format) => {
            let reason = format!("rustdoc's JSON has format {format}, and {FORMATS:?} is what is known");
            Err(Obstacle { reason, may_be: true })
        }
        Err(reason) => Err(Obstacle { reason, may_be: false }),
    }
}

/// The format of rustdoc's JSON, as it describes an empty crate.
fn format() -> Result<u64, String> {
    let folder = folder();
    let (source, json) = (folder.join("nothing.rs"), folder.join("nothing.json"));
    fs::create_dir_all(&folder).and_then(|()| fs::write(&source, "")).map_err(|error| error.to_string())?;
    let rustdoc = std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    succeed(Command::new(rustdoc).arg(&source).args(AS_JSON).arg("--out-dir").arg(&folder))?;
    let json = fs::read_to_string(json).map_err(|error| format!("rustdoc wrote no JSON: {error}"))?;
    let json: serde_json::Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    json["format_version"].as_u64().ok_or_else(|| "rustdoc's JSON names no format".to_owned())
}

fn compare(library: &str) -> Result<(), Failed> {
    let now = public_api(library)?;
    let snapshot = repository().join("crates").join(library).join("public-api.txt");
    if std::env::var(RECORD).is_ok_and(|value| value == "1") {
        return Ok(fs::write(snapshot, now)?);
    }
    let recorded = fs::read_to_string(&snapshot)
        .map_err(|error| format!("{}: {error}; record it: {HOW_TO_RECORD}", snapshot.display()))?;
    if recorded == now {
        return Ok(());
    }
    let difference = TextDiff::from_lines(&recorded, &now);
    let lines = difference.unified_diff().context_radius(0).header("recorded", "now").to_string();
    Err(format!("{lines}\nIf this is meant, record it: {HOW_TO_RECORD}").into())
}

/// One line per public item of a library, all its features included.
fn public_api(library: &str) -> Result<String, Failed> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(repository())
        .args(["rustdoc", "--package", library, "--lib", "--all-features", "--target-dir"])
        // A folder of its own: what is built with RUSTC_BOOTSTRAP would be built anew without it.
        .arg(folder())
        .arg("--")
        .args(AS_JSON);
    succeed(&mut command)?;
    let json = folder().join("doc").join(format!("{}.json", library.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    Ok(api.to_string())
}

/// What makes rustdoc write JSON. It is unstable, so the command has to go through [`succeed`].
const AS_JSON: [&str; 3] = ["-Zunstable-options", "--output-format", "json"];

/// Runs a command with unstable options on whatever compiler there is. An error is what it said.
fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    let output = command.env("RUSTC_BOOTSTRAP", "1").output();
    let Output { status, stderr, .. } = output.map_err(|error| format!("cannot start {program}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{program}: {status}: {}", String::from_utf8_lossy(&stderr).trim()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-api")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
