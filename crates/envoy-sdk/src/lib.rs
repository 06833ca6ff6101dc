//! The way to write Envoy extensions in Rust.
//!
//! The words are Envoy's, and everything returns a [`Result`]: an author handles nothing, and an error or a panic costs at most
//! the connection or request that it happened in (see [the boundary](guides::handle_errors)).
//!
//! ```
//! use envoy_sdk::{ConfigureContext, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, Module, Result};
//!
//! #[derive(Clone, serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Greeting {
//!     text: String,
//! }
//!
//! impl HttpFilterFactory for Greeting {
//!     const NAME: &'static str = "greeting";
//!     type Config = Self;
//!     type Filter = Self;
//!
//!     fn configure(config: Self, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
//!         Ok(config)
//!     }
//!
//!     fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Self> {
//!         Ok(self.clone())
//!     }
//! }
//!
//! impl HttpFilter for Greeting {
//!     fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end_stream: bool) -> Result<FilterHeadersStatus> {
//!         cx.response_headers().set("x-greeting", &self.text)?;
//!         Ok(FilterHeadersStatus::Continue)
//!     }
//! }
//!
//! pub fn module() -> Module {
//!     Module::new().http_filter::<Greeting>()
//! }
//! envoy_sdk::entry_point!(module);
//! ```
//!
//! And its test, which needs no Envoy (crate `envoy-sdk-test`):
//!
//! ```
//! # use envoy_sdk::{ConfigureContext, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, Module, Result};
//! # #[derive(Clone, serde::Deserialize)]
//! # struct Greeting {
//! #     text: String,
//! # }
//! # impl HttpFilterFactory for Greeting {
//! #     const NAME: &'static str = "greeting";
//! #     type Config = Self;
//! #     type Filter = Self;
//! #     fn configure(config: Self, _cx: &mut ConfigureContext<'_>) -> Result<Self> { Ok(config) }
//! #     fn new_filter(&self, _cx: &mut HttpContext<'_>) -> Result<Self> { Ok(self.clone()) }
//! # }
//! # impl HttpFilter for Greeting {
//! #     fn on_response_headers(&mut self, cx: &mut HttpContext<'_>, _end: bool) -> Result<FilterHeadersStatus> {
//! #         cx.response_headers().set("x-greeting", &self.text)?;
//! #         Ok(FilterHeadersStatus::Continue)
//! #     }
//! # }
//! # fn module() -> Module {
//! #     Module::new().http_filter::<Greeting>()
//! # }
//! use envoy_sdk_test::{FakeEnvoy, HttpRequest, HttpResponse};
//!
//! let mut envoy = FakeEnvoy::new(module).configure(r#"{"text": "hello"}"#)?;
//! let mut exchange = envoy.http_request(HttpRequest::get("/"));
//! exchange.server_replies(HttpResponse::new(204));
//! assert_eq!(exchange.received_by_client().header("x-greeting").as_deref(), Some("hello"));
//! # Ok::<(), envoy_sdk_test::Refused>(())
//! ```
//!
//! # Kinds of extension
//!
//! | | made by | sees |
//! |---|---|---|
//! | [`HttpFilter`] | [`HttpFilterFactory`] | requests and responses: headers, bodies, trailers |
//! | [`NetworkFilter`] | [`NetworkFilterFactory`] | the octets of a connection, both ways |
//! | [`AccessLogger`] | itself | each request or connection when it is over |
//! | [`BackgroundService`] | itself | no traffic: it has timers, queues and calls of its own |
//!
//! A [`Module`] holds as many of them as one likes. Each callback gets a context: [`HttpContext`], [`NetworkContext`],
//! [`AccessLogContext`], or in callbacks of a plugin itself a [`CallbackContext`]; what that one can do, they all can.
//!
//! # What an extension can do
//!
//! | | |
//! |---|---|
//! | take a configuration | [`ConfigureContext`]; [how to](guides::configure) |
//! | read and change what passes | [`Buffer`], [`HeadersMut`], [`HeaderMap`] |
//! | answer by itself, close, reset | [`LocalReply`], [`NetworkContext::close_after_flush`], [`HttpContext::reset_stream`] |
//! | hold something back, and let it go on | [`NetworkContext::continue_reading`], [`HttpContext::continue_request`] |
//! | count | [`Stats`] and [`metrics`]; [how to](guides::share_statistics) |
//! | know the connection, the request, the server | [`StreamInfo`] |
//! | leave something for others and for access logs | [`FilterState`], [`FilterStateDeclaration`] |
//! | ask others | [`HttpRequest`], [`GrpcRequest`]; [how to](guides::call_out) |
//! | wait | [`CallbackContext::set_timer`] |
//! | share between workers | [`SharedData`], [`SharedQueue`] |
//! | log | the crate `log`, [`RateLimit`], [`LIMITED_BY_WRITER`]; [how to](guides::log_safely) |
//! | fail | [`Error`], [`HostError`], [`ErrorPolicy`]; [how to](guides::handle_errors) |
//! | be tested | `envoy-sdk-test`; [how to](guides::test) |
//!
//! Who comes from elsewhere finds each of their words in [`guides::from_cpp`] or [`guides::from_proxy_wasm`].
//!
//! # Layout
//! Only `abi` knows an ABI, and only there is `unsafe` allowed. The boundary catches what goes wrong; everything else is what
//! an extension sees.
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
pub mod catalogue;
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
pub use logger::LIMITED_BY_WRITER;
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
    #[cfg(not(envoy_sdk_abi = "lending"))]
    pub use crate::abi::proxy_wasm::read_block::Allocator;
    pub use crate::vm::load;
}

/// Makes a module's `fn module() -> Module` the start of a `.wasm`. Expands to nothing in a native build,
/// so that several modules link into one program.
///
/// It also sets a global allocator: that of `std`, with one block of 64 KiB set aside for what is read of Envoy's buffers.
/// A module that has a `#[global_allocator]` of its own says `entry_point!(module, own_allocator)`.
#[macro_export]
macro_rules! entry_point {
    ($module:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::__private::Allocator<'static> = $crate::__private::Allocator::MODULE;
        };
        $crate::entry_point!($module, own_allocator);
    };
    ($module:path, own_allocator) => {
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
