//! `filterctl demo`: a real application, a real Envoy with a filter, a real server, and the metrics while they
//! change.

mod application;
pub mod directory_server;
mod ldap;
mod ledger;
mod server;
mod smtp;
pub mod smtp_server;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use envoy_runner::{Bootstrap, Envoy, Listener, Scrape, Upstream};
use serde::Serialize;
use serde_json::Value;

use self::application::Application;
use self::ledger::{Counts, Ledger};
use self::server::Certificate;
use crate::display::{Lines, MetricDocument, Output, Overview, Snapshot, Stop, Watch, metrics};
use crate::filters::Filter;
use crate::per_filter::{About, PerFilter};
use crate::stage::{self, Configuration, ConfigurationFile, Stage};
use crate::web::{Hop, Live, Run, Web, WebArguments};

/// The name in the server's certificate.
const SERVER_NAME: &str = "server.example";

/// How long connections may take to end after the application has.
const ENDING: Duration = Duration::from_secs(20);

/// The demos.
const CASTS: &[Cast] = &[smtp::CAST, ldap::CAST];

/// What differs between the demos.
struct Cast {
    /// Which filter is shown.
    filter: &'static str,
    /// What the help says.
    about: &'static str,
    /// The package of the application. It takes `--json`, `--until-stdin-ends`, `--every`, `--starttls-share`,
    /// `--ca` and `--tls-name`.
    application: &'static str,
    /// Its option for the server's address.
    server_option: &'static str,
    /// What the server is.
    server: &'static str,
    /// Starts the server.
    start: fn(&Certificate) -> io::Result<Box<dyn DemoServer>>,
}

/// The server of a demo, which counts what it does.
trait DemoServer {
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// How many connections are open.
    fn open_connections(&self) -> usize;
    /// What it counted, for the report.
    fn counted(&self) -> serde_json::Result<Value>;
    /// Compares its counts with those of the filter and of the application.
    fn ledger(&self, counts: Counts<'_>) -> Ledger;
}

/// What `filterctl demo` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    demo: PerFilter<Demo>,
}

#[derive(Clone, Debug, Args)]
struct Demo {
    /// Ends by itself after this long, such as 15s; without it, at q or Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    run_for: Option<Duration>,

    /// How often the application does something, such as 100ms; otherwise as often as it does by itself.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    every: Option<Duration>,

    /// The share of connections that use STARTTLS: 0 to 1, or a percentage.
    #[arg(long, value_name = "SHARE", default_value = "0.3")]
    starttls_share: String,

    /// The filter's configuration: a JSON file. When it changes, the change is applied at once.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The Envoy to use; otherwise ENVOY_BIN, the PATH, or one installed under target/.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,

    /// Prints the final metrics as one JSON document on standard output, and everything else on standard error.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    web: WebArguments,
}

/// Runs a demo.
///
/// # Errors
///
/// When something is missing that the demo needs, or fails while it runs, or the counts do not agree at the end.
pub fn run(arguments: &Arguments) -> Result<()> {
    let PerFilter { filter, arguments } = &arguments.demo;
    let cast = Cast::of(filter).with_context(|| format!("there is no demo of the {}", filter.package))?;
    arguments.run(filter, cast)
}

impl Cast {
    fn of(filter: &Filter) -> Option<&'static Self> {
        CASTS.iter().find(|cast| cast.filter == filter.name)
    }
}

impl About for Demo {
    fn about(filter: &Filter) -> String {
        Cast::of(filter).map_or_else(String::new, |cast| cast.about.to_owned())
    }
}

/// Everything that the demo found out.
#[derive(Debug, Serialize)]
struct Report {
    envoy: String,
    filter: &'static str,
    metrics: Vec<MetricDocument>,
    application: Value,
    server: Value,
    comparison: Ledger,
}

