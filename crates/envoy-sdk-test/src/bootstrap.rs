//! Setting up a FakeEnvoy.

use std::fmt;
use std::sync::Arc;

use envoy_sdk::{Module, Status, TrafficDirection};

use crate::call_outs::Cluster;
use crate::envoy::FakeEnvoy;
use crate::failures::{Failures, HostCall};
use crate::log_line::{LogLevel, LogLine};
use crate::process::Process;
use crate::properties::PropertyValue;
use crate::settings::Settings;
use crate::workers::WorkersBootstrap;
use crate::world::World;

/// A listener and its plugin before Envoy starts: made by [`FakeEnvoy::new`], started by
/// [`configure`](Self::configure).
#[derive(Clone, Debug)]
pub struct Bootstrap {
    module: fn() -> Module,
    settings: Settings,
    failures: Failures,
}

impl Bootstrap {
    pub(crate) fn new(module: fn() -> Module) -> Self {
        let root_id = module().extensions().next().unwrap_or_default();
        Self { module, settings: Settings::new(root_id), failures: Failures::default() }
    }

    /// Which of the module's extensions the plugin is; the first one otherwise.
    #[must_use]
    pub fn root_id(mut self, root_id: impl Into<String>) -> Self {
        self.settings.root_id = root_id.into();
        self
    }

    /// The plugin's name; `fake-plugin` otherwise.
    #[must_use]
    pub fn plugin_name(mut self, name: impl Into<String>) -> Self {
        self.settings.plugin_name = name.into();
        self
    }

    /// The VM's id; `fake-vm` otherwise.
    #[must_use]
    pub fn vm_id(mut self, vm_id: impl Into<String>) -> Self {
        self.settings.vm_id = vm_id.into();
        self
    }

    /// The listener's `traffic_direction`; unspecified otherwise.
    #[must_use]
    pub fn listener_direction(mut self, direction: TrafficDirection) -> Self {
        self.settings.direction = direction;
        self
    }

    /// The level of Envoy's log: finer lines do not get there. Everything does otherwise.
    #[must_use]
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.settings.log_level = level;
        self
    }

    /// The listener's `per_connection_buffer_limit_bytes`, 1 MiB otherwise: when a filter holds back as much,
    /// Envoy stops reading.
    #[must_use]
    pub fn buffer_limit(mut self, octets: usize) -> Self {
        self.settings.buffer_limit = octets;
        self
    }

    /// A property of all connections.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl Into<PropertyValue>) -> Self {
        self.settings.properties.set(path, value);
        self
    }

    /// Declares a cluster that call-outs can go to. What those in it answer is the test's to say, see
    /// [`FakeEnvoy::http_calls`], [`FakeEnvoy::grpc_calls`] and [`FakeEnvoy::grpc_streams`].
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.settings.clusters.add(name.into(), Cluster::Hosts);
        self
    }

    /// Declares a cluster in which there is nobody to ask: it has no endpoints, or none of them is healthy.
    #[must_use]
    pub fn cluster_without_hosts(mut self, name: impl Into<String>) -> Self {
        self.settings.clusters.add(name.into(), Cluster::NoHosts);
        self
    }

    /// Registers a foreign function, as a build of Envoy with extensions of its own does; also in place of one that
    /// FakeEnvoy has. What it answers is a result, or a status other than `Ok`.
    ///
    /// FakeEnvoy itself has `declare_property`, `set_envoy_filter_state` and `clear_route_cache`.
    #[must_use]
    pub fn foreign_function(
        mut self,
        name: impl Into<String>,
        function: impl Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync + 'static,
    ) -> Self {
        self.settings.foreign_functions.register(name.into(), Arc::new(function));
        self
    }

    /// Makes the next call of this function fail, also while the plugin is being configured.
    #[must_use]
    #[track_caller]
    pub fn fail_next(mut self, call: HostCall, status: Status) -> Self {
        self.failures.fail_next(call, status);
        self
    }

    /// Makes all calls of this function fail.
    #[must_use]
    #[track_caller]
    pub fn fail_always(mut self, call: HostCall, status: Status) -> Self {
        self.failures.fail_always(call, status);
        self
    }

    /// Starts Envoy with this plugin configuration.
    ///
    /// # Errors
    /// When the module refuses it: Envoy would then refuse the listener.
    ///
    /// # Panics
    /// When this thread has a FakeEnvoy already: a VM is a thread.
    #[track_caller]
    pub fn configure(self, configuration: impl AsRef<[u8]>) -> Result<FakeEnvoy, Refused> {
        self.start_worker(0, Process::default(), configuration.as_ref())
    }

    /// Several workers instead of one, each with a thread and a VM of its own.
    #[must_use]
    pub fn workers(self, count: usize) -> WorkersBootstrap {
        WorkersBootstrap::new(self, count)
    }

    #[track_caller]
    pub(crate) fn start_worker(
        self,
        worker: usize,
        process: Process,
        configuration: &[u8],
    ) -> Result<FakeEnvoy, Refused> {
        let settings = Settings { process, worker, ..self.settings };
        FakeEnvoy::start(World::new(self.module, settings, self.failures), configuration)
    }
}

/// The module has refused its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was logged meanwhile.
    pub log: Vec<LogLine>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration refused")?;
        for line in self.log.iter().filter(|line| line.level >= LogLevel::Warn) {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}
