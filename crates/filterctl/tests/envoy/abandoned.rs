//! Operations that the client gives up, and what still comes of them.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::Bridge;
use crate::both_ends::directory::{login, lookup};
use crate::both_ends::messages::{abandon, cancel, entry, extended_result, search, search_done};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] =
    &[("abandoned: late answers are told from stray ones", late), ("abandoned: cancelled", cancelled)];

fn late(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.opened(&login())?;
    wire.play(&Script::new().asks(&search(2)).asks(&search(3)).answers(&entry(2, 10)).asks(&abandon(4, 2)))?;
    bridge.counts("ldap_operations_in_flight 1\nldap_abandoned_operations_total 1")?;
    wire.play(
        &Script::new()
            .answers(&entry(2, 10))
            .answers(&search_done(2, 0))
            .answers(&search_done(3, 0))
            // Nobody has asked that.
            .answers(&search_done(77, 0))
            // There is nothing to abandon any more.
            .asks(&abandon(5, 3)),
    )?;
    wire.play(&lookup(2))?;
    wire.close(End::Client)?;
    bridge.counts(
        "ldap_late_responses_total 2
         ldap_unmatched_responses_total 1
         ldap_abandoned_operations_total 1
         ldap_requests_total{operation=abandon} 2
         ldap_unanswered_operations_total 0
         ldap_operations_in_flight 0
         ldap_entries_total 3
         ldap_anomalies_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn cancelled(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.opened(&login())?;
    // RFC 3909: both are answered.
    wire.play(
        &Script::new()
            .asks(&search(2))
            .asks(&cancel(3, 2))
            .answers(&search_done(2, 118))
            .answers(&extended_result(3, 0)),
    )?;
    wire.close(End::Client)?;
    bridge.counts(
        "ldap_extended_requests_total{extended=cancel} 1
         ldap_results_total{result=canceled} 1
         ldap_abandoned_operations_total 0
         ldap_unanswered_operations_total 0
         ldap_operations_in_flight 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}
