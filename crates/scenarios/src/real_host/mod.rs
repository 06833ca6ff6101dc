//! Scenarios on a real Envoy.
//!
//! One Envoy with one worker serves many scenarios, one after the other: each has a listener and a VM of its own, so that
//! contexts and metrics are numbered as if it were alone. Its trace (`--component-log-level wasm:trace`) is what the worker
//! logs while the scenario runs. A step is over when what is expected of it has been seen: nothing here waits for a
//! certain time to pass.
//!
//! # What is made equal before the comparison
//! - Addresses in the module's memory are masked: they change with every build.
//! - So is the period of a tick, except 0: the SDK sets what is left until the next timer, and that depends on how long a
//!   callback took.
//! - Only the worker's VM is looked at: Envoy starts others, on its main thread.
//! - Lines of the trace, lines of the log and what reaches the peers are three sequences: which came first is not compared.
//! - What has not been expected of a step yet is left for the next one. So what follows by itself a moment later, such as
//!   a timer, belongs to the step in which FakeEnvoy's clock gets there.
//! - Statistics are those that changed after the start, since one Envoy counts for all its VMs together, and without
//!   `envoy_sdk_vm_starts_total`, since it has more of them. A histogram counts its observations; their values stand in the
//!   trace.
//! - Of a call-out, the oracle shows the headers that the extension has said, without those that Envoy adds.
//! - Headers and trailers that reach a peer are ordered by name, and those that are others in every run (`date`,
//!   `x-request-id`, `x-envoy-upstream-service-time`) have no value.
//! - An end by FIN and one by RST are both an end.

mod http2;
mod http_servers;
pub(crate) mod masking;
mod peers;
mod performance;
mod worker_log;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use envoy_runner::{
    AccessLog, Bootstrap, Delivery, Envoy, EnvoyBinary, Listener, StartOptions, Upstream, WasmFilter,
    WasmPlugin,
};

use crate::fake_host::PLUGIN_NAME;
use crate::observation::Observation;
use crate::scenario::{Oracle, Protocol, Scenario};
use crate::statistics::{self, Statistics};

use peers::Server;
use performance::Performance;
use worker_log::WorkerLog;

/// How long something may take that is expected: only a failure uses it up.
const SOON: Duration = Duration::from_secs(10);
/// While recording: when nothing has come for so long, nothing will. Longer than what scenarios wait for.
const QUIET: Duration = Duration::from_millis(400);

/// A step that goes on for so long never ends: a timer that sets the next one, for example.
const STEP: Duration = Duration::from_secs(30);

/// A running Envoy with a listener for each scenario.
pub struct RealHost {
    envoy: Envoy,
    module: PathBuf,
    log: WorkerLog,
    servers: BTreeMap<&'static str, Server>,
    /// What is behind each scenario's cluster for call-outs.
    oracles: BTreeMap<&'static str, Server>,
    statistics: Statistics,
}

/// What to do where something else happens than is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Stop there: the observation then ends with what happened instead.
    Compare,
    /// Go on, and take what happens.
    Record,
}

impl RealHost {
    /// Starts an Envoy for these scenarios. A background service has to be alone: it does not wait for its turn. `module` is the `scenario-extension` compiled to wasm.
    ///
    /// # Errors
    /// If Envoy does not start, for example because the module refuses a configuration.
    pub fn start(binary: &EnvoyBinary, module: &Path, scenarios: &[Scenario], folder: &Path) -> Result<Self> {
        let (mut servers, mut oracles) = (BTreeMap::new(), BTreeMap::new());
        let mut bootstrap = Bootstrap::new().stats_tags(statistics::tags());
        for scenario in scenarios {
            let server = Server::new(scenario.listener.server_refuses)?;
            let upstream = Upstream::new("127.0.0.1", server.port()?);
            bootstrap = if scenario.listener.protocol == Protocol::Nothing {
                bootstrap.background_service(plugin(scenario, module, &scenario.script))
            } else {
                bootstrap.listener(listener(scenario, module, upstream))
            };
            servers.insert(scenario.name, server);
            if let Some(kind) = scenario.listener.oracle {
                let oracle = Server::new(kind == Oracle::Refuses)?;
                let upstream = Upstream::new("127.0.0.1", oracle.port()?).http2();
                bootstrap = bootstrap.cluster(scenario.name, upstream);
                oracles.insert(scenario.name, oracle);
            }
        }
        let options = StartOptions {
            log_level: "warning".to_owned(),
            component_log_level: Some("wasm:trace".to_owned()),
            log_format: Some(worker_log::FORMAT.to_owned()),
            ..StartOptions::default()
        };
        let envoy = Envoy::start(binary, &bootstrap, folder, &options)?;
        let mut host = Self {
            envoy,
            module: module.to_owned(),
            log: WorkerLog::new(scenarios.iter().any(|one| one.listener.protocol == Protocol::Nothing)),
            servers,
            oracles,
            statistics: Statistics::new(),
        };
        host.wait_for_starts(scenarios)?;
        host.statistics = host.count()?;
        Ok(host)
    }

