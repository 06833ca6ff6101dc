//! The plugin's configuration.

use std::time::Duration;

use envoy_sdk::{Error, Result};
use serde::Deserialize;

/// The plugin's configuration. Only `cluster` has to be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster that is asked.
    pub cluster: String,
    /// The `host` header of the question.
    #[serde(default = "default_authority")]
    pub authority: String,
    /// The path of the question.
    #[serde(default = "default_path")]
    pub path: String,
    /// How long the service may take, in milliseconds; 1 or more.
    #[serde(default = "default_timeout")]
    pub timeout_milliseconds: u32,
    /// What happens to a request when the service has not decided: fail open or closed.
    #[serde(default)]
    pub without_decision: Verdict,
    /// Headers of the client's request that the service sees.
    #[serde(default = "default_forwarded")]
    pub forwarded_headers: Vec<String>,
    /// Headers of the service's answer that the server sees; from the client itself they do not pass.
    #[serde(default)]
    pub identity_headers: Vec<String>,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes on to the server.
    Allow,
    /// It is answered with 503.
    #[default]
    Deny,
}

impl Config {
    /// What the types do not say.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cluster.is_empty() {
            return Err(Error::new("cluster: must name a cluster"));
        }
        if !self.path.starts_with('/') {
            return Err(Error::new("path: must begin with /"));
        }
        if self.timeout_milliseconds == 0 {
            return Err(Error::new("timeout_milliseconds: must be 1 or more"));
        }
        Ok(())
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_milliseconds.into())
    }
}

fn default_authority() -> String {
    "authorisation".to_owned()
}

fn default_path() -> String {
    "/check".to_owned()
}

fn default_timeout() -> u32 {
    500
}

fn default_forwarded() -> Vec<String> {
    vec!["authorization".to_owned(), "cookie".to_owned()]
}
