//! Filters that let everything pass, and panic when they are asked to: a network filter at a word in the data, an HTTP
//! filter at a header of the request.
//!
//! They show what a panic costs under `envoy-sdk`: the connection or request that it happened in, or, with the network
//! filter's `"on_error": "bypass"`, not even that. Tests of the isolation on a real Envoy load them too.
//!
//! Under wasm32 this crate is the module `panic-on-demand.wasm`; see README.md for how to run it.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod http;
mod network;

pub use http::{HttpConfig, HttpOnDemand, PanicOnDemandHttp};
pub use network::{Config, Direction, OnDemand, OnError, PanicOnDemand};

use envoy_sdk::Module;

/// What this module contains.
pub fn module() -> Module {
    Module::new()
        .version(env!("CARGO_PKG_VERSION"))
        .network_filter::<PanicOnDemand>()
        .http_filter::<PanicOnDemandHttp>()
}
envoy_sdk::entry_point!(module);
