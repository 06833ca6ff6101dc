//! Makes sure that nothing outlives the process that started a server.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A shell that waits at the other end of a pipe which only this process holds.
///
/// When the pipe closes, because the [`Instance`](super::Instance) is dropped or because this process ended
/// in any way at all, the shell ends every process of the instance and removes its folder. One path for both
/// cases, so that the rare one is exercised all the time.
pub(super) struct Guardian {
    shell: Child,
}

impl Guardian {
    pub(super) fn of(root: &Path) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", include_str!("guardian.sh"), "guardian"])
            .arg(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the terminal goes to our group; the guardian has to outlive it.
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        Ok(Self { shell })
    }

    /// Ends every process of the instance and removes its folder; returns when that is done.
    pub(super) fn end_everything(&mut self) {
        drop(self.shell.stdin.take());
        // There is nothing to be done about a guardian that failed, least of all in a destructor.
        let _ = self.shell.wait();
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.end_everything();
    }
}
