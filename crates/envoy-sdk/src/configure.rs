//! What a factory can do while it is configured.

use std::ops::Deref;
use std::rc::Rc;

use crate::callback_context::CallbackContext;
use crate::error::Result;
use crate::vm::Plugin;

/// The context of `configure`, for every kind of extension. What every callback can do besides is in
/// [`CallbackContext`]: timers and call-outs that begin here are answered by what is being configured.
///
/// ```
/// use envoy_sdk::{ConfigureContext, Result};
///
/// #[derive(serde::Deserialize)]
/// struct OfTheVm {
///     region: String,
/// }
///
/// /// In `configure`: what all plugins of this VM have in common.
/// fn region(cx: &ConfigureContext<'_>) -> Result<String> {
///     let (vm, _) = envoy_sdk::from_json::<OfTheVm>(cx.vm_configuration())?;
///     log::info!("{} ({}) runs in {}", cx.plugin_name(), cx.root_id(), vm.region);
///     Ok(vm.region)
/// }
/// ```
#[derive(Debug)]
pub struct ConfigureContext<'a> {
    callback: CallbackContext<'a>,
    name: &'a str,
    root_id: &'a str,
    vm_configuration: &'a [u8],
    #[cfg(feature = "json")]
    ignored_fields: Vec<crate::config::Ignored>,
}

impl<'a> Deref for ConfigureContext<'a> {
    type Target = CallbackContext<'a>;

    fn deref(&self) -> &CallbackContext<'a> {
        &self.callback
    }
}

impl<'a> ConfigureContext<'a> {
    pub(crate) fn new(
        plugin: &'a Rc<Plugin>,
        name: &'a str,
        root_id: &'a str,
        vm_configuration: &'a [u8],
    ) -> Self {
        Self {
            callback: CallbackContext::of_plugin(plugin),
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
}
