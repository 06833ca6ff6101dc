//! A Wasm module with its configuration, wherever Envoy runs it.

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

/// A Wasm module and its configuration (`envoy.extensions.wasm.v3.PluginConfig`): an access logger of a
/// [`Listener`](crate::Listener), a background service of the whole [`Bootstrap`](crate::Bootstrap), and what
/// is inside a [`WasmFilter`](crate::WasmFilter).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmPlugin {
    name: String,
    module: PathBuf,
    root_id: String,
    vm_id: String,
    configuration: Option<String>,
    failure_policy: FailurePolicy,
    allowed_capabilities: Option<Vec<String>>,
}

impl WasmPlugin {
    /// A plugin named `name` from the module at `module`, without a configuration. The name is also the
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
        }
    }

    /// The configuration as the module reads it: JSON text, passed on octet by octet, so that a test can
    /// also pass text that is not JSON.
    pub fn configuration(mut self, json: impl Into<String>) -> Self {
        self.configuration = Some(json.into());
        self
    }

    /// The extension inside the module, if not called like the plugin.
    pub fn root_id(mut self, root_id: impl Into<String>) -> Self {
        self.root_id = root_id.into();
        self
    }

    /// Plugins with the same module, `vm_id` and VM configuration share a VM per worker: one trap takes all
    /// of them. By default the plugin's name.
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

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn module(&self) -> &Path {
        &self.module
    }

    /// The `PluginConfig`.
    pub(crate) fn to_json(&self) -> Value {
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
        config
    }
}
