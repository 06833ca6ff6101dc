//! Runs a real Envoy on loopback: finds or installs the binary, writes its bootstrap, starts it, waits until
//! it is ready, reads its statistics, and stops it. Used by `filterctl`, the demos and the end-to-end tests.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use envoy_runner::{Bootstrap, Envoy, EnvoyBinary, Listener, StartOptions, Upstream, WasmFilter};
//!
//! # fn main() -> Result<(), envoy_runner::RunnerError> {
//! let binary = EnvoyBinary::find(None, Path::new("target/envoy"), &mut |step| eprintln!("{step}"))?;
//! let bootstrap = Bootstrap::new().listener(
//!     Listener::new("mail", Upstream::new("127.0.0.1", 2525))
//!         .filter(WasmFilter::new("smtp", "target/wasm/smtp-filter.wasm").configuration(r#"{"strict":true}"#)),
//! );
//! let envoy = Envoy::start(&binary, &bootstrap, Path::new("target/run"), &StartOptions::default())?;
//! println!("send mail to {}", envoy.address("mail")?);
//! println!("{} connections", envoy.scrape()?.counter("smtp_connections_opened_total", &[]));
//! envoy.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! An HTTP filter is the same with [`Listener::http`]; an access logger stands in [`Listener::access_logger`], a
//! background service in [`Bootstrap::background_service`], and what they call out to in [`Bootstrap::cluster`]:
//!
//! ```no_run
//! use envoy_runner::{Bootstrap, Listener, Upstream, WasmFilter, WasmPlugin};
//!
//! let module = "target/wasm/my-extensions.wasm";
//! let bootstrap = Bootstrap::new()
//!     .listener(
//!         Listener::http("web", Upstream::new("127.0.0.1", 8080))
//!             .filter(WasmFilter::new("authorise", module).configuration(r#"{"cluster":"auth"}"#))
//!             .access_logger(WasmPlugin::new("count", module)),
//!     )
//!     .cluster("auth", Upstream::new("127.0.0.1", 8081))
//!     .background_service(WasmPlugin::new("refresh", module));
//! ```
#![forbid(unsafe_code)]

mod access_log;
mod admin;
mod binary;
mod bootstrap;
mod envoy;
mod error;
mod http;
mod install;
mod lifeline;
mod listener;
mod log_file;
mod memory;
mod process;
mod scrape;
mod transport_socket;
mod upstream;
mod wasm_filter;
mod wasm_plugin;

pub use access_log::AccessLog;
pub use admin::ServerInfo;
pub use binary::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY, OLDEST_ENVOY};
pub use bootstrap::Bootstrap;
pub use envoy::{Envoy, HotRestart, StartOptions};
pub use error::RunnerError;
pub use listener::{Listener, TrafficDirection};
pub use memory::{GuestMemory, Memory};
pub use scrape::{Bucket, Histogram, Metric, Scrape, ScrapeError, Value};
pub use transport_socket::{DownstreamTls, Tap, TapFormat};
pub use upstream::{ProxyProtocol, Upstream};
pub use wasm_filter::{Delivery, WasmFilter};
pub use wasm_plugin::{FailurePolicy, WasmPlugin};
