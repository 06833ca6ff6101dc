//! A configuration that changes while mails flow: nothing closes, and a refused one changes nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Result, anyhow, bail, ensure};
use envoy_runner::{Delivery, Listener, RunnerError, Scrape, WasmFilter};
use serde_json::{Value, json};

use crate::Test;
use crate::bridge::Bridge;
use crate::counts::{self, SOON};
use crate::ground::Ground;
use crate::mail::{HELLO, MAIL, QUIT};
use crate::wire::{End, Wire};

pub(crate) const TESTS: &[Test] = &[
    ("reconfiguration: nothing closes", nothing_closes),
    ("reconfiguration: mails flow meanwhile", mails_flow_meanwhile),
    ("reconfiguration: what is refused changes nothing", what_is_refused_changes_nothing),
    ("reconfiguration: without `strict`, unknown fields are ignored and counted", lenient),
];

fn filter(ground: &Ground, configuration: &Value) -> Result<WasmFilter> {
    Ok(ground.smtp(configuration)?.delivery(Delivery::File))
}

fn bridge(ground: &Ground, configuration: &Value) -> Result<Bridge> {
    let filter = filter(ground, configuration)?;
    Bridge::start(ground, |upstream| Ok(vec![Listener::new("mail", upstream.clone()).filter(filter)]))
}

