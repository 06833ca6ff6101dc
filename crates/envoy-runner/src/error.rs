//! Everything that can go wrong with an Envoy of ours, each as one line that says what would help.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::ScrapeError;

/// Why an Envoy could not be found, installed, started, read or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The path given by the user is not an Envoy.
    #[error("{path} is not a usable Envoy: {reason}", path = path.display())]
    NotEnvoy {
        /// The path that was tried.
        path: PathBuf,
        /// What happened when it was asked for its version.
        reason: String,
    },
    /// The Envoy that the user named is older than the filters can use.
    #[error(
        "{path} is Envoy {version}, but the filters need {} or newer",
        crate::OLDEST_ENVOY,
        path = path.display()
    )]
    TooOld {
        /// The path of that Envoy.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// Envoy is not there and could not be installed.
    #[error("no Envoy {version} here, and it could not be installed: {reason}; {remedy}")]
    Install {
        /// The version asked for.
        version: String,
        /// What stood in the way.
        reason: String,
        /// What the user can do about it.
        remedy: &'static str,
    },
    /// A file that the configuration names cannot be read.
    #[error("{what} {path}: {reason}", path = path.display())]
    Input {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The bootstrap contradicts itself, so Envoy was not started with it.
    #[error("bad Envoy configuration: {0}")]
    Bootstrap(String),
    /// Something else listens on an address that a listener wants.
    #[error(
        "listener `{listener}` cannot listen on {address}: {reason}; choose another port, or 0 for any free one"
    )]
    Listen {
        /// The listener's name.
        listener: String,
        /// The address it wants.
        address: std::net::SocketAddr,
        /// Why not.
        reason: io::Error,
    },
    /// A file operation in the run directory, or on the process, failed.
    #[error("{action}: {reason}")]
    Io {
        /// What was being done, with the path.
        action: String,
        /// Why it failed.
        reason: io::Error,
    },
    /// Envoy ended by itself; its log says why.
    #[error("Envoy ended ({status}): {}", reasons_or_log(reasons, log))]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// Messages from its log that explain it, the filters' own first.
        reasons: Vec<String>,
        /// Its whole log.
        log: PathBuf,
    },
    /// Envoy runs but did not become ready in time.
    #[error("Envoy was not ready after {} s: {}", waited.as_secs(), reasons_or_log(reasons, log))]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// Messages from its log that explain it, the filters' own first.
        reasons: Vec<String>,
        /// Its whole log.
        log: PathBuf,
    },
    /// Envoy refused what a filter's own file holds. If that was an update, the configuration before stays in
    /// force.
    #[error("the configuration of `{filter}` was refused: {}", reasons_or_log(reasons, log))]
    FilterRefused {
        /// The filter's name.
        filter: String,
        /// Messages from its log that explain it, the filters' own first.
        reasons: Vec<String>,
        /// Its whole log.
        log: PathBuf,
    },
    /// There is no listener or updatable filter of that name.
    #[error("this Envoy has no {what} named `{name}`")]
    Unknown {
        /// `listener` or `filter delivered by file`.
        what: &'static str,
        /// The name asked for.
        name: String,
    },
    /// Envoy's admin interface did not answer as expected.
    #[error("Envoy's admin interface, {path}: {reason}")]
    Admin {
        /// The path asked for.
        path: String,
        /// What it said.
        reason: String,
    },
    /// The statistics could not be read without loss.
    #[error(transparent)]
    Scrape(#[from] ScrapeError),
}

impl RunnerError {
    /// For `map_err`: names the action and the path that it was done to.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let action = format!("{action} {}", path.display());
        move |reason| Self::Io { action, reason }
    }
}

fn reasons_or_log(reasons: &[String], log: &Path) -> String {
    if reasons.is_empty() {
        format!("its log is {}", log.display())
    } else {
        format!("{} (log: {})", reasons.join("; "), log.display())
    }
}
