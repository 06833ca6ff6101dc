//! Events: that workers agree, and that there are not too many.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Listener, StartOptions};
use serde_json::{Value, json};

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("events: all workers hash alike", workers_hash_alike),
    ("events: too many are dropped and counted", too_many),
];

/// The events of one listener, out of Envoy's log.
pub(crate) fn events(log: &str, stat_prefix: &str) -> Result<Vec<Value>> {
    let lines = log.lines().filter_map(|line| line.split_once("wasm log ")?.1.split_once(": "));
    let objects = lines.filter(|(_, text)| text.starts_with('{'));
    let events: Vec<Value> = objects
        .map(|(_, text)| serde_json::from_str(text).context("an event that is no JSON"))
        .collect::<Result<_>>()?;
    Ok(events.into_iter().filter(|event| event["stat_prefix"] == stat_prefix).collect())
}

/// Without a key, one is made that all workers share.
fn workers_hash_alike(ground: &Ground) -> Result<()> {
    const EXCHANGES: usize = 12;
    let subject = ground.subject;
    let begun = (subject.opening)()?.then((subject.exchange)()?);
    let configuration = json!({"stat_prefix": "random", "events": {"enabled": true, "identities": "hmac"}});
    let filter = ground.filter(&configuration)?;
    let options = StartOptions { concurrency: 3, ..StartOptions::default() };
    let bridge = Bridge::start_with(ground, &options, |upstream| {
        Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter)])
    })?;
    // Which worker takes a connection is the kernel's choice; of so many, one hardly gets all.
    let mut wires = (0..EXCHANGES).map(|_| bridge.open(LISTENER)).collect::<Result<Vec<_>>>()?;
    for wire in &mut wires {
        wire.play(&begun)?;
    }
    bridge.counts(&format!("*_events_total {}", EXCHANGES * (subject.opening_events + 1)))?;
    let mut events = events(&bridge.envoy.log()?, "random")?;
    events.retain(|event| event[subject.identity].is_string());
    ensure!(events.len() >= EXCHANGES, "{} events", events.len());
    let names: BTreeSet<String> = events.iter().map(|event| event[subject.identity].to_string()).collect();
    ensure!(names.len() == 1 && names.iter().all(|name| name.len() == 66), "{names:?}");
    ensure!(events.iter().all(|event| event["identity_key"] == "random"));
    bridge.envoy.stop()?;
    Ok(())
}

fn too_many(ground: &Ground) -> Result<()> {
    // Two may come at once; the others come within a second, unless the machine is very slow.
    let limited = json!({"stat_prefix": "limited", "events": {"enabled": true, "per_second": 1}});
    let none = json!({"stat_prefix": "none", "events": {"enabled": true, "sample": 0}});
    let (limited, none) = (ground.filter(&limited)?, ground.filter(&none)?);
    let bridge = Bridge::start(ground, |upstream| {
        Ok(vec![
            Listener::new("limited", upstream.clone()).filter(limited),
            Listener::new("none", upstream.clone()).filter(none),
        ])
    })?;
    let exchanges: usize = 50;
    let subject = ground.subject;
    for listener in ["limited", "none"] {
        let mut wire = bridge.open(listener)?;
        wire.play(&(subject.opening)()?)?;
        for _ in 0..exchanges {
            wire.play(&(subject.exchange)()?)?;
        }
        wire.close(End::Client)?;
    }
    let scrape = bridge.counts(&format!(
        "*_connections_closed_total 2
         {} {}
         *_events_total{{stat_prefix=none}} 0
         *_events_dropped_total{{stat_prefix=none}} 0",
        subject.exchanged,
        2 * exchanges
    ))?;
    let count = |name: &str| bridge.count(&scrape, &format!("{name}{{stat_prefix=limited}}"));
    let (written, dropped) = (count("*_events_total"), count("*_events_dropped_total"));
    let all = subject.opening_events + exchanges;
    ensure!(
        written >= 2.0 && dropped >= 1.0 && written + dropped == all as f64,
        "{written} written, {dropped} dropped"
    );
    ensure!(events(&bridge.envoy.log()?, "limited")?.len() as f64 == written);
    bridge.envoy.stop()?;
    Ok(())
}
