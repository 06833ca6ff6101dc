//! `filterctl run smtp`: the smtp-filter before one's own server.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use envoy_runner::{Bootstrap, Listener, Upstream};

use super::address::{listen_address, reachable};
use crate::display::{Output, Overview, SMTP, Snapshot, Stop, Watch};
use crate::filters::Filter;
use crate::stage::{Configuration, ConfigurationFile, Stage};

/// The only listener.
const LISTENER: &str = "mail";

#[derive(Clone, Debug, Args)]
pub(super) struct Smtp {
    /// Where clients connect: an address and a port, or a port of 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    listen: SocketAddr,

    /// The server that mails are forwarded to.
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

impl Smtp {
    /// Runs Envoy until the time is over or somebody asks to stop.
    ///
    /// # Errors
    ///
    /// When the server does not answer, a port is taken, there is no Envoy, or the configuration is refused.
    pub(super) fn run(&self) -> Result<()> {
        let filter = Filter::named("smtp").context("this filterctl knows no smtp filter")?;
        let configuration = Configuration::read(filter, self.config.as_deref())?;
        let server = reachable(&self.upstream)?;
        // Found out now rather than after the module has been built.
        TcpListener::bind(self.listen).with_context(|| format!("--listen {}", self.listen))?;
        let stop = Stop::listen()?;
        let stage = Stage::set(filter, self.envoy.as_deref())?;

        let upstream = Upstream::new(server.ip().to_string(), server.port());
        let listener =
            Listener::new(LISTENER, upstream).address(self.listen).filter(stage.filter(&configuration));
        let envoy = stage.start(Bootstrap::new().listener(listener))?;

        let output = Output::choose(false);
        let watch = Watch {
            envoy: &envoy,
            layout: &SMTP,
            headline: vec![
                format!(
                    "filterctl run smtp · Envoy {} with {}",
                    stage.binary.version,
                    stage.module.display()
                ),
                format!("clients ─▶ Envoy {} ─▶ {}", envoy.address(LISTENER)?, self.upstream),
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
        watch.show(output, &mut None, &mut || Ok(file.apply(&stage, &envoy, LISTENER)))?;
        println!("{}", Snapshot(&Overview::new(&SMTP, &envoy.scrape()?)));
        envoy.stop()?;
        stage.clear();
        Ok(())
    }
}
