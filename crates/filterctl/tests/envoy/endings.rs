//! However a connection ends, it is counted once, under who ended it.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Result, ensure};
use envoy_runner::{Listener, OLDEST_ENVOY, StartOptions, Upstream};
use serde_json::json;

use crate::both_ends::bridge::{self, Bridge, LISTENER};
use crate::both_ends::counts;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};

pub(crate) const TESTS: &[Test] = &[
    ("endings: who ended it", who_ended_it),
    ("endings: idle for too long", idle_for_too_long),
    ("endings: a server that refuses connections", server_refuses),
];

/// How a server that closed once and reset once is counted.
pub(crate) fn closed_and_reset_by_server(ground: &Ground) -> &'static str {
    // The oldest Envoy tells nobody of a reset by the server: its own access log shows a close by Envoy as well.
    if ground.binary.version == OLDEST_ENVOY {
        "*_connections_closed_total{ending=server} 1
         *_connections_closed_total{ending=local} 1"
    } else {
        "*_connections_closed_total{ending=server} 2
         *_connections_closed_total{ending=local} 0"
    }
}

fn who_ended_it(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let (exchange, farewell) = ((subject.exchange)()?, (subject.farewell)()?);
    let (exchanged, ending) = (subject.exchanged, subject.farewell_ending);
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let opened = || -> Result<Wire> { bridge.opened(&(subject.opening)()?) };
    let living = [opened()?, opened()?];

    opened()?.close(End::Client)?;
    bridge.counts("*_connections_closed_total{ending=client} 1")?;
    opened()?.reset(End::Client)?;
    bridge.counts("*_connections_closed_total{ending=client} 2")?;
    opened()?.close(End::Server)?;
    bridge.counts("*_connections_closed_total{ending=server} 1")?;
    opened()?.reset(End::Server)?;
    bridge.counts(closed_and_reset_by_server(ground))?;
    for first in [End::Client, End::Server] {
        let mut wire = opened()?;
        wire.play(&exchange)?;
        wire.play(&farewell)?;
        wire.close(first)?;
    }
    let scrape = bridge.counts(&format!(
        "*_connections_opened_total 8
         *_connections_closed_total 6
         *_connections_closed_total{{ending={ending}}} 2
         *_connections_closed_total{{ending=client}} 2
         *_connections_closed_total{{ending=unknown}} 0
         *_connections_total{{visibility=parsed,transport=plain}} 6
         *_connections_total 6"
    ))?;
    // Opened − closed = live, which Envoy counts as well.
    ensure!(bridge.count(&scrape, "envoy_listener_downstream_cx_active") == 2.0);
    for mut wire in living {
        wire.play(&exchange)?;
        wire.close(End::Client)?;
    }
    bridge.counts(&format!(
        "*_connections_closed_total{{ending=client}} 4
         {exchanged} 4
         *_connections_closed_total 8"
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn idle_for_too_long(ground: &Ground) -> Result<()> {
    let bridge = Bridge::start(ground, |upstream| {
        let filter = ground.filter(&json!({"reporter": "gateway"}))?;
        let timeout = Duration::from_millis(300);
        Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter).idle_timeout(timeout)])
    })?;
    let mut wire = bridge.open(LISTENER)?;
    // Nobody says anything: on a busy machine it might come too late.
    for end in [End::Client, End::Server] {
        ensure!(wire.read_to_end(end)?.is_empty());
    }
    bridge.counts(
        "*_connections_closed_total{ending=local} 1
         *_connections_closed_total 1
         envoy_tcp_idle_timeout 1",
    )?;
    if let Some(silent) = ground.subject.silent {
        bridge.counts(&format!("{silent} 1"))?;
    }
    bridge.envoy.stop()?;
    Ok(())
}

fn server_refuses(ground: &Ground) -> Result<()> {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let filter = ground.filter(&json!({"reporter": "gateway"}))?;
    let listener = Listener::new(LISTENER, Upstream::new("127.0.0.1", port)).filter(filter);
    let envoy = bridge::start(ground, &StartOptions::default(), vec![listener])?;
    for _ in 0..3 {
        // Not all of it may be sent: Envoy closes at once.
        let mut client = bridge::connect(envoy.address(LISTENER)?)?;
        let mut said = Vec::new();
        let _reset_or_end = std::io::Read::read_to_end(&mut client, &mut said);
        ensure!(said.is_empty(), "{}", said.escape_ascii());
    }
    let silent = ground.subject.silent.map(|silent| format!("{silent} 3")).unwrap_or_default();
    let expected = format!(
        "*_connections_opened_total 3
         *_connections_closed_total{{ending=server}} 3
         *_connections_closed_total 3
         *_connections_total{{visibility=parsed}} 3
         *_internal_errors_total 0
         {silent}"
    );
    counts::wait(&envoy, &ground.subject.series(&expected))?;
    envoy.stop()?;
    Ok(())
}
