//! The application whose traffic is watched, as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// How long the application may take to send what it still has and to take leave.
const FAREWELL: Duration = Duration::from_secs(30);

/// A running application. It ends when this is dropped, and also when this process ends in any way: its standard
/// input ends then.
#[derive(Debug)]
pub(super) struct Application {
    package: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    tally: Option<JoinHandle<String>>,
    /// The last line that it logged: the reason, if it failed.
    last_line: Arc<Mutex<String>>,
}

/// Builds the application with cargo, whose progress appears on standard error, and returns the program.
pub(super) fn build(workspace: &Path, package: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(&cargo)
        .args(["build", "--package", package, "--message-format", "json-render-diagnostics"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", Path::new(&cargo).display()))?;
    if !output.status.success() {
        bail!("building {package} failed");
    }
    executable(&output.stdout, package).with_context(|| format!("cargo did not say where it put {package}"))
}

/// Finds in cargo's messages where the program is.
fn executable(messages: &[u8], package: &str) -> Option<PathBuf> {
    let messages = messages.split(|octet| *octet == b'\n');
    messages
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(package))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}

impl Application {
    /// Starts the program. The lines are what it logs; they end with the program.
    pub(super) fn start(
        package: &'static str,
        program: &Path,
        arguments: &[String],
    ) -> Result<(Self, Receiver<String>)> {
        let mut child = Command::new(program)
            .args(arguments)
            .args(["--json", "--until-stdin-ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C at the terminal reaches our process alone, which ends the application in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = child.stdin.take();
        let tally = child.stdout.take().map(|mut stdout| {
            thread::spawn(move || {
                let mut text = String::new();
                // What is not UTF-8 is no JSON either: noticed when it is read.
                let _ = stdout.read_to_string(&mut text);
                text
            })
        });
        let (sender, lines) = mpsc::channel();
        let last_line = Arc::new(Mutex::new(String::new()));
        if let Some(stderr) = child.stderr.take() {
            let last_line = Arc::clone(&last_line);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    last_line.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&line);
                    // Nobody listens any more: the pipe is emptied nevertheless.
                    let _ = sender.send(line);
                }
            });
        }
        Ok((Self { package, child, stdin, tally, last_line }, lines))
    }

    /// An error with the reason if it has ended by itself.
    pub(super) fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let last_line = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
                bail!("{} ended ({status}): {last_line}", self.package)
            }
        }
    }

    /// Lets the application finish, and returns what it counted.
    pub(super) fn finish(mut self) -> Result<Value> {
        let package = self.package;
        self.stdin = None;
        let deadline = Instant::now() + FAREWELL;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("{package} did not end within {FAREWELL:?}");
            }
            thread::sleep(Duration::from_millis(10));
        };
        let tally = self.tally.take().map(JoinHandle::join).transpose();
        let tally = tally.map_err(|_| anyhow!("reading what {package} counted failed"))?.unwrap_or_default();
        if !status.success() {
            bail!("{package} failed ({status})");
        }
        serde_json::from_str(&tally).with_context(|| format!("what {package} counted is no JSON"))
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // Both do nothing to a process that has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_where_the_program_is() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"log_by_mail\"},\"executable\":null}\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"log-by-mail\"},\"executable\":\"/t/debug/log-by-mail\"}\n",
            "{\"reason\":\"build-finished\",\"success\":true}\n",
        );
        assert_eq!(
            executable(messages.as_bytes(), "log-by-mail"),
            Some(PathBuf::from("/t/debug/log-by-mail"))
        );
        assert_eq!(executable(b"nothing", "log-by-mail"), None);
    }

    #[test]
    fn it_ends_with_its_standard_input_and_hands_over_what_it_counted() {
        let script = "echo to whom it may concern >&2; read -r line; echo '{\"mails\": 3}'";
        let (application, lines) =
            Application::start("log-by-mail", Path::new("/bin/sh"), &["-c".to_owned(), script.to_owned()])
                .unwrap();
        assert_eq!(lines.recv().unwrap(), "to whom it may concern");
        assert_eq!(application.finish().unwrap(), serde_json::json!({"mails": 3}));
        assert!(lines.recv().is_err());
    }

    #[test]
    fn a_failure_is_told() {
        let script = ["-c".to_owned(), "echo 'no such server' >&2; exit 3".to_owned()];
        let (mut application, lines) =
            Application::start("log-by-mail", Path::new("/bin/sh"), &script).unwrap();
        assert_eq!(lines.iter().count(), 1);
        let error = loop {
            match application.check_alive() {
                Ok(()) => thread::yield_now(),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("exit status: 3") && error.ends_with(": no such server"), "{error}");
        assert!(application.finish().unwrap_err().to_string().contains("log-by-mail failed"));
    }
}
