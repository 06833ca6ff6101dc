//! FakeEnvoy: the host side of Envoy's Wasm ABI, in process, for `cargo test`.
//!
//! A test reads like a story. It goes through the real exported functions of the module and the real
//! dispatcher of the `proxy-wasm` crate; only Envoy is made up:
//!
//! ```
//! use std::time::Duration;
//!
//! use envoy_sdk::{ConfigureContext, FilterStatus, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result};
//! use envoy_sdk_test::{ConnectOptions, FakeEnvoy, LogLevel};
//!
//! # #[derive(serde::Deserialize)]
//! # #[serde(deny_unknown_fields)]
//! # struct Config { forbidden: String }
//! # struct Guard(Config);
//! # struct GuardFilter(String);
//! # impl NetworkFilterFactory for Guard {
//! #     const NAME: &'static str = "guard";
//! #     type Config = Config;
//! #     type Filter = GuardFilter;
//! #     fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self(config)) }
//! #     fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<GuardFilter> {
//! #         Ok(GuardFilter(self.0.forbidden.clone()))
//! #     }
//! # }
//! # impl NetworkFilter for GuardFilter {
//! #     fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
//! #         let octets = cx.buffer().chunks(0..100)?.into_bytes();
//! #         if octets.starts_with(self.0.as_bytes()) {
//! #             log::warn!("forbidden");
//! #             cx.close_after_flush()?;
//! #         }
//! #         Ok(FilterStatus::Continue)
//! #     }
//! # }
//! fn module() -> Module {
//!     Module::new().network_filter::<Guard>() // closes where the client sends what is forbidden
//! }
//!
//! // Arrange.
//! let mut envoy = FakeEnvoy::new(module).configure(r#"{"forbidden": "EHLO"}"#)?;
//! let mut connection = envoy.connect_with(ConnectOptions::new().tls("TLSv1.3"));
//!
//! // Act.
//! let passage = connection.client_sends("EHLO x\r\n");
//! assert_eq!(passage.status, Some(FilterStatus::Continue));
//! envoy.advance(Duration::from_millis(1));
//!
//! // Assert.
//! assert_eq!(connection.received_by_server(), b"EHLO x\r\n");
//! assert!(!connection.is_open());
//! assert_eq!(envoy.messages(LogLevel::Warn), ["forbidden"]);
//! assert_eq!(envoy.stats().total("envoy_sdk_errors_total", &[]), 0);
//! # Ok::<(), envoy_sdk_test::Refused>(())
//! ```
//!
//! # HTTP
//! A plugin that is an HTTP filter gets requests in place of connections; the rest is the same:
//!
//! ```
//! use envoy_sdk::{
//!     ConfigureContext, FilterHeadersStatus, HttpContext, HttpFilter, HttpFilterFactory, LocalReply, Module, Result,
//! };
//! use envoy_sdk_test::{FakeEnvoy, HttpRequest, HttpResponse};
//!
//! # #[derive(serde::Deserialize)]
//! # struct Config {}
//! # struct Doorman;
//! # impl HttpFilterFactory for Doorman {
//! #     const NAME: &'static str = "doorman";
//! #     type Config = Config;
//! #     type Filter = Self;
//! #     fn configure(_: Config, _: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
//! #     fn new_filter(&self, _: &mut HttpContext<'_>) -> Result<Self> { Ok(Self) }
//! # }
//! # impl HttpFilter for Doorman {
//! #     fn on_request_headers(&mut self, cx: &mut HttpContext<'_>, _: bool) -> Result<FilterHeadersStatus> {
//! #         if cx.request_headers().get("authorization")?.is_some() {
//! #             return Ok(FilterHeadersStatus::Continue);
//! #         }
//! #         cx.send_local_reply(&LocalReply::new(401).details("no_name"))?;
//! #         Ok(FilterHeadersStatus::StopIteration)
//! #     }
//! # }
//! fn module() -> Module {
//!     Module::new().http_filter::<Doorman>() // asks for a name
//! }
//!
//! let mut envoy = FakeEnvoy::new(module).configure("{}")?;
//! let refused = envoy.http_request(HttpRequest::get("/"));
//! assert_eq!(refused.received_by_client().status(), Some(401));
//! assert!(refused.received_by_server().is_empty());
//!
//! let mut exchange = envoy.http_stream();
//! let headers = [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "a.b"), ("authorization", "me")];
//! assert_eq!(exchange.client_sends_headers(headers, true), Some(FilterHeadersStatus::Continue));
//! exchange.server_replies(HttpResponse::new(200).body("welcome"));
//! assert_eq!(exchange.received_by_client().body, b"welcome");
//! # Ok::<(), envoy_sdk_test::Refused>(())
//! ```
//!
//! # What it is a model of
//! Of Envoy's Wasm context on a TCP connection or an HTTP stream, not of the protocols: Envoy reads what a peer sends in
//! the pieces in which the test sends it, at once. MODEL.md lists what is modelled, and on which versions of Envoy each rule was measured.
//! Host calls can be made to fail ([`HostCall`]), and every call between host and VM stands in a
//! [trace](FakeEnvoy::trace) that reads as Envoy's own.
//!
//! What would bring a real Envoy's VM down, and what a peer cannot do, is refused: the test panics with an
//! explanation.
//!
//! # Threads
//! A VM is a thread. The fake lives on the thread of the test, where the module's thread-local values and the
//! dispatcher's are; a thread has one FakeEnvoy at a time, and as many one after another as it likes. [`Workers`] are
//! several, with a thread for each.
#![forbid(unsafe_code)]

mod access_log;
mod bootstrap;
mod buffers;
mod call_outs;
mod clock;
mod connect_options;
mod connection;
mod connection_properties;
mod envoy;
mod failures;
mod filter_state;
mod flow;
mod foreign_function;
mod header_maps;
mod host;
mod http;
mod log_line;
mod process;
mod properties;
#[cfg(test)]
mod raw_calls;
mod settings;
mod shared_data;
mod shared_queue;
mod stats;
mod stream;
mod trace;
mod workers;
mod world;

pub use access_log::{HttpLogEntry, TcpLogEntry};
pub use bootstrap::{Bootstrap, Refused};
pub use call_outs::{FakeGrpcEnd, FakeHttpAnswer, GrpcCall, GrpcStream, HttpCall};
pub use connect_options::ConnectOptions;
pub use connection::{Connection, Passage};
pub use envoy::FakeEnvoy;
pub use failures::HostCall;
pub use http::{HttpExchange, HttpOptions, HttpRequest, HttpResponse, Received, SentLocalReply};
pub use log_line::{LogLevel, LogLine};
pub use properties::PropertyValue;
pub use stats::StatsSnapshot;
pub use stream::ClosedBy;
pub use trace::{Argument, Call, Direction, Moment};
pub use workers::{Workers, WorkersBootstrap};
