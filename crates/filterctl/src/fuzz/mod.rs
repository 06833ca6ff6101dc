//! `filterctl fuzz`: libFuzzer on the suite, with oracles. `crates/fuzz` has the targets and what they judge by.

mod outcome;
mod program;
mod reproduce;
mod running;
mod targets;
mod told;

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;

pub use self::outcome::{Find, Outcome, Outcomes};
pub use self::program::{NoCompiler, Program, check_compiler};
pub use self::reproduce::reproduce;
pub use self::running::{Plan, fuzz};
pub use self::targets::{Target, all, chosen};
use crate::display::Stop;
use crate::workspace::Workspace;

/// Feeds octets that nobody thought of to parsers, sessions, filters and configuration, and judges what comes of it.
///
/// Ends by itself. An input that breaks something is kept, and shown with the command that shows it again; the exit code is 1
/// then.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// What to fuzz: see --list. Everything, one after the other, when nothing is named.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// How long each target is fuzzed: `60s`, `10m`.
    #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    time: Duration,

    /// Processes at once: 1 to 64. With fewer targets than that, several processes share a target.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,

    /// A folder of recordings in the form of our own (`<protocol>/*.jsonl` and `expected.json`): further seeds, used where they are.
    #[arg(long, value_name = "FOLDER")]
    seeds: Option<PathBuf>,

    /// Shows what one input says, and what breaks on it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "json"])]
    reproduce: Option<PathBuf>,

    /// Lists the targets.
    #[arg(long)]
    list: bool,

    /// Prints one JSON document on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the fuzzer.
///
/// # Errors
/// When something breaks on an input, there is no C++ compiler, or there is no such target.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let all = all(&workspace)?;
    if arguments.list {
        return list(&all, arguments.json);
    }
    let progress = |step: &str| eprintln!("{step}");
    let targets =
        if arguments.reproduce.is_some() { Vec::new() } else { chosen(all.clone(), &arguments.targets)? };
    progress("building the fuzzer");
    let program = Program::build(&workspace)?;
    if let Some(file) = &arguments.reproduce {
        return reproduce(&program, &all, &arguments.targets, file);
    }
    let outcomes = run_all(&program, &targets, arguments, &progress)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&outcomes)?);
    } else {
        print!("{outcomes}");
    }
    match outcomes.finds() {
        0 => Ok(()),
        finds => bail!("{finds} inputs break something"),
    }
}

/// Several targets at once, or several processes on one.
fn run_all(
    program: &Program,
    targets: &[Target],
    arguments: &Arguments,
    news: &(dyn Fn(&str) + Sync),
) -> Result<Outcomes> {
    let stop = Stop::listen()?;
    let at_once = usize::from(arguments.jobs).min(targets.len()).max(1);
    let plan = Plan {
        inputs: None,
        time: arguments.time,
        processes: usize::from(arguments.jobs) / at_once,
        seeds: arguments.seeds.as_deref(),
        stop: Some(stop),
    };
    let waiting = Mutex::new(targets.iter());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                    let Some(target) = next.filter(|_| !stop.is_asked()) else { break };
                    news(&format!("{}: {}", target.name, target.about));
                    let outcome = fuzz(program, target, &plan, news);
                    if let Ok(mut done) = done.lock() {
                        done.push(outcome);
                    }
                }
            });
        }
    });
    let done = done.into_inner().map_err(|_| anyhow!("a worker has failed"))?;
    let mut targets = done.into_iter().collect::<Result<Vec<_>>>()?;
    targets.sort_by(|one, other| one.target.cmp(&other.target));
    Ok(Outcomes { targets })
}

fn list(targets: &[Target], json: bool) -> Result<()> {
    if json {
        let all: Vec<_> = targets
            .iter()
            .map(|target| serde_json::json!({"target": target.name, "about": target.about}))
            .collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        for Target { name, about, .. } in targets {
            println!("{name:<20} {about}");
        }
    }
    Ok(())
}
