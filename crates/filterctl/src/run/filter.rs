//! `filterctl run smtp` and its like: a filter of the suite before one's own server.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use envoy_runner::{Bootstrap, Listener, Upstream};

use super::address::{listen_address, reachable};
use crate::display::{Output, Overview, Snapshot, Stop, Watch};
use crate::filters::Filter;
use crate::per_filter::About;
use crate::stage::{Configuration, ConfigurationFile, Stage};

#[derive(Clone, Debug, Args)]
pub(super) struct FilterRun {
    /// Where clients connect: an address and a port, or a port of 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    listen: SocketAddr,

    /// The server behind Envoy.
    #[arg(long, value_name = "HOST:PORT")]
    upstream: String,

    /// The filter's configuration: a JSON file. When it changes, the change is applied at once.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The Envoy to use; otherwise ENVOY_BIN, the PATH, or one installed under target/.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,

    /// Ends by itself after this long, such as 1h; without it, at q or Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    run_for: Option<Duration>,
}

impl About for FilterRun {
    fn about(filter: &Filter) -> String {
        format!("The {} before a {}, with a live table of its metrics", filter.package, filter.server)
    }
}

impl FilterRun {
    /// Runs Envoy until the time is over or somebody asks to stop.
    ///
    /// # Errors
    ///
    /// When the server does not answer, a port is taken, there is no Envoy, or the configuration is refused.
    pub(super) fn run(&self, filter: &'static Filter) -> Result<()> {
        let configuration = Configuration::read(filter, self.config.as_deref())?;
        let server = reachable(&self.upstream)?;
        // Found out now rather than after the module has been built.
        TcpListener::bind(self.listen).with_context(|| format!("--listen {}", self.listen))?;
        let stop = Stop::listen()?;
        let stage = Stage::set(filter, self.envoy.as_deref())?;

        let upstream = Upstream::new(server.ip().to_string(), server.port());
        let listener = Listener::new(filter.listener, upstream)
            .address(self.listen)
            .filter(stage.filter(&configuration));
        let envoy = stage.start(Bootstrap::new().listener(listener))?;

        let output = Output::choose(false);
        let watch = Watch {
            envoy: &envoy,
            layout: filter.layout,
            headline: vec![
                format!(
                    "filterctl run {} · Envoy {} with {}",
                    filter.name,
                    stage.binary.version,
                    stage.module.display()
                ),
                format!("clients ─▶ Envoy {} ─▶ {}", envoy.address(filter.listener)?, self.upstream),
                format!(
                    "http://{}/stats/prometheus · {}",
                    envoy.admin_address(),
                    output.how_to_stop(self.run_for)
                ),
            ],
            run_for: self.run_for,
            stop,
        };
        let mut file = ConfigurationFile::watch(self.config.as_deref());
        watch.show(output, &mut None, &mut || Ok(file.apply(&stage, &envoy, filter.listener)))?;
        println!("{}", Snapshot(&Overview::new(filter.layout, &envoy.scrape()?)));
        envoy.stop()?;
        stage.clear();
        Ok(())
    }
}
