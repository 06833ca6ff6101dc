//! Input that is made to cost: what it may cost is bounded.

use std::fs;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Envoy, Listener};
use serde_json::json;

use crate::both_ends::ber::tlv;
use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::directory::{login, lookup};
use crate::both_ends::messages::{bind_result, sasl, search_done, search_for};
use crate::both_ends::sasl::signed;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};

pub(crate) const TESTS: &[Test] = &[
    ("big claims: filters of 10,000 levels", deep_filters),
    ("big claims: messages that never end, and their memory", endless_messages),
];

/// `(!(!(…(uid=*)…)))`.
fn deep_filter(levels: usize) -> Vec<u8> {
    (0..levels).fold(tlv(0x87, b"uid"), |inside, _| tlv(0xa2, &inside))
}

fn deep_filters(ground: &Ground) -> Result<()> {
    const LEVELS: usize = 10_000;
    let bridge = Bridge::start(ground, |upstream| {
        let listener = |name: &str, limits| -> Result<Listener> {
            let configuration = json!({
                "stat_prefix": name,
                "reporter": "gateway",
                "events": {"enabled": true},
                "limits": limits,
            });
            Ok(Listener::new(name, upstream.clone()).filter(ground.filter(&configuration)?))
        };
        Ok(vec![
            listener("usual", json!({}))?,
            listener("curious", json!({"max_decoded_octets": 262_144, "max_filter_depth": 100}))?,
        ])
    })?;
    let filter = deep_filter(LEVELS);
    let search = Script::new().asks(&search_for(2, 2, &filter, &["cn"])).answers(&search_done(2, 0));
    for listener in ["usual", "curious"] {
        let mut wire = bridge.open(listener)?;
        wire.play(&login())?;
        wire.play(&search)?;
        wire.play(&lookup(3))?;
        wire.close(End::Client)?;
    }
    // By default it is too long to be looked into; otherwise it is looked into as far as allowed.
    bridge.counts(
        "ldap_undecoded_messages_total{stat_prefix=usual} 1
         ldap_anomalies_total{stat_prefix=usual} 0
         ldap_undecoded_messages_total{stat_prefix=curious} 0
         ldap_anomalies_total{stat_prefix=curious,kind=deep_filter} 1
         ldap_search_scopes_total{scope=sub} 4
         ldap_responses_total{operation=search,outcome=success} 4
         ldap_internal_errors_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn endless_messages(ground: &Ground) -> Result<()> {
    const CONNECTIONS: usize = 200;
    const CLAIMED: [u8; 4] = 200_000_000_u32.to_be_bytes();
    /// What is really sent of each.
    const SENT: usize = 300_000;
    let limits = json!({"max_decoded_octets": 16_384});
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway", "limits": limits}))?;
    // Everything is loaded, and has been used.
    bridge.opened(&login().then(lookup(2)))?.close(End::Client)?;
    let before = resident_octets(&bridge.envoy)?;
    let mut wires: Vec<Wire> = Vec::new();
    for number in 0..CONNECTIONS {
        // A message, in clear text or in a buffer that is signed, of operations that are skipped or kept in part.
        let operation = [0x68, 0x63, 0x60, 0x64, 0x7d][number % 5];
        let head = [&[0x30, 0x84][..], &CLAIMED, &[2, 1, 9, operation, 0x84], &less(&CLAIMED)].concat();
        let mut wire = bridge.open(LISTENER)?;
        wire.play(&Script::new().asks(&sasl(1, "GSSAPI", b"a ticket")).answers(&bind_result(1, 0)))?;
        let octets = [head, vec![b'x'; SENT]].concat();
        for end in [End::Client, End::Server] {
            if number % 2 == 0 {
                wire.say(end, &octets)?;
            } else {
                wire.say(end, &signed(&octets))?;
            }
        }
        wires.push(wire);
    }
    let grown = resident_octets(&bridge.envoy)?.saturating_sub(before);
    // Two directions of at most `max_decoded_octets` each, and as much again for what Envoy itself needs.
    let bound = CONNECTIONS as u64 * 4 * 16_384 + (64 << 20);
    ensure!(grown < bound, "{grown} octets for {CONNECTIONS} connections");
    println!(
        "{CONNECTIONS} connections with endless messages: {} KB each",
        grown / 1024 / CONNECTIONS as u64
    );
    // Others are measured as ever, on the same VM.
    bridge.opened(&login().then(lookup(2)))?.close(End::Client)?;
    bridge.counts(
        "ldap_responses_total{operation=search,outcome=success} 2
         ldap_connections_closed_total 2",
    )?;
    for wire in wires {
        wire.close(End::Client)?;
    }
    bridge.counts(&format!(
        "ldap_connections_closed_total {}
         ldap_operations_in_flight 0
         ldap_anomalies_total{{kind=truncated_message}} {}
         ldap_internal_errors_total 0",
        CONNECTIONS + 2,
        2 * CONNECTIONS
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

/// The length of an operation that fills the message of that length.
fn less(message: &[u8; 4]) -> [u8; 4] {
    // The ID and the operation's own header.
    (u32::from_be_bytes(*message) - 3 - 6).to_be_bytes()
}

/// What Envoy holds in memory.
fn resident_octets(envoy: &Envoy) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", envoy.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