fn nothing_closes(ground: &Ground) -> Result<()> {
    let configuration =
        |mode: &str, level: &str| json!({"reporter": "gateway", "mode": mode, "level": level});
    let bridge = bridge(ground, &configuration("observe", "summary"))?;
    let update = |mode: &str, level: &str| -> Result<()> {
        Ok(bridge.envoy.update_filter("mail", &filter(ground, &configuration(mode, level))?)?)
    };
    let opened = || -> Result<Wire> {
        let mut wire = bridge.open("mail")?;
        wire.talk(HELLO)?;
        Ok(wire)
    };
    let mut first = opened()?;
    first.talk(MAIL)?;
    bridge.counts("smtp_transactions_total{outcome=accepted} 1")?;

    update("off", "summary")?;
    first.talk(MAIL)?;
    let mut unseen = opened()?;
    unseen.talk(MAIL)?;
    // The first connection keeps the filter that it began with, the second one is not looked at.
    let unseen_to_server = octets("C: ", HELLO) + octets("C: ", MAIL);
    let unseen_to_client = octets("S: ", HELLO) + octets("S: ", MAIL);
    bridge.counts(&format!(
        "smtp_connections_opened_total 2
         smtp_commands_total{{verb=EHLO}} 1
         smtp_transactions_total{{outcome=accepted}} 2
         smtp_bytes_total{{direction=to_server,visibility=off}} {unseen_to_server}
         smtp_bytes_total{{direction=to_client,visibility=off}} {unseen_to_client}"
    ))?;

    update("observe", "detailed")?;
    let mut detailed = opened()?;
    detailed.talk(MAIL)?;
    first.talk(MAIL)?;
    unseen.talk(MAIL)?;
    let scrape = bridge.counts(
        "smtp_commands_total{verb=EHLO} 2
         smtp_transactions_total{outcome=accepted} 4
         smtp_reply_codes_total{code=354} 1",
    )?;
    ensure!(counts::count(&scrape, "envoy_listener_downstream_cx_active") == 3.0, "a connection was closed");
    ensure!(counts::count(&scrape, "envoy_listener_downstream_cx_destroy") == 0.0, "a connection was closed");
    for mut wire in [first, unseen, detailed] {
        wire.talk(QUIT)?;
        wire.close(End::Server)?;
    }
    bridge.counts(
        "smtp_connections_opened_total 3
         smtp_connections_closed_total{ending=quit} 2
         smtp_connections_closed_total{ending=server} 1
         smtp_connections_closed_total 3
         smtp_connections_total{visibility=parsed} 2
         smtp_connections_total{visibility=off} 1
         smtp_connections_total 3
         smtp_commands_total{verb=QUIT} 2
         smtp_internal_errors_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn mails_flow_meanwhile(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.open("mail")?;
    wire.talk(HELLO)?;
    let (delivered, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<()> {
            while !stop.load(Ordering::SeqCst) {
                wire.talk(MAIL)?;
                delivered.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        let reconfigured = (0..6).try_for_each(|turn| -> Result<()> {
            let mode = if turn % 2 == 0 { "off" } else { "observe" };
            let level = if turn % 3 == 0 { "detailed" } else { "summary" };
            let configuration = json!({"reporter": "gateway", "mode": mode, "level": level});
            bridge.envoy.update_filter("mail", &filter(ground, &configuration)?)?;
            // Each configuration is in force for some mails at least.
            let before = delivered.load(Ordering::SeqCst);
            let counted = |scrape: &Scrape| {
                counts::count(scrape, "smtp_transactions_total{outcome=accepted}") > before as f64 + 3.0
            };
            ensure!(
                bridge.envoy.wait_for_stats(SOON, counted)?.is_some(),
                "no mail passes after turn {turn}"
            );
            Ok(())
        });
        stop.store(true, Ordering::SeqCst);
        let sent = sender.join().map_err(|_| anyhow!("the sender panicked"))?;
        reconfigured.and(sent)
    })?;
    wire.talk(QUIT)?;
    wire.close(End::Server)?;
    bridge.counts(&format!(
        "smtp_transactions_total{{outcome=accepted}} {}
         smtp_connections_closed_total{{ending=quit}} 1
         smtp_connections_opened_total 1",
        delivered.load(Ordering::SeqCst)
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

/// How many octets of a conversation one end says.
fn octets(who: &str, lines: &str) -> usize {
    let said = lines.lines().map(str::trim).filter_map(|line| line.strip_prefix(who.trim_end()));
    said.map(|text| text.strip_prefix(' ').unwrap_or(text).len() + 2).sum()
}

fn what_is_refused_changes_nothing(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, &json!({"reporter": "gateway", "stat_prefix": "before"}))?;
    let mut wire = bridge.open("mail")?;
    wire.talk(HELLO)?;
    for (mistake, message) in [
        (json!({"stat_prefix": "after", "newer": 1}), "newer: unknown field `newer`"),
        (json!({"stat_prefix": "after", "strict": false, "level": "all"}), "level: unknown variant `all`"),
    ] {
        let refused = bridge.envoy.update_filter("mail", &filter(ground, &mistake)?);
        let Err(RunnerError::FilterRefused { reasons, .. }) = refused else { bail!("{refused:?}") };
        ensure!(reasons.iter().any(|reason| reason.contains(message)), "{reasons:#?}");
        let mut later = bridge.open("mail")?;
        later.talk(HELLO)?;
        later.talk(MAIL)?;
        later.close(End::Client)?;
    }
    wire.talk(MAIL)?;
    wire.close(End::Client)?;
    bridge.counts(
        "smtp_connections_opened_total{stat_prefix=before} 3
         smtp_connections_closed_total{stat_prefix=before} 3
         smtp_transactions_total{stat_prefix=before,outcome=accepted} 3
         smtp_connections_opened_total{stat_prefix=after} 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn lenient(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, &json!({"reporter": "gateway"}))?;
    bridge.counts("smtp_config_fields_ignored_total 0")?;
    let newer = json!({"reporter": "gateway", "strict": false, "newer": 1, "limits": {"newest": 2}});
    bridge.envoy.update_filter("mail", &filter(ground, &newer)?)?;
    for line in ["newer: unknown field `newer`", "limits.newest: unknown field `newest`"] {
        let line = format!("smtp: ignored because `strict` is false: {line}");
        ensure!(bridge.envoy.wait_for_log(&line, SOON)?, "not in the log: {line}");
    }
    let mut wire = bridge.open("mail")?;
    wire.talk(HELLO)?;
    wire.talk(MAIL)?;
    wire.close(End::Client)?;
    let scrape = bridge.counts("smtp_transactions_total{outcome=accepted} 1")?;
    // Once per VM that was configured, of which Envoy makes several.
    let ignored = counts::count(&scrape, "smtp_config_fields_ignored_total");
    ensure!(ignored >= 2.0 && ignored % 2.0 == 0.0, "{ignored} fields were ignored");
    bridge.envoy.stop()?;
    Ok(())
}
