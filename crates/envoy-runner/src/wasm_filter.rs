//! A Wasm module as a network filter of a listener.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// What Envoy does with connections once the module's VM has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// A new VM is made, after a back-off. What the suite ships for plain Envoy.
    #[default]
    Reload,
    /// New connections pass without the filter.
    Open,
    /// New connections are closed. Envoy's own default.
    Closed,
}

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

/// One Wasm network filter: a module and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmFilter {
    name: String,
    module: PathBuf,
    root_id: String,
    vm_id: String,
    configuration: Option<String>,
    failure_policy: FailurePolicy,
    allowed_capabilities: Option<Vec<String>>,
    delivery: Delivery,
}

impl WasmFilter {
    /// A filter named `name` from the module at `module`, without a configuration. The name is also the
    /// root id, by which a module with several extensions chooses one.
    pub fn new(name: impl Into<String>, module: impl Into<PathBuf>) -> Self {
        let name = name.into();
        Self {
            root_id: name.clone(),
            vm_id: name.clone(),
            name,
            module: module.into(),
            configuration: None,
            failure_policy: FailurePolicy::default(),
            allowed_capabilities: None,
            delivery: Delivery::default(),
        }
    }

    /// The configuration as the module reads it: JSON text, passed on octet by octet, so that a test can
    /// also pass text that is not JSON.
    pub fn configuration(mut self, json: impl Into<String>) -> Self {
        self.configuration = Some(json.into());
        self
    }

    /// The extension inside the module, if not called like the filter.
    pub fn root_id(mut self, root_id: impl Into<String>) -> Self {
        self.root_id = root_id.into();
        self
    }

    /// Filters with the same module, `vm_id` and VM configuration share a VM per worker: one trap takes all
    /// of them. By default the filter's name.
    pub fn vm_id(mut self, vm_id: impl Into<String>) -> Self {
        self.vm_id = vm_id.into();
        self
    }

    /// What happens to connections once the VM has failed.
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// Only these host calls and callbacks, such as `proxy_log`, are open to the module; all are by default.
    pub fn allowed_capabilities(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.allowed_capabilities = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// How the configuration reaches Envoy.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn module(&self) -> &Path {
        &self.module
    }

    pub(crate) fn is_delivered_by_file(&self) -> bool {
        self.delivery == Delivery::File
    }

    /// The entry in a listener's filter chain; `discovery` is the file that holds the rest, for
    /// [`Delivery::File`].
    pub(crate) fn chain_entry(&self, discovery: &Path) -> Value {
        match self.delivery {
            Delivery::Inline => json!({"name": self.name, "typed_config": self.typed_config()}),
            Delivery::File => json!({
                "name": self.name,
                "config_discovery": {
                    "config_source": {
                        "path_config_source": {"path": discovery},
                        "resource_api_version": "V3",
                    },
                    "type_urls": [TYPE_URL],
                },
            }),
        }
    }

    /// The content of the discovery file.
    pub(crate) fn discovery_response(&self) -> Value {
        json!({
            "resources": [{
                "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
                "name": self.name,
                "typed_config": self.typed_config(),
            }],
        })
    }

    fn typed_config(&self) -> Value {
        let mut config = json!({
            "name": self.name,
            "root_id": self.root_id,
            "failure_policy": match self.failure_policy {
                FailurePolicy::Reload => "FAIL_RELOAD",
                FailurePolicy::Open => "FAIL_OPEN",
                FailurePolicy::Closed => "FAIL_CLOSED",
            },
            "vm_config": {
                "vm_id": self.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": self.module}},
            },
        });
        if let Some(text) = &self.configuration {
            config["configuration"] =
                json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text});
        }
        if let Some(names) = &self.allowed_capabilities {
            let allowed: Map<String, Value> = names.iter().map(|name| (name.clone(), json!({}))).collect();
            config["capability_restriction_config"] = json!({"allowed_capabilities": allowed});
        }
        json!({"@type": TYPE_URL, "config": config})
    }
}

const TYPE_URL: &str = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm";