impl Demo {
    fn run(&self, filter: &'static Filter, cast: &Cast) -> Result<()> {
        let mut configuration = Configuration::read(filter, self.config.as_deref())?;
        if self.web.is_wanted() {
            configuration = configuration.with_events();
        }
        let web = self.web.open()?;
        let stop = Stop::listen()?;
        let stage = Stage::set(filter, self.envoy.as_deref())?;
        let program = application::build(&stage.workspace.root, cast.application)?;

        let certificate = Certificate::for_host(SERVER_NAME)?;
        let authority = stage.folder().join("server.pem");
        std::fs::write(&authority, certificate.pem())
            .with_context(|| format!("cannot write {}", authority.display()))?;
        let server =
            (cast.start)(&certificate).with_context(|| format!("cannot start the {}", cast.server))?;
        let upstream = Upstream::new(server.address().ip().to_string(), server.address().port());
        let listener = Listener::new(filter.listener, upstream).filter(stage.filter(&configuration));
        let envoy = stage.start(Bootstrap::new().listener(listener))?;

        let address = envoy.address(filter.listener)?;
        let arguments = self.application_arguments(cast, address, &authority)?;
        let (mut application, lines) = Application::start(cast.application, &program, &arguments)?;
        let run = Run {
            command: "demo",
            path: vec![
                Hop::named(cast.application),
                Hop::at("Envoy", address),
                Hop::at(cast.server, server.address()),
            ],
            configuration: &configuration,
            configuration_file: self.config.as_deref(),
            run_for: self.run_for,
            said_by: cast.application,
        };
        let mut page = web.as_ref().map(|web| Live::begin(web, &stage, &envoy, run)).transpose()?;
        let watch = Watch {
            envoy: &envoy,
            layout: filter.layout,
            headline: [
                format!(
                    "filterctl demo {} · Envoy {} with {}",
                    filter.name,
                    stage.binary.version,
                    stage.module.file_name().unwrap_or_default().display()
                ),
                format!("{} ─▶ Envoy {address} ─▶ {} {}", cast.application, cast.server, server.address()),
                format!(
                    "http://{}/stats/prometheus · {}",
                    envoy.admin_address(),
                    self.output().how_to_stop(self.run_for)
                ),
            ]
            .into_iter()
            .chain(web.as_ref().map(Web::url))
            .collect(),
            run_for: self.run_for,
            stop,
        };
        let mut file = ConfigurationFile::watch(self.config.as_deref(), web.is_some());
        let mut log = Some(Lines { title: cast.application, lines });
        watch.show(self.output(), &mut log, &mut page, &mut || {
            application.check_alive()?;
            Ok(file.apply(&stage, &envoy, filter.listener))
        })?;

        eprintln!("stopping the application and waiting until every connection has ended …");
        let application = application.finish()?;
        let scrape = last_scrape(&envoy, server.as_ref())?;
        let counts = Counts { filter: filter.name, scrape: &scrape, application: &application };
        let report = Report {
            envoy: stage.binary.version.to_string(),
            filter: filter.name,
            metrics: metrics(&scrape, filter.name),
            comparison: server.ledger(counts),
            application,
            server: server.counted()?,
        };
        if let (Some(web), Some(mut page)) = (web, page) {
            page.end(&envoy, &scrape, Some(serde_json::to_value(&report.comparison)?))?;
            web.finish();
        }
        envoy.stop()?;
        self.tell(&report, &Overview::new(filter.layout, &scrape))?;
        if report.comparison.differences().next().is_some() {
            bail!("the counts of filter, server and application differ; see {}", stage.folder().display());
        }
        stage.clear();
        Ok(())
    }

    fn application_arguments(&self, cast: &Cast, listener: SocketAddr, ca: &Path) -> Result<Vec<String>> {
        let ca = ca.to_str().context("the folder target/ has a name that is not UTF-8")?;
        let mut arguments = vec![
            (cast.server_option, listener.to_string()),
            ("--starttls-share", self.starttls_share.clone()),
            ("--tls-name", SERVER_NAME.to_owned()),
            ("--ca", ca.to_owned()),
        ];
        if let Some(every) = self.every {
            arguments.push(("--every", humantime::format_duration(every).to_string()));
        }
        Ok(arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect())
    }

    fn output(&self) -> Output {
        Output::choose(self.json)
    }

    fn tell(&self, report: &Report, overview: &Overview) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(report)?);
        } else {
            println!("\nThe filter's metrics at the end:\n{}", Snapshot(overview));
            println!("{}", report.comparison);
        }
        eprintln!("{}", report.comparison.verdict());
        Ok(())
    }
}

/// Waits until nothing is open any more, so that all counts are final, and reads them.
fn last_scrape(envoy: &Envoy, server: &dyn DemoServer) -> Result<Scrape> {
    let deadline = Instant::now() + ENDING;
    while server.open_connections() > 0 {
        if Instant::now() > deadline {
            bail!("{} connections to the server are still open after {ENDING:?}", server.open_connections());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    stage::final_scrape(envoy, ENDING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::FILTERS;

    #[test]
    fn every_filter_has_its_demo() {
        for filter in FILTERS {
            assert!(!Demo::about(filter).is_empty(), "{filter:?}");
        }
        assert_eq!(CASTS.len(), FILTERS.len());
    }
}
