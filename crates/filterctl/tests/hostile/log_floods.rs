//! Whoever makes the filter complain cannot fill the disk with it.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::both_ends::bridge::LISTENER;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::events::events;
use crate::siege::{Cost, Siege};

pub(crate) const TESTS: &[Test] =
    &[("log floods: complaints about lost connections", complaints), ("log floods: events", too_many_events)];

/// Complaints that may come at once, and how many follow each second: as in `session-driver`, for each worker.
const BURST: usize = 20;
const PER_SECOND: usize = 1;

fn complaints(ground: &Ground) -> Result<()> {
    const CONNECTIONS: usize = 1_000;
    let limits: serde_json::Value = serde_json::from_str(ground.subject.limits)?;
    let siege = Siege::lay(ground, &json!({"limits": limits}))?;
    let upsetting = (ground.subject.upsetting)();
    let (opening, begin) = ((ground.subject.opening)()?, Instant::now());
    for _ in 0..CONNECTIONS {
        let mut wire = siege.bridge.opened(&opening)?;
        wire.say(End::Client, &upsetting)?;
        wire.close(End::Client)?;
    }
    siege.counts(&format!(
        "*_connections_total{{visibility=lost_sync}} {CONNECTIONS}
         *_anomalies_total {CONNECTIONS}"
    ))?;
    let seconds = begin.elapsed().as_secs() as usize + 1;
    let log = siege.bridge.envoy.log()?;
    let complaints = log.lines().filter(|line| line.contains(" lost in state ")).count();
    let most = BURST + PER_SECOND * seconds;
    ensure!((BURST..=most).contains(&complaints), "{complaints} complaints in {seconds} s");
    siege.is_bearable(Cost { guests: 1 << 20, envoy: 16 << 20 })?;
    siege.lift()
}

fn too_many_events(ground: &Ground) -> Result<()> {
    const EXCHANGES: usize = 500;
    const EACH_SECOND: usize = 5;
    let events_on = json!({"enabled": true, "per_second": EACH_SECOND, "identities": "full"});
    let siege = Siege::lay(ground, &json!({"events": events_on}))?;
    let exchange = (ground.subject.exchange)()?;
    let begin = Instant::now();
    let mut wire = siege.bridge.opened(&(ground.subject.opening)()?)?;
    for _ in 0..EXCHANGES {
        wire.play(&exchange)?;
    }
    wire.close(End::Client)?;
    siege.counts("*_connections_closed_total 2")?;
    let written = events(&siege.bridge.envoy.log()?, LISTENER)?.len();
    let seconds = begin.elapsed().as_secs() as usize + 2;
    // Twice as many may come at once.
    let most = EACH_SECOND * (seconds + 2);
    ensure!((1..=most).contains(&written), "{written} events in {seconds} s");
    // Two connections were opened.
    let all = EXCHANGES + 2 * ground.subject.opening_events;
    siege.counts(&format!(
        "*_events_total {written}
         *_events_dropped_total {}",
        all - written
    ))?;
    siege.lift()
}
