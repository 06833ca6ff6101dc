//! first-steps.yaml in front of Postfix.

use anyhow::{Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::mail::{MailServer, Server, Tls};

use crate::Test;
use crate::counts::SOON;
use crate::running::Sample;
use crate::smtp_relay::{arrived, send};

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "first-steps.yaml".to_owned(),
        peers: vec![Peer::Postfix, Peer::Smtplib],
        run: Box::new(first_steps),
    }]
}

fn first_steps(envoy: &EnvoyBinary) -> Result<()> {
    let server = MailServer::start(Server::Postfix)?;
    let servers = [(("127.0.0.1", 2526), server.smtp())];
    let running = Sample::new("first-steps.yaml", &[2525], &servers, b"")?.start(envoy)?;
    arrived(&server, &[send(&running, "mail", Tls::Never, false)?])?;
    running.counted(
        "smtp_transactions_total{stat_prefix=first-steps,reporter=gateway,outcome=accepted} 1
         smtp_events_total{stat_prefix=first-steps} 1",
    )?;
    ensure!(running.envoy.wait_for_log(r#""outcome":"accepted""#, SOON)?, "no event in the log");
    running.envoy.stop()?;
    Ok(())
}
