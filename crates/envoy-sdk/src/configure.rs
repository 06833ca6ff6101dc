//! What a factory can do while it is configured.

use std::time::Duration;

use crate::error::Result;
use crate::shared_data::SharedData;
use crate::stats::Stats;
use crate::vm::{Plugin, Target, TimerId};
use common_metrics::{Catalogue, Level};

/// The context of `configure`, for every kind of extension.
#[derive(Debug)]
pub struct ConfigureContext<'a> {
    plugin: &'a Plugin,
    name: &'a str,
    root_id: &'a str,
    vm_configuration: &'a [u8],
    #[cfg(feature = "json")]
    ignored_fields: Vec<crate::config::Ignored>,
}

impl<'a> ConfigureContext<'a> {
    pub(crate) fn new(
        plugin: &'a Plugin,
        name: &'a str,
        root_id: &'a str,
        vm_configuration: &'a [u8],
    ) -> Self {
        Self {
            plugin,
            name,
            root_id,
            vm_configuration,
            #[cfg(feature = "json")]
            ignored_fields: Vec::new(),
        }
    }

    /// Reads the plugin's configuration.
    #[cfg(feature = "json")]
    pub(crate) fn read<C: serde::de::DeserializeOwned>(&mut self, octets: &[u8]) -> Result<C> {
        let (config, ignored) = crate::config::from_json(octets)?;
        self.ignored_fields = ignored;
        Ok(config)
    }

    /// The plugin's name in Envoy's configuration. Istio changes it: show it, never parse it.
    pub fn plugin_name(&self) -> &str {
        self.name
    }

    /// The plugin's `root_id`.
    pub fn root_id(&self) -> &str {
        self.root_id
    }

    /// The VM's configuration (`vm_config.configuration`), as octets: [`from_json`](crate::from_json) reads them.
    /// Plugins that share a VM share it.
    pub fn vm_configuration(&self) -> &[u8] {
        self.vm_configuration
    }

    /// Fields of the configuration that were left out because it says `"strict": false`.
    #[cfg(feature = "json")]
    pub fn ignored_fields(&self) -> &[crate::config::Ignored] {
        &self.ignored_fields
    }

    /// The metrics of a catalogue, ready to count. `common` are the labels that each of its series carries.
    ///
    /// # Errors
    /// When a label value has a form that a stat name cannot carry, or Envoy refuses to define a metric.
    pub fn stats(
        &self,
        catalogue: &'static Catalogue,
        common: &[(&'static str, &str)],
        level: Level,
    ) -> Result<Stats> {
        Stats::new(catalogue, common, level)
    }

    /// Envoy's shared data.
    pub fn shared_data(&self) -> SharedData {
        SharedData::new()
    }

    /// Sets a timer that fires once, as `on_timer` of what is being configured. See
    /// [`CallbackContext::set_timer`](crate::CallbackContext::set_timer).
    ///
    /// # Errors
    /// When Envoy refuses to tell the time or to tick.
    pub fn set_timer(&self, delay: Duration) -> Result<TimerId> {
        Ok(self.plugin.set_timer(Target::Plugin, delay)?)
    }
}
