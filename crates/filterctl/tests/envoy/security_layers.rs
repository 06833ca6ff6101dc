//! SASL security layers: what is only signed is counted as if plain, what is sealed to the last octet.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::directory::lookup;
use crate::both_ends::messages::{bind_result, entry, sasl, search, search_done, unbind};
use crate::both_ends::sasl::{HEADER, sealed, signed, signed_rotated};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("security layers: signed", only_signed),
    ("security layers: sealed", encrypted),
    ("security layers: lengths that nobody can mean", absurd_lengths),
];

/// A login in two rounds.
fn kerberos() -> Script {
    Script::new()
        .asks(&sasl(1, "GSS-SPNEGO", b"a ticket"))
        .answers(&bind_result(1, 14))
        .asks(&sasl(2, "GSS-SPNEGO", b"an answer"))
        .answers(&bind_result(2, 0))
}

fn only_signed(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway", "level": "detailed"}))?;
    let mut wire = bridge.opened(&kerberos())?;
    let asked = [search(3).octets(), search(4).octets()].concat();
    let several = [entry(3, 10).octets(), entry(4, 20).octets(), search_done(4, 0).octets()].concat();
    let long = [entry(3, 40_000).octets(), search_done(3, 0).octets()].concat();
    wire.say(End::Client, &signed(&asked))?;
    wire.say(End::Server, &signed_rotated(&several))?;
    // One that comes in many segments.
    for piece in signed(&long).chunks(999) {
        wire.say(End::Server, piece)?;
    }
    wire.say(End::Client, &signed(&unbind(5).octets()))?;
    wire.close(End::Client)?;
    bridge.counts(
        "ldap_binds_total{kind=sasl,outcome=succeeded,transport=plain} 1
         ldap_binds_total 1
         ldap_bind_mechanisms_total{mechanism=GSS-SPNEGO,outcome=succeeded} 1
         ldap_sasl_buffers_total{protection=signed} 4
         ldap_sasl_buffers_total 4
         ldap_requests_total{operation=search} 2
         ldap_responses_total{operation=search,outcome=success} 2
         ldap_entries_total 3
         ldap_requests_total{operation=unbind} 1
         ldap_connections_closed_total{ending=unbind} 1
         ldap_connections_total{visibility=parsed,transport=plain} 1
         ldap_bytes_total{visibility=sasl_sealed} 0
         ldap_anomalies_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn encrypted(ground: &Ground) -> Result<()> {
    const ASKED: usize = 300;
    const ANSWERED: usize = 70_000;
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let login = kerberos();
    let mut wire = bridge.opened(&login)?;
    for _ in 0..3 {
        wire.say(End::Client, &sealed(ASKED))?;
        wire.say(End::Server, &sealed(ANSWERED))?;
    }
    // A layer may be left by another bind, so what stands there as it is counts.
    wire.play(&lookup(9))?;
    wire.close(End::Server)?;
    let plain = login.then(lookup(9));
    bridge.counts(&format!(
        "ldap_connections_total{{visibility=sasl_sealed,transport=plain}} 1
         ldap_connections_total 1
         ldap_sasl_buffers_total{{protection=sealed}} 6
         ldap_bytes_total{{direction=to_server,visibility=sasl_sealed}} {}
         ldap_bytes_total{{direction=to_client,visibility=sasl_sealed}} {}
         ldap_bytes_total{{direction=to_server,visibility=parsed}} {}
         ldap_bytes_total{{direction=to_client,visibility=parsed}} {}
         ldap_requests_total{{operation=search}} 1
         ldap_responses_total{{operation=search,outcome=success}} 1
         ldap_unanswered_operations_total 0
         ldap_connections_closed_total{{ending=server}} 1
         ldap_anomalies_total 0",
        3 * ASKED,
        3 * ANSWERED,
        plain.octets(End::Client) + 3 * HEADER,
        plain.octets(End::Server) + 3 * HEADER
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn absurd_lengths(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    for (end, other) in [(End::Client, End::Server), (End::Server, End::Client)] {
        let mut wire = bridge.opened(&kerberos())?;
        // 16 MB is the most that can be agreed upon (RFC 4752, 3.1).
        wire.say(end, b"\x01\x00\x00\x00")?;
        wire.say(end, &[0x05; 3_000])?;
        wire.say(other, &signed(b"anything"))?;
        wire.close(End::Client)?;
    }
    bridge.counts(
        "ldap_anomalies_total{kind=oversized_sasl_buffer} 2
         ldap_connections_total{visibility=lost_sync} 2",
    )?;
    let mut later = bridge.open(LISTENER)?;
    later.play(&kerberos().then(lookup(3)))?;
    later.close(End::Client)?;
    bridge.counts("ldap_connections_total{visibility=parsed} 1\nldap_entries_total 1")?;
    bridge.envoy.stop()?;
    Ok(())
}
