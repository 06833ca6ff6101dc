//! `filterctl validate`: what Envoy would say of a configuration, without Envoy.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};

use crate::filters::{FILTERS, Filter};

/// What `filterctl validate` is asked to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The configuration: the JSON that goes into the plugin's `configuration`.
    file: PathBuf,
    /// The filter that it is for.
    #[arg(long, default_value = "smtp")]
    filter: String,
}

/// Checks a configuration and says so.
///
/// # Errors
/// When the file cannot be read, or the filter would refuse it; the message names the field.
pub fn run(arguments: &Arguments) -> Result<()> {
    let Some(filter) = Filter::named(&arguments.filter) else {
        let names: Vec<_> = FILTERS.iter().map(|filter| filter.name).collect();
        bail!("no filter is called {:?}; there are: {}", arguments.filter, names.join(", "));
    };
    let file = &arguments.file;
    let octets = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    filter.check(&octets).map_err(|error| anyhow!("{}: {error}", file.display()))?;
    println!("{}: a valid configuration for the {} filter", file.display(), filter.name);
    Ok(())
}
