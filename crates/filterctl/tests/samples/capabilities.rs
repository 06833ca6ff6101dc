//! The capability restriction of the samples: nothing more is needed, and nothing of it can go.

use anyhow::{Result, bail, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::mail::{MailServer, Server, Tls};

use crate::Test;
use crate::running::Sample;
use crate::smtp_relay::{arrived, send};

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "capabilities: enough as shipped; with one taken away Envoy says so".to_owned(),
        peers: vec![Peer::Postfix, Peer::Smtplib],
        run: Box::new(enough_and_no_more),
    }]
}

fn sample(server: &MailServer) -> Result<Sample> {
    let host = "mail.example.com";
    // Whoever stands behind 465 is never spoken to here.
    let servers = [((host, 25), server.smtp()), ((host, 587), server.smtp()), ((host, 465), server.smtp())];
    Sample::new("smtp-relay.yaml", &[25, 587, 465], &servers, &server.certificate()?)
}

fn enough_and_no_more(envoy: &EnvoyBinary) -> Result<()> {
    let server = MailServer::start(Server::Postfix)?;
    // A host call that the filter cannot do without: Envoy refuses to start.
    match without(sample(&server)?, "proxy_define_metric")?.start_unchecked(envoy) {
        Ok(_) => bail!("Envoy started with a filter that cannot count"),
        Err(error) => ensure!(format!("{error:#}").contains("define metric"), "{error:#}"),
    }
    // One without which only something is missing: the filter says so, and mail passes.
    let running = without(sample(&server)?, "proxy_set_property")?.start_unchecked(envoy)?;
    arrived(&server, &[send(&running, "relay", Tls::Never, false)?])?;
    running.counted("smtp_transactions_total{stat_prefix=relay,outcome=accepted} 1")?;
    let log = running.envoy.log()?;
    ensure!(log.contains("access logs have no summary"), "{log}");
    running.envoy.stop()?;
    Ok(())
}

fn without(sample: Sample, capability: &str) -> Result<Sample> {
    sample.changed(&format!("{capability}: {{}}\n"), "\n")
}