    /// Runs a scenario that this Envoy was started for, once, and says what was seen.
    ///
    /// # Errors
    /// If a peer cannot do what it is to do, or Envoy has ended.
    pub fn run(&mut self, scenario: &Scenario, expected: &Observation, mode: Mode) -> Result<Observation> {
        let observation = Performance::new(self, scenario).run(expected, mode);
        if observation.as_ref().is_ok_and(|seen| seen == expected) {
            return observation;
        }
        // What has been broken off goes on ending: the next scenario must not see it.
        self.wait_until_quiet(QUIET)?;
        self.log.calls.clear();
        self.log.messages.clear();
        self.statistics = self.count()?;
        observation
    }

    fn wait_for_starts(&mut self, scenarios: &[Scenario]) -> Result<()> {
        let deadline = Instant::now() + SOON;
        loop {
            self.log.read(&self.envoy)?;
            let Some(missing) = scenarios.iter().find(|one| !self.log.starts.contains_key(one.name)) else {
                return Ok(());
            };
            if Instant::now() > deadline {
                bail!("the worker has not started the VM of {}", missing.name);
            }
            wait_a_moment(&self.envoy)?;
        }
    }

    fn wait_until_quiet(&mut self, quiet: Duration) -> Result<()> {
        let mut last = Instant::now();
        while last.elapsed() < quiet {
            if self.log.read(&self.envoy)? {
                last = Instant::now();
            }
            wait_a_moment(&self.envoy)?;
        }
        Ok(())
    }

    /// All statistics of Wasm modules. The worker has to answer for it: what it was doing before is over then.
    fn count(&self) -> Result<Statistics> {
        Ok(statistics::of_real(&self.envoy.scrape_beginning_with("wasmcustom.")?))
    }
}

fn listener(scenario: &Scenario, module: &Path, upstream: Upstream) -> Listener {
    let listener = match scenario.listener.protocol {
        Protocol::Tcp | Protocol::Nothing => Listener::new(scenario.name, upstream),
        Protocol::Http => Listener::http(scenario.name, upstream.http2()),
    };
    let mut listener = if scenario.listener.logs {
        listener.access_logger(plugin(scenario, module, &scenario.script))
    } else {
        listener.filter(filter(scenario, module, &scenario.script))
    };
    if let Some(octets) = scenario.listener.buffer_limit {
        listener = listener.buffer_limit(octets);
    }
    if let Some(key) = scenario.listener.logged_filter_state {
        let format = format!("%FILTER_STATE(wasm.{key}:PLAIN)%");
        listener = listener.access_log(AccessLog::File { path: access_log_file(scenario), format });
    }
    listener
}

fn filter(scenario: &Scenario, module: &Path, script: &serde_json::Value) -> WasmFilter {
    let delivery = if scenario.listener.reconfigurable { Delivery::File } else { Delivery::Inline };
    WasmFilter::from(plugin(scenario, module, script)).delivery(delivery)
}

fn plugin(scenario: &Scenario, module: &Path, script: &serde_json::Value) -> WasmPlugin {
    WasmPlugin::new(PLUGIN_NAME, module)
        .root_id(scenario.extension)
        .vm_id(scenario.name)
        .configuration(script.to_string())
}

fn access_log_file(scenario: &Scenario) -> PathBuf {
    format!("{}-access.log", scenario.name).into()
}

/// Envoy's doings are only to be had by looking again.
fn wait_a_moment(envoy: &Envoy) -> Result<()> {
    envoy.check_alive()?;
    std::thread::sleep(Duration::from_millis(1));
    Ok(())
}
