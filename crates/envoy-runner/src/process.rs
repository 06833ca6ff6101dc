//! Envoy as a child process: spawned, watched, and never left behind.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::lifeline::Lifeline;
use crate::log_file::LogFile;
use crate::{EnvoyBinary, HotRestart, RunnerError, StartOptions};

/// A child process that is Envoy. Dropping it kills it and waits for it.
pub(crate) struct Process {
    child: Child,
    pub(crate) log: LogFile,
    /// Dropped after Envoy has ended, which `Drop` below sees to.
    _lifeline: Lifeline,
}

impl Process {
    pub(crate) fn spawn(
        binary: &EnvoyBinary,
        files: &RunFiles<'_>,
        stdout: Stdio,
        options: &StartOptions,
    ) -> Result<Self, RunnerError> {
        let log = LogFile::new(files.run_dir.join("envoy.log"));
        let log_output = File::create(log.path()).map_err(RunnerError::io("creating", log.path()))?;
        let lifeline = Lifeline::new()?;
        let mut command = Command::new(&binary.path);
        command
            .arg("--config-path")
            .arg(files.bootstrap)
            .arg("--admin-address-path")
            .arg(files.admin_address)
            .args(["--concurrency", &options.concurrency.to_string()])
            .args(["--log-level", &options.log_level])
            // Ten seconds by default: too long for whoever waits for a line of an access log.
            .args(["--file-flush-interval-msec", "100"])
            .current_dir(files.run_dir)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(log_output);
        match options.hot_restart {
            // Base ids are for that only: without it, any number of Envoys run side by side.
            None => command.arg("--disable-hot-restart"),
            Some(HotRestart { base_id, epoch, parent_ends_after }) => command
                .args(["--base-id", &base_id.to_string()])
                .args(["--restart-epoch", &epoch.to_string()])
                .args(["--parent-shutdown-time-s", &parent_ends_after.as_secs().to_string()]),
        };
        if let Some(levels) = &options.component_log_level {
            command.args(["--component-log-level", levels]);
        }
        if let Some(format) = &options.log_format {
            command.args(["--log-format", format]);
        }
        if let Some(time) = options.drain_time {
            command.args(["--drain-time-s", &time.as_secs().to_string()]);
        }
        let child = lifeline.tie(&mut command).spawn().map_err(RunnerError::io("starting", &binary.path))?;
        Ok(Self { child, log, _lifeline: lifeline })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error if Envoy has ended.
    pub(crate) fn check_alive(&mut self) -> Result<(), RunnerError> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(RunnerError::Exited {
                status,
                reasons: self.log.reasons_since(0),
                log: self.log.path().to_owned(),
            }),
        }
    }

    /// Waits until Envoy has ended; `false` if it has not within that time.
    pub(crate) fn wait_for_end(&mut self, within: Duration) -> Result<bool, RunnerError> {
        poll_until(within, || self.ended()).map(|status| status.is_some())
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, RunnerError> {
        self.child
            .try_wait()
            .map_err(|reason| RunnerError::Io { action: "waiting for Envoy".to_owned(), reason })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing to a process that has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Envoy reads and writes at start.
pub(crate) struct RunFiles<'a> {
    pub(crate) run_dir: &'a Path,
    pub(crate) bootstrap: &'a Path,
    pub(crate) admin_address: &'a Path,
}

/// Looks again and again until there is something to be found, or the time is over (`None`).
pub(crate) fn poll_until<T>(
    within: Duration,
    mut condition: impl FnMut() -> Result<Option<T>, RunnerError>,
) -> Result<Option<T>, RunnerError> {
    let deadline = Instant::now() + within;
    loop {
        let found = condition()?;
        if found.is_some() || Instant::now() >= deadline {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
