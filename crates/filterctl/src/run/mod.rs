//! `filterctl run`: an Envoy with an extension, before a server of one's own or a built-in one.

mod address;
mod configuration;
mod extension;
mod filter;
mod labels;
mod listing;
mod servers;

use anyhow::Result;
use clap::Args;

use self::extension::Extension;
use self::filter::FilterRun;
use crate::per_filter::PerFilter;

/// Runs Envoy with an extension, or with a filter of the suite before a server of your own.
///
/// Builds the module, starts Envoy with it where its kind belongs, says what to try and where the metrics are, and shows
/// what the extension logs and counts until Ctrl-C.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    filter: Option<PerFilter<FilterRun>>,

    #[command(flatten)]
    extension: Extension,
}

/// Runs Envoy until the time is over or somebody asks to stop.
///
/// # Errors
///
/// When there is no such extension, it does not compile, a server does not answer, a port is taken, there is no Envoy,
/// or the configuration is refused.
pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.filter {
        Some(PerFilter { filter, arguments }) => arguments.run(filter),
        None => arguments.extension.run(),
    }
}
