//! StartTLS (RFC 4511, 4.14): accepted, refused, and with octets in between that nobody may send.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::directory::{login, lookup};
use crate::both_ends::messages::{START_TLS, extended, extended_result, search};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("StartTLS: behind it nothing is seen, and counted so", accepted),
    ("StartTLS: refused, all goes on", refused),
    ("StartTLS: octets in front of the answer", injected),
];

/// What a client says first when it is allowed to: a TLS record with a part of its hello.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

fn accepted(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.open(LISTENER)?;
    let seen = Script::new().asks(&extended(1, START_TLS)).answers(&extended_result(1, 0));
    wire.play(&seen)?;
    wire.say(End::Client, HELLO)?;
    wire.say(End::Server, &[0x30; 1_000])?;
    // Octets that would be messages in clear text.
    wire.play(&lookup(2))?;
    wire.close(End::Client)?;
    bridge.counts(&format!(
        "ldap_start_tls_total{{outcome=accepted}} 1
         ldap_start_tls_total 1
         ldap_requests_total 1
         ldap_requests_total{{operation=extended}} 1
         ldap_connections_total{{visibility=starttls,transport=starttls}} 1
         ldap_connections_total 1
         ldap_bytes_total{{direction=to_server,visibility=parsed}} {}
         ldap_bytes_total{{direction=to_client,visibility=parsed}} {}
         ldap_bytes_total{{direction=to_server,visibility=starttls}} {}
         ldap_bytes_total{{direction=to_client,visibility=starttls}} {}
         ldap_smuggled_octets_total 0
         ldap_anomalies_total 0",
        seen.octets(End::Client),
        seen.octets(End::Server),
        HELLO.len() + lookup(2).octets(End::Client),
        1_000 + lookup(2).octets(End::Server)
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn refused(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.open(LISTENER)?;
    wire.play(&Script::new().asks(&extended(1, START_TLS)).answers(&extended_result(1, 52)))?;
    wire.play(&login())?;
    wire.play(&lookup(2))?;
    wire.close(End::Client)?;
    bridge.counts(
        "ldap_start_tls_total{outcome=refused} 1
         ldap_binds_total{transport=plain} 1
         ldap_results_total{result=success} 2
         ldap_connections_total{visibility=parsed,transport=plain} 1
         ldap_anomalies_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn injected(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.open(LISTENER)?;
    let smuggled = search(2).octets();
    wire.play(&Script::new().asks(&extended(1, START_TLS)).says(End::Client, &smuggled))?;
    wire.play(&Script::new().answers(&extended_result(1, 0)).says(End::Client, HELLO))?;
    wire.close(End::Client)?;
    bridge.counts(&format!(
        "ldap_start_tls_total{{outcome=accepted}} 1
         ldap_smuggled_octets_total {}
         ldap_smuggled_connections_total 1
         ldap_requests_total{{operation=search}} 0
         ldap_anomalies_total{{kind=request_during_start_tls}} 1
         ldap_bytes_total{{visibility=starttls}} {}",
        smuggled.len(),
        HELLO.len()
    ))?;
    // The same in front of a refusal was said too early, and is a request.
    let mut early = bridge.open(LISTENER)?;
    early.play(&Script::new().asks(&extended(1, START_TLS)).says(End::Client, &smuggled))?;
    early.play(&Script::new().answers(&extended_result(1, 2)))?;
    early.close(End::Client)?;
    bridge.counts(&format!(
        "ldap_start_tls_total{{outcome=refused}} 1
         ldap_smuggled_octets_total {}
         ldap_requests_total{{operation=search}} 1
         ldap_unanswered_operations_total 1
         ldap_anomalies_total{{kind=request_during_start_tls}} 2",
        smuggled.len()
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}
