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
//! Only TCP listeners are written so far; HTTP listeners will be a second kind of [`Listener`].
#![forbid(unsafe_code)]

mod admin;
mod binary;
mod bootstrap;
mod envoy;
mod error;
mod install;
mod lifeline;
mod listener;
mod log_file;
mod process;
mod scrape;
mod upstream;
mod wasm_filter;

pub use admin::ServerInfo;
pub use binary::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY, OLDEST_ENVOY};
pub use bootstrap::Bootstrap;
pub use envoy::{Envoy, StartOptions};
pub use error::RunnerError;
pub use listener::{AccessLog, DownstreamTls, Listener, Tap, TapFormat, TrafficDirection};
pub use scrape::{Bucket, Histogram, Metric, Scrape, ScrapeError, Value};
pub use upstream::{ProxyProtocol, Upstream};
pub use wasm_filter::{Delivery, FailurePolicy, WasmFilter};
