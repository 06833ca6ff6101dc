//! Ends Envoy when the process that started it ends, however that happens.
//!
//! Envoy itself outlives a parent that is killed (measured with 1.40.0), and asking the kernel to signal it
//! (`PR_SET_PDEATHSIG`) needs unsafe code, is bound to the thread that spawned it, and is Linux only. Instead a
//! shell waits at the other end of a pipe that only our process holds. When our process ends, the kernel
//! closes the pipe, and the shell kills its process group, of which Envoy is a member.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::RunnerError;

pub(crate) struct Lifeline {
    guard: Child,
}

impl Lifeline {
    /// Starts the guard, in a process group of its own: so Ctrl-C at a terminal reaches our process alone,
    /// which can still read the last statistics before it stops Envoy.
    pub(crate) fn new() -> Result<Self, RunnerError> {
        let guard = Command::new("sh")
            .args(["-c", "read -r line; kill -s KILL 0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|reason| RunnerError::Io { action: "starting sh".to_owned(), reason })?;
        Ok(Self { guard })
    }

    /// Puts what `command` will start under the guard.
    ///
    /// There is no gap: a child joins the group before its `exec`, and until then it holds a copy of the
    /// pipe, so the guard cannot fire in between.
    pub(crate) fn tie<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.process_group(i32::try_from(self.guard.id()).unwrap_or(0))
    }
}

impl Drop for Lifeline {
    /// Only after Envoy has been waited for. The guard alone is killed, by its own id.
    fn drop(&mut self) {
        // It may have ended already; either way it is gone after this.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}
