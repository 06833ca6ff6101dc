//! What `demo`, `run` and `replay` need before they begin: an Envoy, a module, a folder for the run.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use envoy_runner::{Bootstrap, Delivery, Envoy, EnvoyBinary, Scrape, StartOptions, WasmFilter};
use serde_json::Value;

use crate::build;
use crate::display::News;
use crate::filters::Filter;
use crate::workspace::Workspace;

/// Everything that has to be there before Envoy can be started with a filter.
#[derive(Debug)]
pub struct Stage {
    /// Which filter.
    pub filter: &'static Filter,
    /// The workspace that it is built from.
    pub workspace: Workspace,
    /// Its module.
    pub module: PathBuf,
    /// Which Envoy.
    pub binary: EnvoyBinary,
    folder: PathBuf,
}

impl Stage {
    /// Finds or installs Envoy and builds the module. What takes time says so on standard error.
    ///
    /// # Errors
    ///
    /// When there is no Envoy and none can be installed, or the module cannot be built.
    pub fn set(filter: &'static Filter, envoy: Option<&Path>) -> Result<Self> {
        let workspace = Workspace::find()?;
        let progress: &mut dyn FnMut(&str) = &mut |step| eprintln!("{step}");
        // Envoy first: that it is missing is known within a second, a module takes a minute.
        let binary = EnvoyBinary::find(envoy, &workspace.envoy_installs(), progress)?;
        let request =
            build::Request { modules: vec![filter.package.to_owned()], ..build::Request::default() };
        let module = build::build(&workspace, &request, progress)?.pop().context("no module was built")?.path;
        let folder = workspace.target.join("runs").join(format!("{}-{}", filter.name, std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { filter, workspace, module, binary, folder })
    }

    /// The folder of this run: Envoy's log and bootstrap, and whatever else the run needs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The filter with this configuration, which can be changed while Envoy runs.
    pub fn filter(&self, configuration: &Configuration) -> WasmFilter {
        WasmFilter::new(self.filter.name, &self.module)
            .configuration(configuration.json())
            .delivery(Delivery::File)
    }

    /// Starts Envoy with these listeners; the labels of the filter's metrics are added.
    ///
    /// # Errors
    ///
    /// When Envoy refuses the configuration or does not become ready; the message says why.
    pub fn start(&self, bootstrap: Bootstrap) -> Result<Envoy> {
        self.start_with(bootstrap, &StartOptions::default())
    }

    /// As [`start`](Self::start), with other options than the default.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(&self, bootstrap: Bootstrap, options: &StartOptions) -> Result<Envoy> {
        let bootstrap = bootstrap.stats_tags(self.filter.stats_tags());
        Ok(Envoy::start(&self.binary, &bootstrap, &self.folder, options)?)
    }

    /// Removes the folder of a run that went well. After one that did not, its log is of use.
    pub fn clear(self) {
        // A folder that stays behind harms nobody: `target` is for such things.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// By when a filter has given Envoy what it counted: it collects for 20 ms (`session_driver`'s observer), and a worker may have
/// other things to do.
pub const GIVEN: Duration = Duration::from_millis(100);
/// How long a filter's counts may be waited for that never agree, because a VM was lost with what it had counted.
const AGREED: Duration = Duration::from_secs(2);

/// Waits until no connection is open at any listener and the filters have told Envoy of the last one, and reads the
/// statistics, which are final then.
///
/// # Errors
///
/// When connections stay open, or Envoy does not answer.
pub fn final_scrape(envoy: &Envoy, within: Duration) -> Result<Scrape> {
    let is_quiet = |scrape: &Scrape| scrape.counter("envoy_listener_downstream_cx_active", &[]) == 0.0;
    let quiet = envoy.wait_for_stats(within, is_quiet)?;
    quiet.with_context(|| format!("connections to Envoy are still open after {within:?}"))?;
    std::thread::sleep(GIVEN);
    // A worker that had no time in between has opened connections to tell of, and not that they were closed.
    match envoy.wait_for_stats(AGREED, all_closed)? {
        Some(scrape) => Ok(scrape),
        None => Ok(envoy.scrape()?),
    }
}

/// Whether each filter counts as many connections closed as opened.
fn all_closed(scrape: &Scrape) -> bool {
    let sum = |series: &str| {
        scrape
            .iter()
            .filter(|metric| metric.name.ends_with(series))
            .map(|metric| metric.value.number())
            .sum::<f64>()
    };
    sum("_connections_opened_total") == sum("_connections_closed_total")
}

/// A filter's configuration: a JSON object.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration(Value);

/// The filter's own defaults.
impl Default for Configuration {
    fn default() -> Self {
        Self(Value::Object(serde_json::Map::new()))
    }
}

impl Configuration {
    /// Reads a file, or takes the defaults when there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is no JSON object, or the filter would refuse it; the message names the
    /// field.
    pub fn read(filter: &Filter, file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::default()) };
        let octets = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(filter, &octets).with_context(|| file.display().to_string())
    }

