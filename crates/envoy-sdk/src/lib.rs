//! The way to write Envoy extensions in Rust.
//!
//! The words are Envoy's: a [`NetworkFilter`] is made by a [`NetworkFilterFactory`], sees
//! `on_new_connection`, `on_downstream_data`, `on_upstream_data` and how the connection ends, answers with a
//! [`FilterStatus`], and counts with [`Stats`]. Everything returns a [`Result`]; an author handles nothing,
//! and an error or a panic costs at most the connection that it happened in (see [`ErrorPolicy`]).
//!
//! ```
//! use envoy_sdk::{
//!     ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result,
//! };
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     greeting: String,
//! }
//!
//! struct HelloFactory {
//!     config: Config,
//! }
//!
//! impl NetworkFilterFactory for HelloFactory {
//!     const NAME: &'static str = "hello";
//!     type Config = Config;
//!     type Filter = Hello;
//!
//!     fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
//!         Ok(Self { config })
//!     }
//!
//!     fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Hello> {
//!         Ok(Hello { greeting: self.config.greeting.clone() })
//!     }
//! }
//!
//! struct Hello {
//!     greeting: String,
//! }
//!
//! impl NetworkFilter for Hello {
//!     fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end_stream: bool) -> Result<FilterStatus> {
//!         log::debug!("{}: {} octets for the client", self.greeting, cx.buffer().len());
//!         Ok(FilterStatus::Continue)
//!     }
//! }
//!
//! pub fn module() -> Module {
//!     Module::new().network_filter::<HelloFactory>()
//! }
//! envoy_sdk::entry_point!(module);
//! ```
//!
//! # Layout
//! Only `abi` knows an ABI, and only there is `unsafe` allowed. [`Module`] lists what a `.wasm` contains;
//! the boundary catches what goes wrong; everything else is what an extension sees.
//!
//! # Features
//! - `json` (default): typed configuration from JSON, with errors that name the field.
//! - `native-host`: Envoy's side of the ABI as a trait, so that a module links and runs in a native test.
#![deny(unsafe_code)]
// The test-only ABI does not call everything that Proxy-Wasm does.
#![cfg_attr(envoy_sdk_abi = "lending", allow(dead_code))]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

#[allow(unsafe_code)]
mod abi;
mod access_log;
mod background;
mod boundary;
mod buffer;
mod bytes;
mod call_out;
mod callback_context;
mod catalogue;
#[cfg(feature = "json")]
mod config;
mod configure;
mod error;
mod filter_state;
mod foreign_function;
pub mod guides;
mod headers;
mod http;
mod logger;
mod module;
mod network;
mod random;
mod rate_limit;
mod shared_data;
mod shared_queue;
mod stats;
pub mod stream_info;
mod vm;

/// Declaring what is counted: [`catalogue!`](common_metrics::catalogue), [`label!`](common_metrics::label) and what
/// they are made of.
pub use common_metrics as metrics;

pub use access_log::{AccessLogContext, AccessLogger};
pub use background::BackgroundService;
pub use boundary::ErrorPolicy;
pub use buffer::{Buffer, Chunks};
pub use bytes::{ByteStr, ByteString};
pub use call_out::{
    GrpcCallError, GrpcCallId, GrpcMessage, GrpcRequest, GrpcStatus, GrpcStreamEvent, GrpcStreamId,
    HttpCallError, HttpCallId, HttpRequest, HttpResponse,
};
pub use callback_context::CallbackContext;
pub use catalogue::SDK;
#[cfg(feature = "json")]
pub use config::{Ignored, from_json};
pub use configure::ConfigureContext;
pub use error::{Context, Error, HostError, Result, Status};
pub use filter_state::{FilterState, FilterStateDeclaration, FilterStateType, LifeSpan};
pub use headers::{HeaderMap, Headers, HeadersMut};
pub use http::{
    FilterDataStatus, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, LocalReply,
};
pub use module::Module;
pub use network::{CloseType, FilterStatus, NetworkContext, NetworkFilter, NetworkFilterFactory};
pub use random::random;
pub use rate_limit::RateLimit;
pub use shared_data::{Cas, SharedData};
pub use shared_queue::SharedQueue;
pub use stats::Stats;
pub use stream_info::{ResponseFlags, StreamInfo, TrafficDirection};
pub use vm::TimerId;

/// Whether this module was built so that a panic can be caught. Without unwinding a panic takes the whole
/// VM down, and with it every connection of a worker.
pub const UNWINDING: bool = cfg!(panic = "unwind");

/// Envoy's side of the ABI, for native tests.
#[cfg(all(feature = "native-host", not(target_arch = "wasm32"), not(envoy_sdk_abi = "lending")))]
pub mod native_host {
    pub use crate::abi::proxy_wasm::native::{Answer, Host, Pairs, exports, install_host};
    pub use crate::vm::load;
}

/// The test-only second ABI's host.
#[cfg(envoy_sdk_abi = "lending")]
pub use abi::lending::driver as lending_host;

/// What [`entry_point!`] expands to. Not for anything else.
#[doc(hidden)]
pub mod __private {
    pub use crate::vm::load;
}

/// Makes a module's `fn module() -> Module` the start of a `.wasm`. Expands to nothing in a native build,
/// so that several modules link into one program.
#[macro_export]
macro_rules! entry_point {
    ($module:path) => {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        extern "C" fn _initialize() {
            $crate::__private::load($module);
        }
    };
}

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
