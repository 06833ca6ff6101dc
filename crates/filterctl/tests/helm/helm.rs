//! Running Helm, away from the settings of whoever runs the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use real_peers::Peer;
use serde_json::Value;

/// One of the Helms.
#[derive(Clone, Copy)]
pub(crate) struct Helm {
    pub(crate) name: &'static str,
    pub(crate) peer: Peer,
}

/// What Helm wrote.
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

static FILES: AtomicU32 = AtomicU32::new(0);

impl Helm {
    /// The newest of both lines.
    pub(crate) const BOTH: [Self; 2] =
        [Self { name: "helm 3", peer: Peer::Helm3 }, Self { name: "helm 4", peer: Peer::Helm4 }];

    /// Runs it to its end.
    pub(crate) fn try_run(&self, arguments: &[&str], kubeconfig: Option<&Path>) -> Result<Said> {
        let output = self.command(arguments, kubeconfig)?.output().context("starting Helm")?;
        Ok(Said {
            succeeded: output.status.success(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Runs it to a good end, and returns its standard output.
    pub(crate) fn run(&self, arguments: &[&str], kubeconfig: Option<&Path>) -> Result<String> {
        let said = self.try_run(arguments, kubeconfig)?;
        if !said.succeeded {
            bail!("{} {}: {}{}", self.name, arguments.join(" "), said.stdout, said.stderr);
        }
        Ok(said.stdout)
    }

    /// What the chart makes of these values.
    pub(crate) fn template(&self, values: &Path, more: &[&str]) -> Result<Said> {
        let values = values.to_str().context("a path that is not text")?;
        let chart = chart();
        let chart = chart.to_str().context("a path that is not text")?;
        let arguments = ["template", "mail", chart, "--namespace", "mail", "--values", values];
        self.try_run(&[&arguments[..], more].concat(), None)
    }

    pub(crate) fn command(&self, arguments: &[&str], kubeconfig: Option<&Path>) -> Result<Command> {
        let home = scratch().join(self.name.replace(' ', "-"));
        fs::create_dir_all(&home)?;
        let mut command = Command::new(self.peer.require()?);
        command.args(arguments).env_clear().env("HOME", &home).stdin(Stdio::null());
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(variable, &home);
        }
        // Without one it would look for a cluster at localhost:8080.
        command.env("KUBECONFIG", kubeconfig.unwrap_or(Path::new("/dev/null")));
        Ok(command)
    }
}

/// The chart's folder.
pub(crate) fn chart() -> PathBuf {
    repository().join("deploy/helm")
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder for what the tests write.
pub(crate) fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm-tests")
}

/// Writes values into a file of their own: JSON is YAML.
pub(crate) fn values_file(values: &Value) -> Result<PathBuf> {
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    fs::create_dir_all(scratch())?;
    let file = scratch().join(format!("values-{}-{number}.json", std::process::id()));
    fs::write(&file, serde_json::to_string_pretty(values)?)?;
    Ok(file)
}
