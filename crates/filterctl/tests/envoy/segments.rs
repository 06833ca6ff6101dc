//! However the octets are cut into segments, the same is counted.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::directory::{login, lookup};
use crate::both_ends::messages::{add, entry, result, search, search_done};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("segments: a message in hundreds of them", many_segments),
    ("segments: hundreds of messages in one", many_messages),
    ("segments: a connection that ends inside a message", cut_off),
];

fn many_segments(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway", "level": "detailed"}))?;
    let mut wire = bridge.opened(&login())?;
    // Each octet has to arrive before the next one leaves.
    let script = lookup(2).then(Script::new().asks(&add(3, 300).long()).answers(&result(3, 0x69, 0).long()));
    for (end, octets) in script.parts() {
        for octet in octets {
            wire.say(end, &[*octet])?;
        }
    }
    wire.close(End::Client)?;
    bridge.counts(&format!(
        "ldap_operation_results_total{{operation=search,result=success}} 1
         ldap_operation_results_total{{operation=add,result=success}} 1
         ldap_entries_total 1
         ldap_bytes_total{{visibility=parsed,direction=to_server}} {}
         ldap_bytes_total {}
         ldap_anomalies_total 0
         ldap_undecoded_messages_total 0",
        login().octets(End::Client) + script.octets(End::Client),
        login().octets(End::Client)
            + login().octets(End::Server)
            + script.octets(End::Client)
            + script.octets(End::Server)
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn many_messages(ground: &Ground) -> Result<()> {
    const SEARCHES: i64 = 300;
    const ENTRIES: i64 = 5;
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.open(LISTENER)?;
    let asked: Vec<u8> = (1..=SEARCHES).flat_map(|id| search(id).octets()).collect();
    wire.say(End::Client, &asked)?;
    bridge.counts(&format!("ldap_operations_in_flight {SEARCHES}"))?;
    // The answers to all of them, the last one first, in turns.
    let of = |id: i64| (0..ENTRIES).flat_map(move |_| entry(id, 200).octets());
    let entries: Vec<u8> = (1..=SEARCHES).rev().flat_map(of).collect();
    let done: Vec<u8> = (1..=SEARCHES).flat_map(|id| search_done(id, 0).octets()).collect();
    wire.say(End::Server, &[entries, done].concat())?;
    wire.close(End::Client)?;
    bridge.counts(&format!(
        "ldap_requests_total{{operation=search}} {SEARCHES}
         ldap_responses_total{{operation=search,outcome=success}} {SEARCHES}
         ldap_entries_total {}
         ldap_operations_in_flight 0
         ldap_unmatched_responses_total 0
         ldap_anomalies_total 0",
        SEARCHES * ENTRIES
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn cut_off(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let (asked, found) = (search(2).octets(), entry(2, 5_000).octets());
    // The client, in the head of a message and behind it; the server, inside an entry that nobody looks at.
    for cut in [1, 4, asked.len() - 1] {
        let mut wire = bridge.opened(&login())?;
        wire.say(End::Client, &asked[..cut])?;
        wire.close(End::Client)?;
    }
    bridge
        .counts("ldap_anomalies_total{kind=truncated_message} 3\nldap_requests_total{operation=search} 0")?;
    let mut wire = bridge.opened(&login())?;
    wire.say(End::Client, &asked)?;
    wire.say(End::Server, &found[..3_000])?;
    wire.reset(End::Client)?;
    bridge.counts(
        "ldap_anomalies_total{kind=truncated_message} 4
         ldap_anomalies_total 4
         ldap_unanswered_operations_total 1
         ldap_entries_total 0
         ldap_connections_total{visibility=parsed} 4
         ldap_connections_closed_total{ending=client} 4",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}
