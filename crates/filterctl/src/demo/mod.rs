//! `filterctl demo`: a real application, a real Envoy with a filter, a real server, and the metrics while they
//! change.

mod application;
mod ledger;
pub mod smtp_server;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use envoy_runner::{Bootstrap, Envoy, Listener, Scrape, Upstream};
use serde::Serialize;

use self::application::Application;
use self::ledger::Ledger;
use self::smtp_server::{Certificate, Rules, SmtpServer};
use crate::display::{
    Headline, Lines, MetricDocument, Output, Overview, SMTP, Snapshot, Stop, Watch, metrics,
};
use crate::filters::Filter;
use crate::stage::{self, Configuration, ConfigurationFile, Stage};

/// The name in the server's certificate.
const SERVER_NAME: &str = "mail.example";

/// The only listener.
const LISTENER: &str = "mail";

/// How long connections may take to end after the application has.
const ENDING: Duration = Duration::from_secs(20);

/// What `filterctl demo` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    demo: Demo,
}

#[derive(Clone, Debug, Subcommand)]
enum Demo {
    /// An application mails its errors through Envoy to a small SMTP server.
    Smtp(Smtp),
}

#[derive(Clone, Debug, Args)]
struct Smtp {
    /// Ends by itself after this long, such as 15s; without it, at q or Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    run_for: Option<Duration>,

    /// How often the application has an error to mail.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    every: Duration,

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
}

/// Runs a demo.
///
/// # Errors
///
/// When something is missing that the demo needs, or fails while it runs, or the counts do not agree at the end.
pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.demo {
        Demo::Smtp(smtp) => smtp.run(),
    }
}

/// Everything that the demo found out.
#[derive(Debug, Serialize)]
struct Report {
    envoy: String,
    filter: &'static str,
    metrics: Vec<MetricDocument>,
    application: serde_json::Value,
    server: smtp_server::Tally,
    comparison: Ledger,
}

impl Smtp {
    fn run(&self) -> Result<()> {
        let filter = Filter::named("smtp").context("this filterctl knows no smtp filter")?;
        let configuration = Configuration::read(filter, self.config.as_deref())?;
        let stop = Stop::listen()?;
        let stage = Stage::set(filter, self.envoy.as_deref())?;
        let program = application::build(&stage.workspace.root)?;

        let certificate = Certificate::for_host(SERVER_NAME)?;
        let authority = stage.folder().join("server.pem");
        std::fs::write(&authority, certificate.pem())
            .with_context(|| format!("cannot write {}", authority.display()))?;
        let server =
            SmtpServer::start(Rules::default(), &certificate).context("cannot start the SMTP server")?;
        let upstream = Upstream::new(server.address().ip().to_string(), server.address().port());
        let listener = Listener::new(LISTENER, upstream).filter(stage.filter(&configuration));
        let envoy = stage.start(Bootstrap::new().listener(listener))?;

        let arguments = self.application_arguments(&envoy, &authority)?;
        let (mut application, lines) = Application::start(&program, &arguments)?;
        let watch = Watch {
            envoy: &envoy,
            layout: &SMTP,
            headline: self.headline(&stage, &envoy, &server)?,
            run_for: self.run_for,
            stop,
        };
        let mut file = ConfigurationFile::watch(self.config.as_deref());
        let mut log = Some(Lines { title: "log-by-mail", lines });
        watch.show(self.output(), &mut log, &mut || {
            application.check_alive()?;
            Ok(file.apply(&stage, &envoy, LISTENER))
        })?;

        eprintln!("stopping the application and waiting until every connection has ended …");
        let application = application.finish()?;
        let scrape = last_scrape(&envoy, &server)?;
        let tally = server.tally();
        let report = Report {
            envoy: stage.binary.version.to_string(),
            filter: filter.name,
            metrics: metrics(&scrape, filter.name),
            comparison: Ledger::new(&scrape, &tally, &application),
            application,
            server: tally,
        };
        envoy.stop()?;
        self.tell(&report, &scrape)?;
        if report.comparison.differences().next().is_some() {
            bail!(
                "the filter's counts differ from those of server and application; see {}",
                stage.folder().display()
            );
        }
        stage.clear();
        Ok(())
    }

    fn application_arguments(&self, envoy: &Envoy, authority: &Path) -> Result<Vec<String>> {
        let authority = authority.to_str().context("the folder target/ has a name that is not UTF-8")?;
        let address = envoy.address(LISTENER)?.to_string();
        let every = humantime::format_duration(self.every).to_string();
        let arguments = [
            ("--smtp", address.as_str()),
            ("--every", &every),
            ("--starttls-share", &self.starttls_share),
            ("--tls-name", SERVER_NAME),
            ("--ca", authority),
        ];
        Ok(arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]).collect())
    }

    fn headline(&self, stage: &Stage, envoy: &Envoy, server: &SmtpServer) -> Result<Headline> {
        let module = stage.module.file_name().unwrap_or_default().to_string_lossy();
        Ok(vec![
            format!("filterctl demo smtp · Envoy {} with {module}", stage.binary.version),
            format!("log-by-mail ─▶ Envoy {} ─▶ SMTP server {}", envoy.address(LISTENER)?, server.address()),
            format!(
                "http://{}/stats/prometheus · {}",
                envoy.admin_address(),
                self.output().how_to_stop(self.run_for)
            ),
        ])
    }

    fn output(&self) -> Output {
        Output::choose(self.json)
    }

    fn tell(&self, report: &Report, scrape: &Scrape) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(report)?);
        } else {
            println!("\nThe filter's metrics at the end:\n{}", Snapshot(&Overview::new(&SMTP, scrape)));
            println!("{}", report.comparison);
        }
        eprintln!("{}", report.comparison.verdict());
        Ok(())
    }
}

/// Waits until nothing is open any more, so that all counts are final, and reads them.
fn last_scrape(envoy: &Envoy, server: &SmtpServer) -> Result<Scrape> {
    let deadline = Instant::now() + ENDING;
    while server.open_connections() > 0 {
        if Instant::now() > deadline {
            bail!("{} connections to the server are still open after {ENDING:?}", server.open_connections());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    stage::final_scrape(envoy, ENDING)
}
