//! A Wasm module as a filter of a listener.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{FailurePolicy, WasmPlugin};

/// How the filter's configuration reaches Envoy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// In the listener itself: fixed while Envoy runs.
    #[default]
    Inline,
    /// By extension config discovery from a file: [`Envoy::update_filter`](crate::Envoy::update_filter)
    /// replaces it without closing a connection.
    File,
}

/// One Wasm filter: a module, its configuration, and how that reaches Envoy. A network filter or an HTTP
/// filter, as the listener is that it is added to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmFilter {
    plugin: WasmPlugin,
    delivery: Delivery,
}

impl WasmFilter {
    /// A filter named `name` from the module at `module`, without a configuration. The name is also the
    /// root id, by which a module with several extensions chooses one.
    pub fn new(name: impl Into<String>, module: impl Into<PathBuf>) -> Self {
        WasmPlugin::new(name, module).into()
    }

    /// As [`WasmPlugin::configuration`].
    pub fn configuration(self, json: impl Into<String>) -> Self {
        self.with(|plugin| plugin.configuration(json))
    }

    /// As [`WasmPlugin::root_id`].
    pub fn root_id(self, root_id: impl Into<String>) -> Self {
        self.with(|plugin| plugin.root_id(root_id))
    }

    /// As [`WasmPlugin::vm_id`].
    pub fn vm_id(self, vm_id: impl Into<String>) -> Self {
        self.with(|plugin| plugin.vm_id(vm_id))
    }

    /// As [`WasmPlugin::failure_policy`].
    pub fn failure_policy(self, policy: FailurePolicy) -> Self {
        self.with(|plugin| plugin.failure_policy(policy))
    }

    /// As [`WasmPlugin::allowed_capabilities`].
    pub fn allowed_capabilities(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.with(|plugin| plugin.allowed_capabilities(names))
    }

    /// How the configuration reaches Envoy.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    fn with(self, change: impl FnOnce(WasmPlugin) -> WasmPlugin) -> Self {
        Self { plugin: change(self.plugin), ..self }
    }

    pub(crate) fn name(&self) -> &str {
        self.plugin.name()
    }

    pub(crate) fn module(&self) -> &Path {
        self.plugin.module()
    }

    pub(crate) fn is_delivered_by_file(&self) -> bool {
        self.delivery == Delivery::File
    }

    /// The entry in a listener's filter chain; `discovery` is the file that holds the rest, for
    /// [`Delivery::File`].
    pub(crate) fn chain_entry(&self, chain: FilterChain, discovery: &Path) -> Value {
        match self.delivery {
            Delivery::Inline => json!({"name": self.name(), "typed_config": self.typed_config(chain)}),
            Delivery::File => json!({
                "name": self.name(),
                "config_discovery": {
                    "config_source": {
                        "path_config_source": {"path": discovery},
                        "resource_api_version": "V3",
                    },
                    "type_urls": [chain.type_url()],
                },
            }),
        }
    }

    /// The content of the discovery file.
    pub(crate) fn discovery_response(&self, chain: FilterChain) -> Value {
        json!({
            "resources": [{
                "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
                "name": self.name(),
                "typed_config": self.typed_config(chain),
            }],
        })
    }

    fn typed_config(&self, chain: FilterChain) -> Value {
        json!({"@type": chain.type_url(), "config": self.plugin.to_json()})
    }
}

impl From<WasmPlugin> for WasmFilter {
    fn from(plugin: WasmPlugin) -> Self {
        Self { plugin, delivery: Delivery::default() }
    }
}

/// The kind of chain that a filter stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterChain {
    Network,
    Http,
}

impl FilterChain {
    fn type_url(self) -> &'static str {
        match self {
            Self::Network => "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
            Self::Http => "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        }
    }
}
