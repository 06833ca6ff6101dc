//! `filterctl bench`: what the filters cost, measured in a real Envoy before real servers, as ratios.
//!
//! `part` lists what is measured and runs it; [`Results`] is what comes of it. A cost is measured by running a `load`
//! through the `lanes` of one Envoy in `rounds`, with the CPU time of its `worker` taken from the kernel.

mod copying;
mod cost;
mod crowd;
mod dialogue;
mod document;
mod effort;
mod ground;
mod idle;
mod lanes;
mod latency;
mod load;
mod load_ldap;
mod load_smtp;
mod open_files;
mod part;
mod responder;
mod results;
mod rounds;
mod scanning;
mod series;
mod size;
mod start;
mod statistics;
mod table;
mod variant;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::Workspace;
use effort::Efforts;
use ground::Ground;
use part::Selection;
use results::FORMAT;

pub use copying::Copying;
pub use cost::{Cost, Verdict};
pub use crowd::{Crowd, CrowdLevel};
pub use idle::{Idle, Kept};
pub use latency::{Added, Latency};
pub use results::Results;
pub use rounds::Ratios;
pub use scanning::Scanning;
pub use series::Series;
pub use size::Size;
pub use start::Start;
pub use statistics::Spread;
pub use variant::Variant;

/// Measures what the filters cost, in a real Envoy before real servers, as ratios.
///
/// Everything takes about ten minutes on two cores that have nothing else to do. BENCHMARKS.md says how it is measured
/// and how to read it.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Only these parts; --list shows them.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,

    /// Lists the parts and ends.
    #[arg(long)]
    list: bool,

    /// Measures longer, which takes about an hour.
    #[arg(long)]
    full: bool,

    /// Exactly so many rounds, with few connections and operations: to try something out. 1 to 1000.
    #[arg(long, value_name = "NUMBER", conflicts_with = "full", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,

    /// Measures nothing, but reads what an earlier run printed with --json.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["only", "full", "rounds", "envoy"])]
    from: Option<PathBuf>,

    /// Replaces the tables in BENCHMARKS.md of this workspace, by those of a run of all parts.
    #[arg(long, conflicts_with_all = ["only", "rounds"])]
    write: bool,

    /// The Envoy to use; otherwise ENVOY_BIN, the PATH, or one installed under target/.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,

    /// Prints one JSON document on standard output, instead of tables.
    #[arg(long)]
    json: bool,
}

/// Runs the benchmarks.
///
/// # Errors
/// When there is no Envoy or no server to measure with, or something fails on the way.
pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        print!("{}", part::list());
        return Ok(());
    }
    let results = match &arguments.from {
        Some(file) => read(file)?,
        None => measure(arguments)?,
    };
    let tables = table::tables(&results);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print!("{tables}");
    }
    if arguments.write {
        ensure!(
            part::are_all_in(&results),
            "{} holds whole runs only, and parts are missing",
            document::NAME
        );
        document::write(&Workspace::find()?.root, &tables)?;
    }
    Ok(())
}

fn measure(arguments: &Arguments) -> Result<Results> {
    let selection = Selection::of(&arguments.only)?;
    let efforts = match arguments.rounds {
        Some(count) => Efforts::rounds(count),
        None if arguments.full => Efforts::FULL,
        None => Efforts::SHORT,
    };
    let ground = Ground::set(arguments.envoy.as_deref())?;
    let start = Instant::now();
    let measured = part::run(&ground, &selection, &efforts)?;
    let results = Results {
        format: FORMAT,
        envoy: ground.binary.version.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cores: available_parallelism().map_or(1, usize::from),
        seconds: start.elapsed().as_secs_f64(),
        ..measured
    };
    ground.clear();
    Ok(results)
}

fn read(file: &Path) -> Result<Results> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let results: Results = serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
    ensure!(results.format == FORMAT, "{}: format {}, not {FORMAT}", file.display(), results.format);
    Ok(results)
}
