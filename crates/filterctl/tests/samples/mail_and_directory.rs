//! mail-and-directory.yaml: four listeners, each with its own configuration, and the port for Prometheus.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::rules::{PASSWORD, PEOPLE, person};
use real_peers::directory::{Access, Conversation, DirectoryServer, LdapUtils, Search, Security};
use real_peers::mail::{MailServer, Server, Tls};

use crate::Test;
use crate::counts::SOON;
use crate::running::{Running, Sample};
use crate::smtp_relay::{arrived, send};

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "mail-and-directory.yaml: each listener as configured".to_owned(),
        peers: vec![Peer::Postfix, Peer::Smtplib, Peer::Slapd, Peer::LdapUtils],
        run: Box::new(each_as_configured),
    }]
}

fn each_as_configured(envoy: &EnvoyBinary) -> Result<()> {
    let (mail, directory) = (MailServer::start(Server::Postfix)?, DirectoryServer::start()?);
    let servers = [
        (("mail.example.com", 25), mail.smtp()),
        (("mail.example.com", 587), mail.smtp()),
        (("directory.example.com", 389), directory.ldap()),
        (("directory.example.com", 636), directory.ldaps()),
    ];
    let listens_on = [25, 587, 389, 636, 9902];
    let running = Sample::new("mail-and-directory.yaml", &listens_on, &servers, &directory.certificate()?)?
        .start(envoy)?;
    running.servers_are_healthy(&["relay", "submission", "ldap", "ldaps"])?;

    arrived(
        &mail,
        &[send(&running, "relay", Tls::Never, false)?, send(&running, "submission", Tls::Never, false)?],
    )?;
    let security = Security::Ldaps(running.certificates.authority()?);
    let tools = LdapUtils::find()?;
    for (listener, security) in [("ldap", Security::Plain), ("ldaps", security)] {
        let access =
            Access::to(running.address(listener)?).simple(person("alice"), PASSWORD).secured(security);
        let report = tools.search(&access, &Search::below(PEOPLE, "(uid=bob)"), &[])?;
        ensure!((report.result(), report.entries()) == (Some(0), 1), "{listener}: {report:?}");
    }
    // `on_protocol_error: close`, on 389 alone.
    let mut stray = Conversation::connect(running.address("ldap")?)?;
    stray.send(b"GARBAGE garbage garbage garbage garbage garbage")?;
    drop(stray.read_to_end());

    running.counted(
        "smtp_transactions_total{stat_prefix=relay,outcome=accepted} 1
         smtp_events_total{stat_prefix=relay} 0
         smtp_transactions_total{stat_prefix=submission,outcome=accepted} 1
         smtp_events_total{stat_prefix=submission} 1
         ldap_requests_total{stat_prefix=ldap,operation=search} 1
         ldap_events_total{stat_prefix=ldap} 0
         ldap_connections_closed_total{stat_prefix=ldap,ending=local} 1
         ldap_requests_total{stat_prefix=ldaps,operation=search} 1
         ldap_searches_total{stat_prefix=ldaps} 1
         ldap_searches_total{stat_prefix=ldap} 0",
    )?;
    event_of_submission(&running)?;
    metrics_and_nothing_else(running.address("metrics")?)?;
    running.idle_timeouts(&[("relay", "900s"), ("submission", "900s"), ("ldap", "0s"), ("ldaps", "0s")])?;
    running.envoy.stop()?;
    Ok(())
}

/// Names are keyed hashes with the key's id.
fn event_of_submission(running: &Running) -> Result<()> {
    ensure!(running.envoy.wait_for_log(r#""stat_prefix":"submission""#, SOON)?, "no event");
    let log = running.envoy.log()?;
    let event = log.lines().find(|line| line.contains(r#""outcome":"accepted""#)).unwrap_or_default();
    ensure!(event.contains("2026-1") && !event.contains("alice"), "{event}");
    Ok(())
}

fn metrics_and_nothing_else(address: SocketAddr) -> Result<()> {
    let get = |path: &str| ureq::get(format!("http://{address}{path}")).call();
    let metrics = get("/stats/prometheus")?.into_body().read_to_string()?;
    ensure!(metrics.contains("smtp_transactions_total{"), "no metrics on the port for Prometheus");
    for path in ["/", "/stats", "/config_dump", "/quitquitquit", "/stats/prometheus/../../config_dump"] {
        match get(path) {
            Err(ureq::Error::StatusCode(404)) => {}
            other => anyhow::bail!("{path} on the port for Prometheus: {other:?}"),
        }
    }
    Ok(())
}
