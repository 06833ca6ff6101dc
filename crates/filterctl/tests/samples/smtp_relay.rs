//! smtp-relay.yaml in front of Postfix, and of Exim.

use anyhow::{Context, Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::mail::{Client, ClientOptions, Mail, MailServer, Server, Tls};

use crate::Test;
use crate::running::{Running, Sample};

pub(crate) fn tests() -> Vec<Test> {
    [Server::Postfix, Server::Exim]
        .into_iter()
        .map(|server| Test {
            name: format!("smtp-relay.yaml: {}", server.peer().name()),
            peers: vec![server.peer(), Peer::Smtplib],
            run: Box::new(move |envoy| relays(envoy, server)),
        })
        .collect()
}

/// Sends one mail through a listener, and reads it from the server's mailbox.
pub(crate) fn send(running: &Running, listener: &str, tls: Tls, auth: bool) -> Result<Mail> {
    let mail = Mail::new("app@client.test", ["alice@good.test"], &format!("by way of {listener}\n.\n..dots"));
    let options = ClientOptions { tls, auth, lmtp: false };
    let submission = Client::Smtplib.send(running.address(listener)?, &mail, &options)?;
    ensure!(submission.accepted && submission.refusals.is_empty(), "{submission:?}");
    Ok(mail)
}

/// Waits until these mails have arrived as they were sent.
pub(crate) fn arrived(server: &MailServer, mails: &[Mail]) -> Result<()> {
    let delivered = server.mailbox().wait_for(mails.len())?;
    for mail in mails {
        ensure!(delivered.iter().any(|one| one.carries(&mail.message)), "a mail arrived changed");
    }
    Ok(())
}

fn relays(envoy: &EnvoyBinary, kind: Server) -> Result<()> {
    let server = MailServer::start(kind)?;
    let host = "mail.example.com";
    let smtps = server.smtps().context("the server has no listener for TLS from the start")?;
    let servers = [((host, 25), server.smtp()), ((host, 587), server.smtp()), ((host, 465), smtps)];
    let certificate = server.certificate()?;
    let running = Sample::new("smtp-relay.yaml", &[25, 587, 465], &servers, &certificate)?.start(envoy)?;
    running.servers_are_healthy(&["relay", "submission", "submissions"])?;

    let authority = running.certificates.authority()?;
    let mails = [
        send(&running, "relay", Tls::Never, false)?,
        send(&running, "submission", Tls::StartTls(certificate), true)?,
        send(&running, "submissions", Tls::FromTheStart(authority), true)?,
    ];
    arrived(&server, &mails)?;
    running.counted(
        "smtp_transactions_total{stat_prefix=relay,reporter=gateway,outcome=accepted} 1
         smtp_connections_total{stat_prefix=relay,visibility=parsed,transport=plain} 1
         smtp_transactions_total{stat_prefix=submission} 0
         smtp_starttls_total{stat_prefix=submission,reporter=gateway,outcome=accepted} 1
         smtp_connections_total{stat_prefix=submission,visibility=starttls,transport=starttls} 1
         smtp_transactions_total{stat_prefix=submissions,reporter=gateway,outcome=accepted} 1
         smtp_auth_total{stat_prefix=submissions,outcome=succeeded,transport=tls} 1
         smtp_connections_total{stat_prefix=submissions,visibility=parsed,transport=tls} 1
         smtp_connections_total 3",
    )?;
    running.idle_timeouts(&[("relay", "900s"), ("submission", "900s"), ("submissions", "900s")])?;
    for (listener, limit) in [("relay", "4000"), ("submission", "2000"), ("submissions", "2000")] {
        let runtime = running.envoy.admin_get("/runtime")?;
        let runtime: serde_json::Value = serde_json::from_str(&runtime)?;
        let entry =
            &runtime["entries"][format!("envoy.resource_limits.listener.{listener}.connection_limit")];
        ensure!(entry["final_value"].as_str() == Some(limit), "{listener}: {entry}");
    }
    let log = running.envoy.log()?;
    ensure!(!log.contains("restricted proxy-wasm capability"), "a capability is missing:\n{log}");
    running.envoy.stop()?;
    Ok(())
}
