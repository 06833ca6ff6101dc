//! Two extensions in one module: a background service that fetches a document every few seconds and keeps it in
//! Envoy's shared data, and an HTTP filter that answers requests with it, at any time and without asking anybody.
//!
//! Which of them a plugin is, its `root_id` says. Both have to be in VMs with the same `vm_id`: that is how far shared
//! data is shared. Under wasm32 this crate is the module `background-refresh.wasm`; see README.md for how to run it.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod metrics;
mod refresh;
mod serve;

pub use metrics::{DOCUMENT, Refreshed, Served};
pub use refresh::{DocumentRefresh, RefreshConfig};
pub use serve::{DocumentServe, ServeConfig};

use envoy_sdk::Module;

/// What this module contains.
pub fn module() -> Module {
    Module::new()
        .version(env!("CARGO_PKG_VERSION"))
        .background_service::<DocumentRefresh>()
        .http_filter::<DocumentServe>()
}
envoy_sdk::entry_point!(module);

/// The key of the document in shared data.
pub const DOCUMENT_KEY: &str = "background-refresh.document";
