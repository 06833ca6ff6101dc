//! However a connection ends, it is counted once, under who ended it.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Result, ensure};
use envoy_runner::{Listener, OLDEST_ENVOY, StartOptions, Upstream};
use serde_json::json;

use crate::Test;
use crate::bridge::{self, Bridge};
use crate::counts;
use crate::ground::Ground;
use crate::mail::{HELLO, MAIL, QUIT};
use crate::wire::{End, Wire};

pub(crate) const TESTS: &[Test] = &[
    ("endings: who ended it", who_ended_it),
    ("endings: in the middle of a mail", in_the_middle_of_a_mail),
    ("endings: idle for too long", idle_for_too_long),
    ("endings: a server that refuses connections", server_refuses),
];

/// How a server that closed once and reset once is counted.
fn closed_and_reset_by_server(ground: &Ground) -> &'static str {
    // The oldest Envoy tells nobody of a reset by the server: its own access log shows a close by Envoy as well.
    if ground.binary.version == OLDEST_ENVOY {
        "smtp_connections_closed_total{ending=server} 1
         smtp_connections_closed_total{ending=local} 1"
    } else {
        "smtp_connections_closed_total{ending=server} 2
         smtp_connections_closed_total{ending=local} 0"
    }
}

fn who_ended_it(ground: &Ground) -> Result<()> {
    let bridge = Bridge::start(ground, |upstream| {
        let filter = ground.smtp(&json!({"reporter": "gateway"}))?;
        Ok(vec![Listener::new("mail", upstream.clone()).filter(filter)])
    })?;
    let greeted = || -> Result<Wire> {
        let mut wire = bridge.open("mail")?;
        wire.talk(HELLO)?;
        Ok(wire)
    };
    let living = [greeted()?, greeted()?];

    greeted()?.close(End::Client)?;
    bridge.counts("smtp_connections_closed_total{ending=client} 1")?;
    greeted()?.reset(End::Client)?;
    bridge.counts("smtp_connections_closed_total{ending=client} 2")?;
    greeted()?.close(End::Server)?;
    bridge.counts("smtp_connections_closed_total{ending=server} 1")?;
    greeted()?.reset(End::Server)?;
    bridge.counts(closed_and_reset_by_server(ground))?;
    for first in [End::Client, End::Server] {
        let mut wire = greeted()?;
        wire.talk(MAIL)?;
        wire.talk(QUIT)?;
        wire.close(first)?;
    }
    let scrape = bridge.counts(
        "smtp_connections_opened_total 8
         smtp_connections_closed_total 6
         smtp_connections_closed_total{ending=quit} 2
         smtp_connections_closed_total{ending=client} 2
         smtp_connections_closed_total{ending=unknown} 0
         smtp_connections_total{visibility=parsed,transport=plain} 6
         smtp_connections_total 6",
    )?;
    // Opened − closed = live, which Envoy counts as well.
    ensure!(counts::count(&scrape, "envoy_listener_downstream_cx_active") == 2.0);
    for mut wire in living {
        wire.talk(MAIL)?;
        wire.close(End::Client)?;
    }
    bridge.counts(
        "smtp_connections_closed_total{ending=client} 4
         smtp_transactions_total{outcome=accepted} 4
         smtp_connections_closed_total 8",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn in_the_middle_of_a_mail(ground: &Ground) -> Result<()> {
    const BEGUN: &str = "
        C: MAIL FROM:<alice@client.example>
        S: 250 2.1.0 sender is fine
        C: RCPT TO:<bob@mx.example>
        S: 250 2.1.5 recipient is fine
        C: DATA
        S: 354 go on
        C: Subject: lunch";
    let bridge = Bridge::start(ground, |upstream| {
        let filter = ground.smtp(&json!({"reporter": "gateway"}))?;
        Ok(vec![Listener::new("mail", upstream.clone()).filter(filter)])
    })?;
    let begun = || -> Result<Wire> {
        let mut wire = bridge.open("mail")?;
        wire.talk(HELLO)?;
        wire.talk(BEGUN)?;
        Ok(wire)
    };
    begun()?.close(End::Client)?;
    begun()?.reset(End::Client)?;
    begun()?.close(End::Server)?;
    begun()?.reset(End::Server)?;
    // A client that sends no more may still be answered.
    let mut half = bridge.open("mail")?;
    half.talk(HELLO)?;
    half.finish(End::Client)?;
    half.talk("S: 421 4.4.2 where are you?")?;
    half.finish(End::Server)?;
    bridge.counts(closed_and_reset_by_server(ground))?;
    bridge.counts(
        "smtp_connections_opened_total 5
         smtp_connections_closed_total 5
         smtp_connections_closed_total{ending=client} 3
         smtp_transactions_started_total 4
         smtp_transactions_total{outcome=aborted} 4
         smtp_transactions_total 4
         smtp_anomalies_total{kind=left_in_data} 4
         smtp_closing_replies_total 1
         smtp_anomalies_total{kind=unsolicited_421} 1
         smtp_internal_errors_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn idle_for_too_long(ground: &Ground) -> Result<()> {
    let bridge = Bridge::start(ground, |upstream| {
        let filter = ground.smtp(&json!({"reporter": "gateway"}))?;
        let timeout = Duration::from_millis(300);
        Ok(vec![Listener::new("mail", upstream.clone()).filter(filter).idle_timeout(timeout)])
    })?;
    let mut wire = bridge.open("mail")?;
    // Nobody says anything: on a busy machine it might come too late.
    for end in [End::Client, End::Server] {
        ensure!(wire.read_to_end(end)?.is_empty());
    }
    bridge.counts(
        "smtp_greetings_missing_total 1
         smtp_connections_closed_total{ending=local} 1
         smtp_connections_closed_total 1
         envoy_tcp_idle_timeout 1",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn server_refuses(ground: &Ground) -> Result<()> {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let filter = ground.smtp(&json!({"reporter": "gateway"}))?;
    let listener = Listener::new("mail", Upstream::new("127.0.0.1", port)).filter(filter);
    let envoy = bridge::start(ground, &StartOptions::default(), vec![listener])?;
    for _ in 0..3 {
        // Not all of it may be sent: Envoy closes at once.
        let mut client = bridge::connect(envoy.address("mail")?)?;
        let mut said = Vec::new();
        let _reset_or_end = std::io::Read::read_to_end(&mut client, &mut said);
        ensure!(said.is_empty(), "{}", said.escape_ascii());
    }
    counts::wait(
        &envoy,
        "smtp_connections_opened_total 3
         smtp_connections_closed_total{ending=server} 3
         smtp_connections_closed_total 3
         smtp_greetings_missing_total 3
         smtp_connections_total{visibility=parsed} 3
         smtp_internal_errors_total 0",
    )?;
    envoy.stop()?;
    Ok(())
}
