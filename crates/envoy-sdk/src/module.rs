//! What one `.wasm` contains.

use std::rc::Rc;

use crate::configure::ConfigureContext;
use crate::error::{Error, Result};
use crate::network::{AnyNetworkFactory, NetworkFilterFactory};

/// The extensions of one module. Which of them a plugin gets is chosen by its `root_id`; a module with a
/// single extension gives that one to every plugin.
#[derive(Clone, Default)]
pub struct Module {
    pub(crate) version: &'static str,
    registrations: Vec<Registration>,
}

/// A configured extension.
#[derive(Clone)]
pub(crate) enum Extension {
    Network(Rc<dyn AnyNetworkFactory>),
}

#[derive(Clone, Copy)]
pub(crate) struct Registration {
    pub(crate) name: &'static str,
    pub(crate) configure: fn(&[u8], &mut ConfigureContext<'_>) -> Result<Extension>,
}

impl Module {
    /// A module without extensions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says which version this is, usually `env!("CARGO_PKG_VERSION")`. It becomes the label `version` of
    /// `envoy_sdk_vm_starts_total`.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Adds a network filter.
    #[must_use]
    #[cfg(feature = "json")]
    pub fn network_filter<F: NetworkFilterFactory>(mut self) -> Self {
        self.registrations.push(Registration {
            name: F::NAME,
            configure: |octets, cx| {
                let (config, ignored) = crate::config::from_json(octets)?;
                cx.ignored_fields = ignored;
                Ok(Extension::Network(Rc::new(F::configure(config, cx)?)))
            },
        });
        self
    }

    /// The names of the extensions, each to be used as a plugin's `root_id`.
    pub fn extensions(&self) -> impl Iterator<Item = &'static str> {
        self.registrations.iter().map(|registration| registration.name)
    }

    pub(crate) fn select(&self, root_id: &str) -> Result<Registration> {
        match self.registrations.as_slice() {
            [only] => Ok(*only),
            all => all.iter().find(|registration| registration.name == root_id).copied().ok_or_else(|| {
                let names = self.extensions().collect::<Vec<_>>().join(", ");
                Error::new(format!("root_id {root_id:?} is none of this module's extensions: {names}"))
            }),
        }
    }
}
