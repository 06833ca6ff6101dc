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
//! # What it is a model of
//! Of Envoy's Wasm context on a TCP connection, not of TCP: Envoy reads what a peer sends in the pieces in which the
//! test sends it, at once. MODEL.md lists what is modelled, and on which versions of Envoy each rule was measured.
//! Host calls can be made to fail ([`HostCall`]), and every call between host and VM stands in a
//! [trace](FakeEnvoy::trace) that reads as Envoy's own.
//!
//! What would bring a real Envoy's VM down, and what a peer cannot do, is refused: the test panics with an
//! explanation.
//!
//! # Threads
//! A VM is a thread. The fake lives on the thread of the test, where the module's thread-local values and the
//! dispatcher's are; a thread has one FakeEnvoy at a time, and as many one after another as it likes.
#![forbid(unsafe_code)]

mod bootstrap;
mod buffers;
mod clock;
mod connect_options;
mod connection;
mod envoy;
mod failures;
mod flow;
mod host;
mod log_line;
mod properties;
#[cfg(test)]
mod raw_calls;
mod settings;
mod shared_data;
mod stats;
mod stream;
mod trace;
mod world;

pub use bootstrap::{Bootstrap, Refused};
pub use connect_options::ConnectOptions;
pub use connection::{Connection, Passage};
pub use envoy::FakeEnvoy;
pub use failures::HostCall;
pub use log_line::{LogLevel, LogLine};
pub use properties::PropertyValue;
pub use stats::StatsSnapshot;
pub use stream::ClosedBy;
pub use trace::{Argument, Call, Direction, Moment};
