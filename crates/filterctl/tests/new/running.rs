//! `filterctl run`, while it runs.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::demo::filterctl;

/// The tool with an Envoy. Both end when this is dropped.
pub(crate) struct Running {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
}

impl Running {
    /// Starts it in this folder; a test that hangs ends after ten minutes.
    pub(crate) fn start(folder: &Path, envoy: &Path) -> Result<Self> {
        let mut command = filterctl(folder, ["run", "--for", "10m", "--envoy"]);
        let mut child = command.arg(envoy).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().context("no output")?).lines();
        Ok(Self { child, output, said: Vec::new() })
    }

    /// Waits for a line that begins so, and gives back the rest of it.
    pub(crate) fn line(&mut self, beginning: &str) -> Result<String> {
        for line in self.output.by_ref() {
            let line = line?;
            let rest = line.strip_prefix(beginning).map(|rest| rest.trim().to_owned());
            self.said.push(line);
            if let Some(rest) = rest {
                return Ok(rest);
            }
        }
        bail!("it ended without saying {beginning:?}:\n{}", self.said.join("\n"))
    }

    /// Asks it to stop, as a terminal or a service manager does, and gives back what it said from then on.
    pub(crate) fn stop(mut self) -> Result<String> {
        let id = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success(), "cannot send a signal");
        let rest = self.output.by_ref().collect::<std::io::Result<Vec<_>>>()?.join("\n");
        let status = self.child.wait()?;
        ensure!(status.success(), "{status}\n{}\n{rest}", self.said.join("\n"));
        Ok(rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
