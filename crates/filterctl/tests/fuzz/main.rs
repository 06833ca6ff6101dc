//! `filterctl fuzz`, a few seconds for each target: no find, and a break that is found, told and shown again.
//!
//! Without a C++ compiler the tests show as ignored by name; with `CI=true` they fail.

#[path = "../trials/mod.rs"]
mod trials;

use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use filterctl::fuzz::{self, Plan, Program, Target};
use filterctl::workspace::Workspace;
use libtest_mimic::Arguments;
use trials::{Lack, trial};

/// How many inputs a target gets: always the same ones, so that what fails here fails again. What is new is found by
/// `filterctl fuzz`.
const INPUTS: u64 = 30_000;
/// The same for those that play whole conversations, each in several cuttings.
const CONVERSATIONS: u64 = 1_500;
/// Far more than they take.
const TIME: Duration = Duration::from_secs(300);

/// The fuzzer, which the first trial that runs builds.
type Shared = Arc<OnceLock<Result<Program, String>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let targets = match fuzz::all(&workspace) {
        Ok(targets) => targets,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let lack = fuzz::check_compiler().err();
    let lack = lack.map(|missing| Lack { what: "C++ compiler".to_owned(), why: missing.to_string() });
    let program = Shared::default();
    let mut trials = Vec::new();
    for target in targets.into_iter().filter(|target| !target.long_run_only) {
        let (workspace, program) = (workspace.clone(), Arc::clone(&program));
        let name = if target.only_named {
            format!("{}: the break is found, told and shown again", target.name)
        } else {
            format!("{}: nothing breaks", target.name)
        };
        trials.push(trial(name, lack.clone(), move || {
            let program = built(&program, &workspace)?;
            if target.only_named { is_found(program, &target) } else { holds(program, &target) }
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn built<'p>(program: &'p Shared, workspace: &Workspace) -> Result<&'p Program> {
    let built = program.get_or_init(|| Program::build(workspace).map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn plan() -> Plan<'static> {
    Plan { time: TIME, inputs: None, processes: 1, seeds: None, stop: None }
}

fn holds(program: &Program, target: &Target) -> Result<()> {
    let plays = ["-session", "-filter", "-layers", "driver"].iter().any(|end| target.name.ends_with(end));
    let inputs = if plays { CONVERSATIONS } else { INPUTS };
    // What earlier runs have found interesting would make it another run.
    let folder = program.folder(target);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("clearing {}", folder.display()))?;
    }
    let plan = Plan { inputs: Some(inputs), ..plan() };
    let outcome = fuzz::fuzz(program, target, &plan, &|news| println!("{news}"))?;
    ensure!(outcome.finds.is_empty(), "{:#?}", outcome.finds);
    ensure!(outcome.coverage > 0, "nothing was reached: {outcome:?}");
    Ok(())
}

/// The target that breaks on purpose, with time enough to find out: libFuzzer ends at the first find.
fn is_found(program: &Program, target: &Target) -> Result<()> {
    let long = Plan { time: Duration::from_secs(60), ..plan() };
    let outcome = fuzz::fuzz(program, target, &long, &|news| println!("{news}"))?;
    let find = outcome.finds.first().context("nothing was found")?;
    ensure!(find.reason.contains("assertion `left == right` failed"), "{find:?}");
    // As the command of the find says, but without building the tool for it.
    let shown = Command::new(env!("CARGO_BIN_EXE_filterctl"))
        .args(["fuzz", "--reproduce"])
        .arg(&find.file)
        .output()?;
    let told = String::from_utf8_lossy(&shown.stderr);
    ensure!(shown.status.code() == Some(1), "{:?}: {told}", shown.status);
    ensure!(find.command.ends_with(&format!("fuzz --reproduce {}", find.file.display())), "{find:?}");
    ensure!(told.contains("\\r\\n.\\r\\n") || told.contains(".\\r\\n"), "the input is not shown: {told}");
    ensure!(told.contains(&format!("{} breaks on", target.name)), "{told}");
    // The next run begins anew.
    std::fs::remove_dir_all(program.folder(target)).context("cleaning up")
}
