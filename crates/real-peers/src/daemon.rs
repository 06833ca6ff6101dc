//! A server that needs no root of its own: an ordinary child process that ends with whoever started it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::wait_until;

/// Starts the program in its arguments and says its process id; when standard input closes, which our process alone
/// holds open, ends the program at once, and removes its folder. What it wrote is worth nothing after that, so it gets no
/// time.
const GUARDIAN: &str = "trap '' HUP INT TERM\n\
    \"$@\" </dev/null >>\"$LOG\" 2>&1 &\n\
    echo $!\n\
    exec >/dev/null\n\
    cat >/dev/null\n\
    kill -s KILL $! 2>/dev/null\n\
    wait\n\
    [ -z \"$FOLDER\" ] || rm -rf -- \"$FOLDER\"\n";

/// Octets of a log's end that an error repeats.
const TAIL: u64 = 4096;

/// A running server. Dropping it ends the server, and so does the end of this process, however that comes about.
pub struct Daemon {
    shell: Child,
    id: u32,
    name: &'static str,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command` in the background, with what it writes appended to the file `log`. Its arguments, environment
    /// and working folder are kept.
    ///
    /// # Errors
    /// When no shell can be started, or the log cannot be made.
    pub fn start(name: &'static str, command: &Command, log: &Path) -> Result<Self> {
        Self::start_in(name, command, log, Path::new(""))
    }

    /// As [`Self::start`]; the folder goes with the server.
    ///
    /// # Errors
    /// As there.
    pub fn start_in(name: &'static str, command: &Command, log: &Path, folder: &Path) -> Result<Self> {
        File::create(log).with_context(|| format!("making {}", log.display()))?;
        let mut guardian = Command::new("sh");
        guardian.args(["-c", GUARDIAN, name]).arg(command.get_program()).args(command.get_args());
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => guardian.env(variable, value),
                None => guardian.env_remove(variable),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guardian.current_dir(folder);
        }
        let mut shell = guardian
            .env("LOG", log)
            .env("FOLDER", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the terminal goes to our group; the shell has to outlive it.
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        let mut said = String::new();
        let output = shell.stdout.take().context("sh without output")?;
        BufReader::new(output).read_line(&mut said)?;
        let id = said.trim().parse().with_context(|| format!("sh did not start {name}"))?;
        Ok(Self { shell, id, name, log: log.to_path_buf() })
    }

    /// Waits until `look` finds what it looks for.
    ///
    /// # Errors
    /// When the server ends, or the wait is in vain; with the end of its log.
    pub fn wait_until<T>(&self, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        wait_until(what, || {
            if !self.is_running() {
                bail!("{} ended", self.name);
            }
            look()
        })
        .with_context(|| format!("{} wrote:\n{}", self.name, self.last_words()))
    }

    /// Whether the server has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        // A process that has ended but was not waited for is in the table as a zombie.
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let mut octets = Vec::new();
        if let Ok(mut log) = File::open(&self.log) {
            let length = log.metadata().map_or(0, |metadata| metadata.len());
            let read = log.seek(SeekFrom::Start(length.saturating_sub(TAIL)));
            // Without a log there is nothing to repeat.
            let _ = read.and_then(|_| log.read_to_end(&mut octets));
        }
        String::from_utf8_lossy(&octets).trim().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // There is nothing to be done about a shell that failed, least of all in a destructor.
        let _ = self.shell.wait();
    }
}
