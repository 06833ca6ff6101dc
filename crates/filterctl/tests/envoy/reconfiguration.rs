//! A configuration that changes while traffic flows: nothing closes, and a refused one changes nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Result, anyhow, bail, ensure};
use envoy_runner::{Delivery, Listener, RunnerError, Scrape, WasmFilter};
use serde_json::{Value, json};

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::counts::SOON;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("reconfiguration: nothing closes", nothing_closes),
    ("reconfiguration: traffic flows meanwhile", traffic_flows_meanwhile),
    ("reconfiguration: what is refused changes nothing", what_is_refused_changes_nothing),
    ("reconfiguration: without `strict`, unknown fields are ignored and counted", lenient),
];

fn filter(ground: &Ground, configuration: &Value) -> Result<WasmFilter> {
    Ok(ground.filter(configuration)?.delivery(Delivery::File))
}

fn bridge(ground: &Ground, configuration: &Value) -> Result<Bridge> {
    let filter = filter(ground, configuration)?;
    Bridge::start(ground, |upstream| Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter)]))
}

fn nothing_closes(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let (opening, exchange) = ((subject.opening)()?, (subject.exchange)()?);
    let (exchanged, detailed, ending) =
        (subject.exchanged, subject.exchanged_detailed, subject.farewell_ending);
    let configuration =
        |mode: &str, level: &str| json!({"reporter": "gateway", "mode": mode, "level": level});
    let bridge = bridge(ground, &configuration("observe", "summary"))?;
    let update = |mode: &str, level: &str| -> Result<()> {
        Ok(bridge.envoy.update_filter(LISTENER, &filter(ground, &configuration(mode, level))?)?)
    };
    let begun = opening.then(exchange.clone());
    let mut first = bridge.opened(&begun)?;
    bridge.counts(&format!("{exchanged} 1"))?;

    update("off", "summary")?;
    first.play(&exchange)?;
    let mut unseen = bridge.opened(&begun)?;
    // The first connection keeps the filter that it began with, the second one is not looked at.
    bridge.counts(&format!(
        "*_connections_opened_total 2
         {exchanged} 2
         *_bytes_total{{direction=to_server,visibility=off}} {}
         *_bytes_total{{direction=to_client,visibility=off}} {}",
        begun.octets(End::Client),
        begun.octets(End::Server)
    ))?;

    update("observe", "detailed")?;
    let mut detailing = bridge.opened(&begun)?;
    first.play(&exchange)?;
    unseen.play(&exchange)?;
    let scrape = bridge.counts(&format!("{exchanged} 4\n{detailed} 1"))?;
    ensure!(bridge.count(&scrape, "envoy_listener_downstream_cx_active") == 3.0, "a connection was closed");
    ensure!(bridge.count(&scrape, "envoy_listener_downstream_cx_destroy") == 0.0, "a connection was closed");
    detailing.play(&exchange)?;
    bridge.counts(&format!("{exchanged} 5\n{detailed} 2"))?;
    for mut wire in [first, unseen, detailing] {
        wire.play(&(subject.farewell)()?)?;
        wire.close(End::Server)?;
    }
    bridge.counts(&format!(
        "*_connections_opened_total 3
         *_connections_closed_total{{ending={ending}}} 2
         *_connections_closed_total{{ending=server}} 1
         *_connections_closed_total 3
         *_connections_total{{visibility=parsed}} 2
         *_connections_total{{visibility=off}} 1
         *_connections_total 3
         *_internal_errors_total 0"
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn traffic_flows_meanwhile(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let exchange = (subject.exchange)()?;
    let bridge = bridge(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.opened(&(subject.opening)()?)?;
    let (exchanged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<()> {
            while !stop.load(Ordering::SeqCst) {
                wire.play(&exchange)?;
                exchanged.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        let reconfigured = (0..6).try_for_each(|turn| -> Result<()> {
            let mode = if turn % 2 == 0 { "off" } else { "observe" };
            let level = if turn % 3 == 0 { "detailed" } else { "summary" };
            let configuration = json!({"reporter": "gateway", "mode": mode, "level": level});
            bridge.envoy.update_filter(LISTENER, &filter(ground, &configuration)?)?;
            // Each configuration is in force for some exchanges at least.
            let before = exchanged.load(Ordering::SeqCst);
            let counted = |scrape: &Scrape| bridge.count(scrape, subject.exchanged) > before as f64 + 3.0;
            ensure!(
                bridge.envoy.wait_for_stats(SOON, counted)?.is_some(),
                "nothing passes after turn {turn}"
            );
            Ok(())
        });
        stop.store(true, Ordering::SeqCst);
        let sent = sender.join().map_err(|_| anyhow!("the sender panicked"))?;
        reconfigured.and(sent)
    })?;
    wire.play(&(subject.farewell)()?)?;
    wire.close(End::Server)?;
    bridge.counts(&format!(
        "{} {}
         *_connections_closed_total{{ending={}}} 1
         *_connections_opened_total 1",
        subject.exchanged,
        exchanged.load(Ordering::SeqCst),
        subject.farewell_ending
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn what_is_refused_changes_nothing(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, &json!({"reporter": "gateway", "stat_prefix": "before"}))?;
    let subject = ground.subject;
    let begun = (subject.opening)()?.then((subject.exchange)()?);
    let mut wire = bridge.opened(&(subject.opening)()?)?;
    for (mistake, message) in [
        (json!({"stat_prefix": "after", "newer": 1}), "newer: unknown field `newer`"),
        (json!({"stat_prefix": "after", "strict": false, "level": "all"}), "level: unknown variant `all`"),
    ] {
        let refused = bridge.envoy.update_filter(LISTENER, &filter(ground, &mistake)?);
        let Err(RunnerError::FilterRefused { reasons, .. }) = refused else { bail!("{refused:?}") };
        ensure!(reasons.iter().any(|reason| reason.contains(message)), "{reasons:#?}");
        bridge.opened(&begun)?.close(End::Client)?;
    }
    wire.play(&(subject.exchange)()?)?;
    wire.close(End::Client)?;
    bridge.counts(&format!(
        "*_connections_opened_total{{stat_prefix=before}} 3
         *_connections_closed_total{{stat_prefix=before}} 3
         {} 3
         *_connections_opened_total{{stat_prefix=after}} 0",
        subject.exchanged.replace('{', "{stat_prefix=before,")
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn lenient(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, &json!({"reporter": "gateway"}))?;
    bridge.counts("*_config_fields_ignored_total 0")?;
    let newer = json!({"reporter": "gateway", "strict": false, "newer": 1, "limits": {"newest": 2}});
    bridge.envoy.update_filter(LISTENER, &filter(ground, &newer)?)?;
    for line in ["newer: unknown field `newer`", "limits.newest: unknown field `newest`"] {
        let line = format!("{}: ignored because `strict` is false: {line}", ground.subject.name);
        ensure!(bridge.envoy.wait_for_log(&line, SOON)?, "not in the log: {line}");
    }
    let begun = (ground.subject.opening)()?.then((ground.subject.exchange)()?);
    bridge.opened(&begun)?.close(End::Client)?;
    let scrape = bridge.counts(&format!("{} 1", ground.subject.exchanged))?;
    // Once per VM that was configured, of which Envoy makes several.
    let ignored = bridge.count(&scrape, "*_config_fields_ignored_total");
    ensure!(ignored >= 2.0 && ignored % 2.0 == 0.0, "{ignored} fields were ignored");
    bridge.envoy.stop()?;
    Ok(())
}
