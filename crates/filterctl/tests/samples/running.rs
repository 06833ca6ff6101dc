//! A sample, prepared in a folder of its own and run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use envoy_runner::{Envoy, EnvoyBinary, Scrape, StartOptions};
use filterctl::envoy_samples::FOLDER;
use filterctl::workspace::Workspace;
use real_peers::instance::free_port;
use serde_json::Value;

use crate::certificates::Certificates;
use crate::counts;
use crate::modules::Module;
use crate::rewriting::Rewriting;

/// The server of a sample, as the sample names it, and where it really is.
pub(crate) type Server<'a> = ((&'a str, u16), SocketAddr);

/// Envoy compiles each module once per `vm_id`: a sample with four of them takes a while on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(240);

/// A sample, with its addresses, ports and paths replaced.
pub(crate) struct Sample {
    pub(crate) certificates: Certificates,
    file: PathBuf,
    text: String,
    folder: tempfile::TempDir,
}

/// A sample that Envoy runs. It ends when this is dropped.
pub(crate) struct Running {
    pub(crate) envoy: Envoy,
    pub(crate) certificates: Certificates,
    folder: tempfile::TempDir,
}

impl Sample {
    /// The sample of this name: it listens on those ports, and connects to those servers, whose certificates are
    /// `trusted` (PEM).
    pub(crate) fn new(
        name: &str,
        listens_on: &[u16],
        servers: &[Server<'_>],
        trusted: &[u8],
    ) -> Result<Self> {
        let samples = Workspace::find()?.root.join(FOLDER);
        let folder = tempfile::tempdir()?;
        let etc = folder.path().join("etc");
        fs::create_dir_all(folder.path().join("log"))?;
        let certificates = Certificates::write(&etc.join("certs"), trusted)?;
        for (module, file) in [(Module::Smtp, "smtp-filter.wasm"), (Module::Ldap, "ldap-filter.wasm")] {
            fs::copy(&module.artifact()?.path, etc.join(file))?;
        }
        let rewriting = Rewriting { folder: folder.path(), admin_port: free_port()?, listens_on, servers };
        let text = rewriting.apply(&read(&samples.join(name))?).with_context(|| name.to_owned())?;
        let filters = etc.join("filters");
        fs::create_dir_all(&filters)?;
        for file in ["smtp.yaml", "ldap.yaml"] {
            let text = rewriting.apply(&read(&samples.join("filters").join(file))?)?;
            fs::write(filters.join(file), text)?;
        }
        let file = folder.path().join("envoy.yaml");
        fs::write(&file, &text)?;
        Ok(Self { certificates, file, text, folder })
    }

    /// Where a file of `/etc/envoy` is.
    pub(crate) fn etc(&self, path: &str) -> PathBuf {
        self.folder.path().join("etc").join(path)
    }

    /// Replaces a text that has to be there: for tests of what a sample would do otherwise.
    pub(crate) fn changed(mut self, from: &str, to: &str) -> Result<Self> {
        ensure!(self.text.contains(from), "the sample has no {from:?}");
        self.text = self.text.replace(from, to);
        fs::write(&self.file, &self.text)?;
        Ok(self)
    }

    /// What `envoy --mode validate` says against it.
    pub(crate) fn validate(&self, envoy: &EnvoyBinary) -> Result<()> {
        let output = Command::new(&envoy.path)
            .args(["--mode", "validate", "--config-path"])
            .arg(&self.file)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "envoy --mode validate: {said}");
        Ok(())
    }

    /// Validates it and starts Envoy with it, with two workers.
    pub(crate) fn start(self, envoy: &EnvoyBinary) -> Result<Running> {
        self.validate(envoy)?;
        self.start_unchecked(envoy)
    }

    /// Starts Envoy with it, with two workers.
    pub(crate) fn start_unchecked(self, envoy: &EnvoyBinary) -> Result<Running> {
        let options = StartOptions { concurrency: 2, ready_within: READY_WITHIN, ..StartOptions::default() };
        let run = self.folder.path().join("run");
        let envoy = Envoy::start_with_file(envoy, &self.file, &run, &options)?;
        Ok(Running { envoy, certificates: self.certificates, folder: self.folder })
    }
}

impl Running {
    /// Where clients connect.
    pub(crate) fn address(&self, listener: &str) -> Result<SocketAddr> {
        Ok(self.envoy.address(listener)?)
    }

    /// Where a file of `/etc/envoy` is.
    pub(crate) fn etc(&self, path: &str) -> PathBuf {
        self.folder.path().join("etc").join(path)
    }

    /// The text of a file of `/var/log/envoy`.
    pub(crate) fn log(&self, file: &str) -> Result<String> {
        read(&self.folder.path().join("log").join(file))
    }

    /// Waits until the filters have counted just this (a series per line), and looks at what every sample must
    /// export: no name with a label left in it, nothing that failed, every server healthy.
    pub(crate) fn counted(&self, expected: &str) -> Result<Scrape> {
        let healthy = "envoy_sdk_errors_total 0\nenvoy_sdk_panics_total 0";
        let scrape = counts::wait(&self.envoy, &format!("{expected}\n{healthy}"))?;
        let strays: Vec<&str> =
            scrape.iter().map(|metric| metric.name.as_str()).filter(|name| name.contains("___")).collect();
        ensure!(strays.is_empty(), "labels that no tag rule has cut out: {strays:?}");
        Ok(scrape)
    }

    /// Waits until the health checks have found the server of each cluster healthy.
    ///
    /// The first check may fail on a busy machine: Envoy's main thread compiles the modules meanwhile.
    pub(crate) fn servers_are_healthy(&self, clusters: &[&str]) -> Result<()> {
        let checked = |scrape: &Scrape, cluster: &str| {
            let labels = [("envoy_cluster_name", cluster)];
            scrape.counter("envoy_cluster_membership_healthy", &labels) == 1.0
                && scrape.counter("envoy_cluster_health_check_success", &labels) >= 1.0
        };
        let healthy = self
            .envoy
            .wait_for_stats(counts::SOON, |scrape| clusters.iter().all(|cluster| checked(scrape, cluster)))?;
        if healthy.is_none() {
            bail!("not healthy: {}", self.envoy.admin_get("/clusters")?);
        }
        Ok(())
    }

    /// Compares what Envoy itself says about time-outs and limits: `(listener, idle_timeout)`.
    pub(crate) fn idle_timeouts(&self, expected: &[(&str, &str)]) -> Result<()> {
        let dump: Value =
            serde_json::from_str(&self.envoy.admin_get("/config_dump?resource=static_listeners")?)?;
        let listeners = dump["configs"].as_array().context("no listeners in the configuration")?;
        for (name, timeout) in expected {
            let listener = listeners
                .iter()
                .map(|one| &one["listener"])
                .find(|listener| listener["name"] == *name)
                .with_context(|| format!("no listener {name}"))?;
            let filters = listener["filter_chains"][0]["filters"].as_array().context("no filters")?;
            let proxy = &filters.last().context("no filters")?["typed_config"];
            ensure!(proxy["idle_timeout"] == *timeout, "{name}: {}", proxy["idle_timeout"]);
            ensure!(listener["per_connection_buffer_limit_bytes"] == 32768, "{listener:#}");
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}
