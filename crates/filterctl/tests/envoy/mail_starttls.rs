//! STARTTLS: what the client's leg is afterwards, and what of it is still seen.

use anyhow::{Result, ensure};
use envoy_runner::{Listener, StartOptions, Upstream};
use filterctl::demo::smtp_server::{Certificate, Rules, SmtpServer};
use real_peers::mail::Conversation;
use serde_json::json;

use crate::both_ends::bridge;
use crate::both_ends::counts;
use crate::both_ends::subject::{Ground, Test};

pub(crate) const TESTS: &[Test] = &[("transport: STARTTLS", starttls)];

fn starttls(ground: &Ground) -> Result<()> {
    let server = SmtpServer::start(Rules::default(), &Certificate::for_host("mx.example")?)?;
    let filter = ground.filter(&json!({"reporter": "gateway"}))?;
    let upstream = Upstream::new("127.0.0.1", server.address().port());
    let listener = Listener::new("mail", upstream).filter(filter);
    let envoy = bridge::start(ground, &StartOptions::default(), vec![listener])?;
    let mut client = Conversation::greeted(envoy.address("mail")?)?;
    client.command_expecting("EHLO client.example", 250)?;
    client.starttls()?;
    client.command_expecting("EHLO client.example", 250)?;
    client.command_expecting("MAIL FROM:<alice@client.example>", 250)?;
    client.command_expecting("RCPT TO:<bob@mx.example>", 250)?;
    client.command_expecting("DATA", 354)?;
    client.message(b"Subject: lunch\r\n\r\nat noon\r\n")?;
    client.expect(250)?;
    client.quit()?;
    ensure!(server.tally().starttls.transactions_accepted == 1);
    let scrape = counts::wait(
        &envoy,
        "smtp_connections_total{visibility=starttls,transport=starttls} 1
         smtp_connections_total 1
         smtp_starttls_total{outcome=accepted} 1
         smtp_commands_total{verb=EHLO} 1
         smtp_commands_total{verb=STARTTLS} 1
         smtp_commands_total 2
         smtp_transactions_started_total 0
         smtp_anomalies_total 0
         smtp_smuggled_octets_total 0",
    )?;
    // What is not seen is counted as not seen, to the last octet.
    let tally = server.tally();
    for (direction, octets) in [("to_server", tally.octets_received), ("to_client", tally.octets_sent)] {
        let series = format!("smtp_bytes_total{{direction={direction}}}");
        ensure!(counts::count(&scrape, &series) == octets as f64, "{direction}: the server counted {octets}");
        let hidden = format!("smtp_bytes_total{{direction={direction},visibility=starttls}}");
        ensure!(counts::count(&scrape, &hidden) > 0.0, "{direction}");
    }
    envoy.stop()?;
    Ok(())
}
