//! An Envoy that is about to end: drained by its admin interface, and ended by a signal.

use std::io::Read;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Listener, StartOptions};
use real_peers::wait_until;
use serde_json::json;

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::crowd::{busy, everybody, opened};

pub(crate) const TESTS: &[Test] = &[
    ("drained: whoever is there goes on, whoever comes is refused", drained),
    ("ended by SIGTERM: everybody's connection ends, nothing is changed on the way", terminated),
];

/// Connections.
const POOL: usize = 12;

fn bridge(ground: &Ground) -> Result<Bridge> {
    let filter = ground.filter(&json!({"reporter": "gateway"}))?;
    let options = StartOptions { concurrency: 2, ..StartOptions::default() };
    Bridge::start_with(ground, &options, |upstream| {
        Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter)])
    })
}

fn drained(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let exchange = (subject.exchange)()?;
    let bridge = bridge(ground)?;
    let mut wires = opened(&bridge, LISTENER, POOL, &(subject.opening)()?)?;
    let (exchanges, ()) = busy(&mut wires, &exchange, || {
        // What a health check of a load balancer sees before that, and what `kubectl delete pod` leads to in Istio.
        bridge.envoy.admin_post("/healthcheck/fail")?;
        bridge.envoy.admin_post("/drain_listeners")?;
        wait_until("the listener to close", || {
            let Ok(mut client) = bridge.connect(LISTENER) else { return Ok(Some(())) };
            // One that still was in the queue is closed unserved.
            let mut octets = Vec::new();
            let _end = client.read_to_end(&mut octets);
            ensure!(octets.is_empty(), "{}", octets.escape_ascii());
            Ok(None)
        })
    })?;
    everybody(&mut wires, |_, wire| wire.play(&exchange))?;
    everybody(&mut wires, |_, wire| wire.play(&(subject.farewell)()?))?;
    wires.into_iter().try_for_each(|wire| wire.close(End::Server))?;
    bridge.counts(&format!(
        "{} {}
         *_connections_opened_total {POOL}
         *_connections_closed_total {POOL}
         *_connections_closed_total{{ending={}}} {POOL}
         *_connections_total{{visibility=parsed}} {POOL}
         *_internal_errors_total 0",
        subject.exchanged,
        exchanges + POOL as u64,
        subject.farewell_ending
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn terminated(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let begun = (subject.opening)()?.then((subject.exchange)()?);
    let bridge = bridge(ground)?;
    let mut wires = opened(&bridge, LISTENER, POOL, &begun)?;
    bridge.counts(&format!("{} {POOL}", subject.exchanged))?;
    let killed = Command::new("kill").args(["-s", "TERM", &bridge.envoy.id().to_string()]).status()?;
    ensure!(killed.success(), "kill ended with {killed}");
    for wire in &mut wires {
        for end in [End::Client, End::Server] {
            ensure!(wire.read_to_end(end)?.is_empty(), "octets that nobody has sent");
        }
    }
    wait_until("Envoy to end", || Ok(bridge.envoy.check_alive().is_err().then_some(())))
        .context("SIGTERM")?;
    let log = bridge.envoy.log()?;
    // In order: no VM is lost on the way out, and no filter fails.
    for word in ["panicked", "Uncaught", "assert", "Caught Segmentation"] {
        ensure!(!log.contains(word), "{word} in the log");
    }
    Ok(())
}
