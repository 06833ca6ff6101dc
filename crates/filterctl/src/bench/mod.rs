//! `filterctl bench`: what the filters cost, measured in a real Envoy before real servers, as ratios.

mod copying;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

/// Measures what the filters cost, in a real Envoy before real servers.
///
/// So far: how much of a large search result the ldap-filter reads. Only the heads of its entries, if it does what it
/// should.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Entries of the search result: 1 to 1000000.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    entries: u32,

    /// The Envoy to use; otherwise ENVOY_BIN, the PATH, or one installed under target/.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,

    /// Prints one JSON document on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the benchmarks.
///
/// # Errors
/// When there is no Envoy or no server to measure with, or something fails on the way.
pub fn run(arguments: &Arguments) -> Result<()> {
    let copying = copying::measure(arguments.entries, arguments.envoy.as_deref())?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&copying)?);
    } else {
        println!("{copying}");
    }
    Ok(())
}
