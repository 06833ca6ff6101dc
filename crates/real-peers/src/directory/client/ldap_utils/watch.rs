//! A search that stays open.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};

use super::report::ToolReport;
use super::trusted::TrustedFile;
use crate::waiting::wait_until;

/// An `ldapsearch` that is told of changes. Dropping it ends it, without an unbind.
pub struct Watch {
    child: Child,
    printed: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    /// Has to last as long as the search.
    _trusted: Option<TrustedFile>,
}

impl Watch {
    pub(super) fn start(mut command: Command, trusted: Option<TrustedFile>) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting ldapsearch")?;
        let mut output = child.stdout.take().context("ldapsearch has no output")?;
        let printed = Arc::new(Mutex::new(Vec::new()));
        let reader = {
            let printed = Arc::clone(&printed);
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = output.read(&mut piece) {
                    let read = piece.get(..length).unwrap_or_default();
                    printed.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(read);
                }
            })
        };
        Ok(Self { child, printed, reader: Some(reader), _trusted: trusted })
    }

    /// What it printed until now. The exit code is 0 as long as it runs.
    #[must_use]
    pub fn report(&self) -> ToolReport {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        ToolReport { output: String::from_utf8_lossy(&printed).into_owned(), ..ToolReport::default() }
    }

    /// Waits until it has printed what it must.
    ///
    /// # Errors
    /// When that does not come about; with what it printed.
    pub fn report_when(&self, right: impl Fn(&ToolReport) -> bool) -> Result<ToolReport> {
        wait_until("ldapsearch to print it", || {
            let report = self.report();
            Ok(right(&report).then_some(report))
        })
        .with_context(|| format!("it printed:\n{}", self.report().output))
    }

    /// Waits until everything that was there at the start has come, and the server begins to tell of changes.
    ///
    /// # Errors
    /// As [`report_when`](Self::report_when).
    pub fn refreshed(&self) -> Result<ToolReport> {
        self.report_when(|report| report.output.contains("# refresh done, switching to persist stage"))
    }

    /// Interrupts it: it unbinds, without a word about its search.
    ///
    /// # Errors
    /// When it does not end.
    pub fn interrupt(mut self) -> Result<ExitStatus> {
        let sent = Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]).status()?;
        ensure!(sent.success(), "kill ended with {sent}");
        wait_until("ldapsearch to end", || Ok(self.child.try_wait()?))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
