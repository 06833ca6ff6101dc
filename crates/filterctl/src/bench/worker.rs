//! The CPU time of Envoy's worker.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How Envoy calls its first worker thread.
const NAME: &str = "wrk:worker_0";
/// A worker that has used no CPU for so long has done what there was to do.
const SETTLED: Duration = Duration::from_millis(3);
/// A worker that goes on for longer than this with nothing to do never ends.
const DEADLINE: Duration = Duration::from_secs(20);

/// The one worker thread of an Envoy that runs with `--concurrency 1`.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    /// Time on the CPU in nanoseconds, time waiting for one, time slices (Linux, `sched-stats.rst`).
    schedstat: PathBuf,
}

impl Worker {
    /// The worker of this process.
    ///
    /// # Errors
    /// When there is no such process, no such thread, or no Linux.
    pub(super) fn of(process: u32) -> Result<Self> {
        let tasks = format!("/proc/{process}/task");
        for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
            let task = task?.path();
            // A thread may have ended since.
            if fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == NAME) {
                return Ok(Self { schedstat: task.join("schedstat") });
            }
        }
        bail!("process {process} has no thread called {NAME}")
    }

    /// The CPU time that it has used, once it has nothing left to do.
    ///
    /// # Errors
    /// When it is gone, or does not come to rest.
    pub(super) fn at_rest(&self) -> Result<Duration> {
        let start = Instant::now();
        let mut before = cpu(&self.schedstat)?;
        loop {
            sleep(SETTLED);
            let now = cpu(&self.schedstat)?;
            if now == before {
                return Ok(now);
            }
            if start.elapsed() > DEADLINE {
                bail!("Envoy's worker does not come to rest");
            }
            before = now;
        }
    }
}

fn cpu(schedstat: &Path) -> Result<Duration> {
    let text = fs::read_to_string(schedstat).with_context(|| format!("reading {}", schedstat.display()))?;
    let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
    first.map(Duration::from_nanos).with_context(|| format!("{} says `{text}`", schedstat.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "1234567 89 3\n").unwrap();
        assert_eq!(cpu(file.path()).unwrap(), Duration::from_nanos(1_234_567));
        fs::write(&file, "").unwrap();
        assert!(cpu(file.path()).is_err());
    }

    #[test]
    fn a_process_without_envoys_worker_is_told_so() {
        let error = Worker::of(std::process::id()).unwrap_err().to_string();
        assert!(error.ends_with("has no thread called wrk:worker_0"), "{error}");
    }
}
