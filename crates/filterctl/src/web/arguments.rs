//! `--web`, which `demo` and `run` have.

use anyhow::Result;
use clap::Args;

use super::Web;

/// Whether a page is wanted.
#[derive(Clone, Debug, Args)]
pub struct WebArguments {
    /// Shows the metrics on a page of this machine as well, at a free port or this one. The filter then writes events,
    /// which the page shows, unless its configuration says `events.enabled: false`.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    web: Option<u16>,
}

impl WebArguments {
    /// Begins to serve the page if it is wanted, and says where on standard error.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub fn open(&self) -> Result<Option<Web>> {
        let web = self.web.map(Web::serve).transpose()?;
        if let Some(web) = &web {
            eprintln!("{} shows it in a browser", web.url());
        }
        Ok(web)
    }

    /// Whether a page is wanted.
    pub fn is_wanted(&self) -> bool {
        self.web.is_some()
    }
}
