//! Prometheus on loopback.

mod prometheus;
mod promtool;

pub use prometheus::{Prometheus, Sample};
pub use promtool::Promtool;

use std::path::PathBuf;

use anyhow::Result;

use crate::Peer;

/// The program itself, for whoever starts it as an operator would. It needs nothing but the machine's C library.
///
/// # Errors
/// When Debian's package is not in the target folder: see [`Peer::install`].
pub fn prometheus_program() -> Result<PathBuf> {
    Ok(Peer::Prometheus.require()?.join("usr/bin/prometheus"))
}
