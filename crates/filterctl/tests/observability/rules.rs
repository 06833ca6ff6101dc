//! Rules and their tests, by promtool.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use filterctl::metrics::alerts::{self, Alert, Group, Span};
use filterctl::workspace::Workspace;
use real_peers::observability::Promtool;

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("rules: promtool accepts them", are_accepted),
    ("rules: they do what their tests say within hours", || pass("hours.yaml")),
    ("rules: they do what their tests say within days", || pass("days.yaml")),
    ("rules: no part of an alert can go without a test failing", no_part_can_go),
];

/// The files of rules, as they are checked in.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let folder = folder()?;
    Ok(["thresholds.yaml", "recording.yaml", "alerts.yaml"].map(|name| folder.join(name)).into())
}

fn folder() -> Result<PathBuf> {
    Ok(Workspace::find()?.root.join("deploy/observability/prometheus"))
}

fn are_accepted() -> Result<()> {
    let files = files()?;
    Promtool::find()?.check_rules(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>())
}

fn pass(tests: &str) -> Result<()> {
    Promtool::find()?.test_rules(&[&folder()?.join("tests").join(tests)])
}

/// Each alert, with one part of it taken away: its tests have to notice.
fn no_part_can_go() -> Result<()> {
    let mutants: Vec<(String, Alert)> = alerts::alerts()
        .iter()
        .flat_map(|alert| {
            alert.mutations().into_iter().map(|(what, mutant)| (format!("{} {what}", alert.name), mutant))
        })
        .collect();
    let promtool = Promtool::find()?;
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rules");
    let (next, survivors) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let look = |worker: usize| -> Result<()> {
        let folder = base.join(worker.to_string());
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        while let Some((what, mutant)) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
            if survives(&promtool, &folder, mutant)? {
                survivors.lock().unwrap_or_else(PoisonError::into_inner).push(what.clone());
            }
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let look = &look;
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || look(worker))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    let survivors = survivors.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(survivors.is_empty(), "no test fails: {survivors:#?}");
    ensure!(mutants.len() > 2 * alerts::alerts().len());
    Ok(())
}

/// Whether the alert passes its tests, alone with what it needs.
fn survives(promtool: &Promtool, folder: &Path, alert: &Alert) -> Result<bool> {
    let expression = alert.expression();
    let group = [Group { name: "mutant", alerts: vec![alert.clone()] }];
    // An alert about the thresholds themselves needs them all.
    let all = alert.name == "EnvoyFilterThresholdsMissing";
    let needed = |of: &str| all || expression.contains(&format!("\"{of}\""));
    fs::write(folder.join("thresholds.yaml"), alerts::write_thresholds(needed))?;
    fs::write(folder.join("recording.yaml"), alerts::write_recordings(|record| expression.contains(record)))?;
    fs::write(folder.join("alerts.yaml"), alerts::write_alerts(&group))?;
    for span in [Span::Hours, Span::Days] {
        let rules = ["thresholds.yaml", "recording.yaml", "alerts.yaml"];
        let Some(tests) = alerts::tests(&group, span, &rules) else { continue };
        let file = folder.join("tests.yaml");
        fs::write(&file, tests)?;
        if promtool.test_rules(&[&file]).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}
