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
use crate::web::{Hop, Live, Run, Web, WebArguments};

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

    #[command(flatten)]
    web: WebArguments,
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
        let mut configuration = Configuration::read(filter, self.config.as_deref())?;
        if self.web.is_wanted() {
            configuration = configuration.with_events();
        }
        let server = reachable(&self.upstream)?;
        // Found out now rather than after the module has been built.
        TcpListener::bind(self.listen).with_context(|| format!("--listen {}", self.listen))?;
        let web = self.web.open()?;
        let stop = Stop::listen()?;
        let stage = Stage::set(filter, self.envoy.as_deref())?;

        let upstream = Upstream::new(server.ip().to_string(), server.port());
        let listener = Listener::new(filter.listener, upstream)
            .address(self.listen)
            .filter(stage.filter(&configuration));
        let envoy = stage.start(Bootstrap::new().listener(listener))?;

        let output = Output::choose(false);
        let address = envoy.address(filter.listener)?;
        let run = Run {
            command: "run",
            path: vec![
                Hop::named("clients"),
                Hop::at("Envoy", address),
                Hop::at(filter.server, &self.upstream),
            ],
            configuration: &configuration,
            configuration_file: self.config.as_deref(),
            run_for: self.run_for,
            said_by: "",
        };
        let mut page = web.as_ref().map(|web| Live::begin(web, &stage, &envoy, run)).transpose()?;
        let watch = Watch {
            envoy: &envoy,
            layout: filter.layout,
            headline: [
                format!(
                    "filterctl run {} · Envoy {} with {}",
                    filter.name,
                    stage.binary.version,
                    stage.module.display()
                ),
                format!("clients ─▶ Envoy {address} ─▶ {}", self.upstream),
                format!(
                    "http://{}/stats/prometheus · {}",
                    envoy.admin_address(),
                    output.how_to_stop(self.run_for)
                ),
            ]
            .into_iter()
            .chain(web.as_ref().map(Web::url))
            .collect(),
            run_for: self.run_for,
            stop,
        };
        let mut file = ConfigurationFile::watch(self.config.as_deref(), web.is_some());
        watch.show(output, &mut None, &mut page, &mut || Ok(file.apply(&stage, &envoy, filter.listener)))?;
        let scrape = envoy.scrape()?;
        println!("{}", Snapshot(&Overview::new(filter.layout, &scrape)));
        if let (Some(web), Some(mut page)) = (web, page) {
            page.end(&envoy, &scrape, None)?;
            web.finish();
        }
        envoy.stop()?;
        stage.clear();
        Ok(())
    }
}
