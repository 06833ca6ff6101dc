//! `filterctl run`: an Envoy with an extension, before a server of one's own or a built-in one.

mod address;
mod configuration;
mod extension;
mod labels;
mod listing;
mod said;
mod servers;
mod smtp;

use anyhow::Result;
use clap::{Args, Subcommand};

use self::extension::Extension;
use self::smtp::Smtp;

/// Runs Envoy with an extension, or with a filter of the suite before a server of your own.
///
/// Builds the module, starts Envoy with it where its kind belongs, says what to try and where the metrics are, and shows
/// what the extension logs and counts until Ctrl-C.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    filter: Option<Filter>,

    #[command(flatten)]
    extension: Extension,
}

#[derive(Clone, Debug, Subcommand)]
enum Filter {
    /// The smtp-filter before a mail server, with a live table of its metrics.
    Smtp(Smtp),
}

/// Runs Envoy until the time is over or somebody asks to stop.
///
/// # Errors
///
/// When there is no such extension, it does not compile, a server does not answer, a port is taken, there is no Envoy,
/// or the configuration is refused.
pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.filter {
        Some(Filter::Smtp(smtp)) => smtp.run(),
        None => arguments.extension.run(),
    }
}
