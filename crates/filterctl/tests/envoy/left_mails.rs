//! Connections that end in the middle of a mail.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::Bridge;
use crate::both_ends::mail::HELLO;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::endings::closed_and_reset_by_server;

pub(crate) const TESTS: &[Test] = &[("endings: in the middle of a mail", in_the_middle_of_a_mail)];

fn in_the_middle_of_a_mail(ground: &Ground) -> Result<()> {
    const BEGUN: &str = "
        C: MAIL FROM:<alice@client.example>
        S: 250 2.1.0 sender is fine
        C: RCPT TO:<bob@mx.example>
        S: 250 2.1.5 recipient is fine
        C: DATA
        S: 354 go on
        C: Subject: lunch";
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let script = Script::lines(HELLO)?.then(Script::lines(BEGUN)?);
    let begun = || bridge.opened(&script);
    begun()?.close(End::Client)?;
    begun()?.reset(End::Client)?;
    begun()?.close(End::Server)?;
    begun()?.reset(End::Server)?;
    // A client that sends no more may still be answered.
    let mut half = bridge.opened(&Script::lines(HELLO)?)?;
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
