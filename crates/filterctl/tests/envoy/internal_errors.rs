//! A mail at which the filter itself panics is delivered all the same.

use anyhow::{Result, ensure};
use envoy_runner::{Listener, WasmFilter};
use serde_json::{Value, json};

use crate::Test;
use crate::bridge::Bridge;
use crate::counts;
use crate::ground::Ground;
use crate::mail::{HELLO, MAIL, QUIT, REPORT};
use crate::modules::Module;
use crate::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("internal errors: the mail is delivered, unmeasured", the_mail_is_delivered),
    ("internal errors: with `close` the connection is closed", the_connection_is_closed),
];

/// The listener `mail`, with the module that panics at every mail with the null sender.
fn bridge(ground: &Ground, configuration: &Value) -> Result<Bridge> {
    let module = Module::SmtpWithFaults.artifact()?;
    let filter = WasmFilter::new("smtp", &module.path).configuration(configuration.to_string());
    Bridge::start(ground, |upstream| Ok(vec![Listener::new("mail", upstream.clone()).filter(filter)]))
}

fn the_mail_is_delivered(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, &json!({"reporter": "gateway"}))?;
    let mut poisoned = bridge.open("mail")?;
    let mut other = bridge.open("mail")?;
    for wire in [&mut poisoned, &mut other] {
        wire.talk(HELLO)?;
        wire.talk(MAIL)?;
    }
    // Every octet of it arrives unchanged: `talk` demands that.
    poisoned.talk(REPORT)?;
    bridge.counts(
        "envoy_sdk_panics_total{extension=smtp,callback=on_downstream_data} 1
         smtp_internal_errors_total 1",
    )?;
    for wire in [&mut poisoned, &mut other] {
        wire.talk(MAIL)?;
        wire.talk(QUIT)?;
    }
    poisoned.close(End::Server)?;
    other.close(End::Server)?;
    // The command at which the filter panicked is not counted, nor what follows.
    let scrape = bridge.counts(
        "smtp_connections_opened_total 2
         smtp_connections_closed_total 2
         smtp_connections_closed_total{ending=quit} 1
         smtp_connections_closed_total{ending=unknown} 1
         smtp_connections_total{visibility=parsed} 1
         smtp_connections_total{visibility=internal_error} 1
         smtp_connections_total 2
         smtp_transactions_started_total 3
         smtp_transactions_total{outcome=accepted} 3
         smtp_transactions_total 3
         envoy_sdk_panics_total{extension=smtp} 1
         envoy_sdk_connections_bypassed_total{extension=smtp} 1
         envoy_sdk_connections_closed_on_error_total{extension=smtp} 0",
    )?;
    ensure!(counts::count(&scrape, "envoy_sdk_errors_total") == 0.0);
    let log = bridge.envoy.log()?;
    let line = log.lines().find(|line| line.contains("panicked")).unwrap_or_default();
    ensure!(
        line.contains("smtp on_downstream_data panicked in context") && line.ends_with(": injected fault"),
        "{line}"
    );
    bridge.envoy.stop()?;
    Ok(())
}

fn the_connection_is_closed(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, &json!({"reporter": "gateway", "on_internal_error": "close"}))?;
    let mut poisoned = bridge.open("mail")?;
    let mut other = bridge.open("mail")?;
    for wire in [&mut poisoned, &mut other] {
        wire.talk(HELLO)?;
        wire.talk(MAIL)?;
    }
    poisoned.send(End::Client, b"MAIL FROM:<>\r\n")?;
    ensure!(poisoned.read_to_end(End::Server)?.is_empty(), "what upset the filter went through");
    ensure!(poisoned.read_to_end(End::Client)?.is_empty());
    other.talk(MAIL)?;
    other.talk(QUIT)?;
    other.close(End::Server)?;
    bridge.counts(
        "smtp_connections_opened_total 2
         smtp_connections_closed_total 2
         smtp_connections_closed_total{ending=quit} 1
         smtp_connections_total{visibility=internal_error} 1
         smtp_internal_errors_total 1
         smtp_transactions_total{outcome=accepted} 3
         envoy_sdk_panics_total{extension=smtp} 1
         envoy_sdk_connections_bypassed_total{extension=smtp} 0
         envoy_sdk_connections_closed_on_error_total{extension=smtp} 1",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}
