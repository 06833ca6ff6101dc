//! libFuzzer on one target: started, watched, and ended in time.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::outcome::{Find, Outcome};
use super::program::Program;
use super::targets::Target;
use super::told::Told;
use crate::display::Stop;

/// Seconds that one input may take: a thousand times what the slowest one does.
const LONGEST_INPUT: u32 = 10;
/// Resident memory that a process may take, in MB.
const MOST_MEMORY: u32 = 1_024;
/// How long libFuzzer may take to begin and to end, beside the time that it is given.
const GRACE: Duration = Duration::from_secs(60);
/// How often it is said how far things are.
const NEWS: Duration = Duration::from_secs(10);

/// How a target is fuzzed.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// How long at most.
    pub time: Duration,
    /// Only so many inputs, seeds included, and the same ones every time: for tests.
    pub inputs: Option<u64>,
    /// Processes at once; they share the corpus.
    pub processes: usize,
    /// A folder of further recordings, which become seeds.
    pub seeds: Option<&'a Path>,
    /// The wish to stop.
    pub stop: Option<Stop>,
}

/// Fuzzes a target as planned, and says how far it is now and then.
///
/// # Errors
/// When libFuzzer cannot be started, or ends without having tried anything. What it finds is no error.
pub fn fuzz(program: &Program, target: &Target, plan: &Plan<'_>, news: &dyn Fn(&str)) -> Result<Outcome> {
    program.prepare(target, plan.seeds)?;
    let begun = Instant::now();
    let known = finds_in(&program.folder(target).join("finds"));
    let (sender, lines) = mpsc::channel();
    let mut processes = Vec::new();
    for number in 0..plan.processes.max(1) {
        processes.push(Process::start(program, target, plan, number, sender.clone())?);
    }
    drop(sender);
    let mut told = vec![Told::default(); processes.len()];
    let mut said = Instant::now();
    let deadline = begun + plan.time + GRACE;
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok((number, line)) => {
                if let Some(told) = told.get_mut(number) {
                    told.line(&line);
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if Instant::now() > deadline || plan.stop.is_some_and(Stop::is_asked) {
            break;
        }
        if said.elapsed() >= NEWS {
            said = Instant::now();
            let (executions, coverage) = sums(&told);
            news(&format!(
                "{}: {executions} inputs in {} s, coverage {coverage}",
                target.name,
                begun.elapsed().as_secs()
            ));
        }
    }
    drop(processes);
    let seconds = begun.elapsed().as_secs_f64();
    let (executions, coverage) = sums(&told);
    let finds = finds(program, target, &known, &told);
    anyhow::ensure!(
        executions > 0 || !finds.is_empty(),
        "{}: libFuzzer has tried nothing; {} says why",
        target.name,
        program.folder(target).join("log-0").display()
    );
    let most = |number: fn(&Told) -> u64| told.iter().map(number).max().unwrap_or(0);
    Ok(Outcome {
        target: target.name.clone(),
        seconds,
        executions,
        coverage,
        features: most(|told| told.features),
        corpus: most(|told| told.corpus),
        memory: most(|told| told.memory),
        finds,
    })
}

/// Inputs of all processes, and the coverage of the best.
fn sums(told: &[Told]) -> (u64, u64) {
    (told.iter().map(|told| told.executions).sum(), told.iter().map(|told| told.coverage).max().unwrap_or(0))
}

/// The inputs that broke something: new ones, and known ones that broke it again.
fn finds(program: &Program, target: &Target, known: &BTreeSet<PathBuf>, told: &[Told]) -> Vec<Find> {
    let reason = |file: &Path| {
        let teller =
            told.iter().find(|told| told.finds.iter().any(|find| find.file_name() == file.file_name()));
        teller.and_then(|told| told.reason.clone()).unwrap_or_else(|| "no reason given".to_owned())
    };
    let folder = program.folder(target).join("finds");
    let told_of = told.iter().flat_map(|told| &told.finds).filter_map(|find| find.file_name());
    let again: BTreeSet<PathBuf> = told_of.map(|name| folder.join(name)).collect();
    let fresh = finds_in(&folder).into_iter().filter(|file| !known.contains(file));
    let all: BTreeSet<PathBuf> = fresh.chain(again).collect();
    all.into_iter()
        .map(|file| Find {
            reason: reason(&file),
            command: format!("cargo filterctl fuzz --reproduce {}", file.display()),
            file,
        })
        .collect()
}

fn finds_in(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// One libFuzzer, which does not outlive this.
struct Process(Child);

impl Process {
    fn start(
        program: &Program,
        target: &Target,
        plan: &Plan<'_>,
        number: usize,
        lines: mpsc::Sender<(usize, String)>,
    ) -> Result<Self> {
        let folder = program.folder(target);
        let mut log = File::create(folder.join(format!("log-{number}")))
            .with_context(|| format!("making a log in {}", folder.display()))?;
        let mut finds = OsString::from("-artifact_prefix=");
        finds.push(folder.join("finds"));
        finds.push("/");
        let mut child = program
            .command(target)
            .current_dir(&folder)
            .arg(format!("-max_total_time={}", plan.time.as_secs().max(1)))
            .arg(format!("-timeout={LONGEST_INPUT}"))
            .arg(format!("-rss_limit_mb={MOST_MEMORY}"))
            .arg(format!("-max_len={}", target.longest))
            .args(["-dict=dictionary", "-reload=1", "-print_final_stats=1"])
            .args(plan.inputs.map(|inputs| format!("-runs={inputs}")))
            .args(plan.inputs.map(|_| "-seed=1"))
            .arg(finds)
            .args(["corpus", "seeds"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the fuzzer")?;
        let output = child.stderr.take().context("the fuzzer says nothing")?;
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                // A log is for people: where it cannot be written, the numbers are still there.
                let _written = writeln!(log, "{line}");
                if lines.send((number, line)).is_err() {
                    break;
                }
            }
        });
        Ok(Self(child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended by itself cannot be ended again.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}