    fn parse(filter: &Filter, octets: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(octets)?;
        // The check is always strict; a configuration that is not leaves the judgement to the module.
        if value.get("strict") != Some(&Value::Bool(false)) {
            filter.check(octets).map_err(|error| anyhow!("{error}"))?;
        }
        anyhow::ensure!(value.is_object(), "a configuration is a JSON object");
        Ok(Self(value))
    }

    /// The same with one field set.
    pub fn with(&self, field: &str, value: Value) -> Self {
        let mut changed = self.0.clone();
        if let Value::Object(fields) = &mut changed {
            fields.insert(field.to_owned(), value);
        }
        Self(changed)
    }

    /// The same, but with events where it does not say whether there are to be any: for those who watch them. What they
    /// say about people stays as it is.
    pub fn with_events(&self) -> Self {
        let mut events = self.0.get("events").cloned().unwrap_or_else(|| serde_json::json!({}));
        if let Value::Object(fields) = &mut events {
            fields.entry("enabled").or_insert(Value::Bool(true));
        }
        self.with("events", events)
    }

    /// Whether a field is there.
    pub fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some()
    }

    /// As JSON.
    pub fn json(&self) -> String {
        self.0.to_string()
    }

    /// As a value.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// A configuration file that is applied again whenever it changes, without closing a connection.
#[derive(Debug)]
pub struct ConfigurationFile {
    file: Option<PathBuf>,
    changed: Option<SystemTime>,
    with_events: bool,
}

impl ConfigurationFile {
    /// Watches this file from now on; nothing if there is none. `with_events` as
    /// [`Configuration::with_events`].
    pub fn watch(file: Option<&Path>, with_events: bool) -> Self {
        let mut watched = Self { file: file.map(Path::to_owned), changed: None, with_events };
        watched.changed = watched.modified();
        watched
    }

    /// Applies the file if it has changed since the last time, and says what became of it.
    pub fn apply(&mut self, stage: &Stage, envoy: &Envoy, listener: &str) -> Option<News> {
        let modified = self.modified();
        if modified.is_none() || modified == self.changed {
            return None;
        }
        self.changed = modified;
        Some(match self.put_in_force(stage, envoy, listener) {
            Ok(configuration) => News {
                text: "configuration changed: it is in force for new connections".to_owned(),
                configuration: Some(configuration.0),
            },
            Err(error) => News {
                text: format!("configuration refused, the one before stays in force: {error:#}"),
                configuration: None,
            },
        })
    }

    fn put_in_force(&self, stage: &Stage, envoy: &Envoy, listener: &str) -> Result<Configuration> {
        let mut configuration = Configuration::read(stage.filter, self.file.as_deref())?;
        if self.with_events {
            configuration = configuration.with_events();
        }
        envoy.update_filter(listener, &stage.filter(&configuration))?;
        Ok(configuration)
    }

    fn modified(&self) -> Option<SystemTime> {
        std::fs::metadata(self.file.as_deref()?).ok()?.modified().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_on_unless_the_configuration_says_otherwise() {
        for (before, after) in [
            (json!({}), json!({"events": {"enabled": true}})),
            (
                json!({"events": {"identities": "domain"}}),
                json!({"events": {"identities": "domain", "enabled": true}}),
            ),
            (json!({"events": {"enabled": false}}), json!({"events": {"enabled": false}})),
        ] {
            assert_eq!(Configuration(before).with_events(), Configuration(after));
        }
    }
}
