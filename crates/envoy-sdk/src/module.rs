//! What one `.wasm` contains.

use std::rc::Rc;

use crate::access_log::{AccessLogExtension, AccessLogger};
use crate::background::{BackgroundExtension, BackgroundService};
use crate::configure::ConfigureContext;
use crate::error::{Error, Result};
use crate::http::{HttpExtension, HttpFilterFactory};
use crate::network::{NetworkExtension, NetworkFilterFactory};
use crate::vm::AnyExtension;

/// The extensions of one module. Which of them a plugin gets is chosen by its `root_id`; a module with a
/// single extension gives that one to every plugin.
///
/// ```
/// use envoy_sdk::Module;
/// # use envoy_sdk::{AccessLogContext, AccessLogger, BackgroundService, ConfigureContext, Result};
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// # struct Journal;
/// # impl AccessLogger for Journal {
/// #     const NAME: &'static str = "journal";
/// #     type Config = Config;
/// #     fn configure(_: Config, _: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
/// #     fn on_log(&mut self, _: &mut AccessLogContext<'_>) -> Result<()> { Ok(()) }
/// # }
/// # struct Keeper;
/// # impl BackgroundService for Keeper {
/// #     const NAME: &'static str = "keeper";
/// #     type Config = Config;
/// #     fn configure(_: Config, _: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
/// # }
///
/// pub fn module() -> Module {
///     Module::new().version(env!("CARGO_PKG_VERSION")).access_logger::<Journal>().background_service::<Keeper>()
/// }
/// envoy_sdk::entry_point!(module);
///
/// assert_eq!(module().extensions().collect::<Vec<_>>(), ["journal", "keeper"]);
/// ```
#[derive(Clone, Default)]
pub struct Module {
    pub(crate) version: &'static str,
    registrations: Vec<Registration>,
}

#[derive(Clone, Copy)]
pub(crate) struct Registration {
    pub(crate) name: &'static str,
    pub(crate) configure: Configure,
}

type Configure = fn(&[u8], &mut ConfigureContext<'_>) -> Result<Rc<dyn AnyExtension>>;

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
    pub fn network_filter<F: NetworkFilterFactory>(self) -> Self {
        self.register(F::NAME, |octets, cx| {
            let config = cx.read(octets)?;
            Ok(Rc::new(NetworkExtension(F::configure(config, cx)?)))
        })
    }

    /// Adds an HTTP filter.
    #[must_use]
    #[cfg(feature = "json")]
    pub fn http_filter<F: HttpFilterFactory>(self) -> Self {
        self.register(F::NAME, |octets, cx| {
            let config = cx.read(octets)?;
            Ok(Rc::new(HttpExtension(F::configure(config, cx)?)))
        })
    }

    /// Adds an access logger.
    #[must_use]
    #[cfg(feature = "json")]
    pub fn access_logger<L: AccessLogger>(self) -> Self {
        self.register(L::NAME, |octets, cx| {
            let config = cx.read(octets)?;
            Ok(Rc::new(AccessLogExtension::new(L::configure(config, cx)?)))
        })
    }

    /// Adds a background service.
    #[must_use]
    #[cfg(feature = "json")]
    pub fn background_service<S: BackgroundService>(self) -> Self {
        self.register(S::NAME, |octets, cx| {
            let config = cx.read(octets)?;
            Ok(Rc::new(BackgroundExtension::new(S::configure(config, cx)?)))
        })
    }

    #[cfg(feature = "json")]
    fn register(mut self, name: &'static str, configure: Configure) -> Self {
        self.registrations.push(Registration { name, configure });
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
