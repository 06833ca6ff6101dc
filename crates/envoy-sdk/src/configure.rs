//! What a factory can do while it is configured.

use crate::error::Result;
use crate::shared_data::SharedData;
use crate::stats::Stats;
use common_metrics::{Catalogue, Level};

/// The context of [`NetworkFilterFactory::configure`](crate::NetworkFilterFactory::configure).
#[derive(Debug)]
pub struct ConfigureContext<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) root_id: &'a str,
    #[cfg(feature = "json")]
    pub(crate) ignored_fields: Vec<crate::config::Ignored>,
}

impl ConfigureContext<'_> {
    /// The plugin's name in Envoy's configuration. Istio changes it: show it, never parse it.
    pub fn plugin_name(&self) -> &str {
        self.plugin
    }

    /// The plugin's `root_id`.
    pub fn root_id(&self) -> &str {
        self.root_id
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
}
