//! What a listener and its plugin are like.

use envoy_sdk::TrafficDirection;

use crate::call_outs::Clusters;
use crate::foreign_function::ForeignFunctions;
use crate::log_line::LogLevel;
use crate::process::Process;
use crate::properties::Properties;

/// Envoy's default for `per_connection_buffer_limit_bytes`.
const BUFFER_LIMIT: usize = 1024 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) plugin_name: String,
    pub(crate) root_id: String,
    pub(crate) vm_id: String,
    pub(crate) direction: TrafficDirection,
    pub(crate) log_level: LogLevel,
    /// A direction that is paused with so many octets in its buffer is not read any further.
    pub(crate) buffer_limit: usize,
    /// Given by the test, for all connections.
    pub(crate) properties: Properties,
    pub(crate) clusters: Clusters,
    /// Registered by the test.
    pub(crate) foreign_functions: ForeignFunctions,
    /// What this VM shares with those of other workers.
    pub(crate) process: Process,
    /// Which worker the VM belongs to, from 0.
    pub(crate) worker: usize,
}

impl Settings {
    pub(crate) fn new(root_id: &str) -> Self {
        Self {
            plugin_name: "fake-plugin".to_owned(),
            root_id: root_id.to_owned(),
            vm_id: "fake-vm".to_owned(),
            direction: TrafficDirection::Unspecified,
            log_level: LogLevel::Trace,
            buffer_limit: BUFFER_LIMIT,
            properties: Properties::default(),
            clusters: Clusters::default(),
            foreign_functions: ForeignFunctions::default(),
            process: Process::default(),
            worker: 0,
        }
    }

    /// What a plugin can read, also without a connection.
    pub(crate) fn plugin_properties(&self) -> Properties {
        let mut properties = Properties::default();
        properties.set(&["plugin_name"], self.plugin_name.as_str());
        properties.set(&["plugin_root_id"], self.root_id.as_str());
        properties.set(&["plugin_vm_id"], self.vm_id.as_str());
        properties.set(&["xds", "node", "id"], "");
        properties
    }

    /// What a connection can read besides: the listener's properties are not there without one.
    pub(crate) fn listener_properties(&self) -> Properties {
        let mut properties = Properties::default();
        let direction: u64 = match self.direction {
            TrafficDirection::Unspecified => 0,
            TrafficDirection::Inbound => 1,
            TrafficDirection::Outbound => 2,
        };
        properties.set(&["xds", "listener_direction"], direction);
        properties.set(&["xds", "listener_metadata"], "");
        properties.set(&["xds", "filter_chain_name"], "");
        properties.set(&["metadata"], "");
        properties
    }
}
