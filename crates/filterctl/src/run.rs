//! `filterctl run`: a filter before one's own server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use envoy_runner::{Bootstrap, Listener, Upstream};

use crate::display::{Output, Overview, SMTP, Snapshot, Stop, Watch};
use crate::filters::Filter;
use crate::stage::{Configuration, ConfigurationFile, Stage};

/// The only listener.
const LISTENER: &str = "mail";

/// How long the server may take to answer the connection that finds out whether it is there.
const CONNECT: Duration = Duration::from_secs(5);

/// What `filterctl run` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    filter: Runnable,
}

#[derive(Clone, Debug, Subcommand)]
enum Runnable {
    /// The smtp-filter before a mail server.
    Smtp(Smtp),
}

#[derive(Clone, Debug, Args)]
struct Smtp {
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

/// Runs Envoy with a filter until the time is over or somebody asks to stop.
///
/// # Errors
///
/// When the server does not answer, a port is taken, there is no Envoy, or the configuration is refused.
pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.filter {
        Runnable::Smtp(smtp) => smtp.run(),
    }
}

impl Smtp {
    fn run(&self) -> Result<()> {
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

/// `127.0.0.1:2525`, `[::1]:2525`, or `2525` alone for 127.0.0.1.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "must be ADDRESS:PORT, such as 127.0.0.1:2525, or a port alone".to_owned())
}

/// The first address of the server that accepts a connection.
fn reachable(server: &str) -> Result<SocketAddr> {
    let addresses =
        server.to_socket_addrs().with_context(|| format!("--upstream {server}: must be HOST:PORT"))?;
    let mut problem = anyhow!("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(_) => return Ok(address),
            Err(error) => problem = anyhow!("{address}: {error}"),
        }
    }
    Err(problem.context(format!("--upstream {server}: no server answers there")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_loopback() {
        assert_eq!(listen_address("2525"), Ok("127.0.0.1:2525".parse().unwrap()));
        assert_eq!(listen_address("[::]:25"), Ok("[::]:25".parse().unwrap()));
        for bad in ["", "mail", "localhost:25", "127.0.0.1", "70000", ":25"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(reachable(&address.to_string()).unwrap(), address);
        drop(listener);
        let error = format!("{:#}", reachable(&address.to_string()).unwrap_err());
        assert!(error.starts_with(&format!("--upstream {address}: no server answers there: ")), "{error}");
        let error = format!("{:#}", reachable("mail.example").unwrap_err());
        assert!(error.starts_with("--upstream mail.example: must be HOST:PORT"), "{error}");
    }
}
