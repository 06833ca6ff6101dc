//! Operations of LDAP: what is asked and answered, and what is open in between.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::directory::{farewell, login, lookup};
use crate::both_ends::messages::{
    WHO_AM_I, add, bind, bind_result, compare, delete, entry, extended, extended_result, intermediate,
    modify, modify_dn, notice_of_disconnection, reference, result, result_saying, search, search_done,
};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::internal_errors::{self, UNLUCKY};

pub(crate) const TESTS: &[Test] = &[
    ("operations: each is counted with its result", each_is_counted),
    ("operations: binds by how, and why not", binds),
    ("operations: what is in flight comes down again, however it ends", in_flight),
    ("operations: what is in flight comes down again when the filter itself fails", in_flight_at_a_fault),
    ("operations: persistent searches count apart", persistent),
    ("operations: a server that says goodbye", notice),
];

fn each_is_counted(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway", "level": "detailed"}))?;
    let mut wire = bridge.opened(&login())?;
    wire.play(
        &Script::new()
            .asks(&search(2))
            .answers(&entry(2, 10))
            .answers(&entry(2, 20_000))
            .answers(&reference(2))
            .answers(&intermediate(2))
            .answers(&search_done(2, 4))
            .asks(&modify(3))
            .answers(&result(3, 0x67, 50))
            // As Microsoft writes lengths, and much longer than what is looked into.
            .asks(&add(4, 100_000).long())
            .answers(&result(4, 0x69, 0).long())
            .asks(&delete(5))
            .answers(&result(5, 0x6b, 32))
            .asks(&modify_dn(6))
            .answers(&result(6, 0x6d, 0))
            .asks(&compare(7))
            .answers(&result(7, 0x6f, 5))
            .asks(&extended(8, WHO_AM_I))
            .answers(&extended_result(8, 0)),
    )?;
    wire.play(&farewell())?;
    wire.close(End::Client)?;
    bridge.counts(
        "ldap_requests_total 9
         ldap_requests_total{operation=unbind} 1
         ldap_responses_total 8
         ldap_operation_results_total{operation=bind,result=success} 1
         ldap_operation_results_total{operation=search,result=sizeLimitExceeded} 1
         ldap_operation_results_total{operation=modify,result=insufficientAccessRights} 1
         ldap_operation_results_total{operation=add,result=success} 1
         ldap_operation_results_total{operation=delete,result=noSuchObject} 1
         ldap_operation_results_total{operation=modify_dn,result=success} 1
         ldap_operation_results_total{operation=compare,result=compareFalse} 1
         ldap_operation_results_total{operation=extended,result=success} 1
         ldap_responses_total{operation=compare,outcome=error} 0
         ldap_responses_total{outcome=error} 3
         ldap_search_limit_hits_total{limit=size} 1
         ldap_search_scopes_total{scope=sub} 1
         ldap_searches_total{scope=sub,kind=normal} 1
         ldap_entries_total 2
         ldap_references_total 1
         ldap_intermediate_responses_total 1
         ldap_extended_requests_total{extended=who_am_i} 1
         ldap_operations_in_flight 0
         ldap_undecoded_messages_total 0
         ldap_anomalies_total 0
         ldap_connections_closed_total{ending=unbind} 1",
    )?;
    // One of each: the bind's and the search's own, and those of the six others.
    bridge.final_scrape()?;
    bridge.counts(
        "ldap_operation_latency_microseconds 8
         ldap_operation_latency_microseconds{operation=search} 1
         ldap_first_response_latency_microseconds 1
         ldap_entries_per_search 1
         ldap_operations_per_connection 1",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn binds(ground: &Ground) -> Result<()> {
    const WRONG: &str =
        "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v4563";
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.opened(
        &Script::new()
            .asks(&bind(1, "", ""))
            .answers(&bind_result(1, 0))
            .asks(&bind(2, "cn=app,dc=example", ""))
            .answers(&bind_result(2, 53))
            .asks(&bind(3, "cn=app,dc=example", "wrong"))
            .answers(&result_saying(3, 0x61, 49, WRONG)),
    )?;
    wire.play(&login())?;
    wire.play(&lookup(2))?;
    wire.close(End::Client)?;
    bridge.counts(
        "ldap_binds_total 4
         ldap_binds_total{kind=anonymous,outcome=succeeded,transport=plain} 1
         ldap_binds_total{kind=unauthenticated,outcome=failed,transport=plain} 1
         ldap_binds_total{kind=simple,outcome=failed,transport=plain} 1
         ldap_binds_total{kind=simple,outcome=succeeded,transport=plain} 1
         ldap_bind_failures_total 2
         ldap_bind_failures_total{reason=wrong_password} 1
         ldap_unfinished_binds_total 0
         ldap_connections_closed_total{ending=client} 1",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn in_flight(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let two_asked = login().then(Script::new().asks(&search(2)).asks(&search(3)));
    // Answered, in the other order and with their entries in between.
    let mut answered = bridge.opened(&two_asked)?;
    bridge.counts("ldap_operations_in_flight 2")?;
    answered.play(
        &Script::new()
            .answers(&entry(3, 10))
            .answers(&entry(2, 10))
            .answers(&entry(3, 10))
            .answers(&search_done(3, 0))
            .answers(&search_done(2, 32)),
    )?;
    bridge.counts(
        "ldap_operations_in_flight 0
         ldap_entries_total 3
         ldap_results_total{result=success} 2
         ldap_results_total{result=noSuchObject} 1
         ldap_unmatched_responses_total 0",
    )?;
    // Left behind by the client, the server, a reset, and octets that nobody can follow.
    let mut left = Vec::new();
    for _ in 0..4 {
        left.push(bridge.opened(&two_asked)?);
    }
    bridge.counts("ldap_operations_in_flight 8\nldap_unanswered_operations_total 0")?;
    let [by_client, by_server, by_reset, mut lost]: [_; 4] =
        left.try_into().map_err(|_| anyhow::anyhow!("four were opened"))?;
    by_client.close(End::Client)?;
    by_server.close(End::Server)?;
    by_reset.reset(End::Client)?;
    bridge.counts("ldap_operations_in_flight 2\nldap_unanswered_operations_total 6")?;
    lost.say(End::Client, b"nobody says that")?;
    bridge.counts(
        "ldap_operations_in_flight 0
         ldap_unanswered_operations_total 8
         ldap_anomalies_total{kind=not_ldap} 1",
    )?;
    lost.close(End::Client)?;
    answered.close(End::Client)?;
    bridge.counts("ldap_connections_closed_total 5\nldap_operations_in_flight 0")?;
    bridge.envoy.stop()?;
    Ok(())
}

fn in_flight_at_a_fault(ground: &Ground) -> Result<()> {
    let begun = login().then(Script::new().asks(&search(2)).asks(&search(3)));
    let bridge = internal_errors::bridge(ground, &json!({"reporter": "gateway"}), &begun)?;
    let mut wire = bridge.open_from(UNLUCKY, LISTENER)?;
    wire.play(&begun)?;
    bridge.counts("ldap_operations_in_flight 2")?;
    // At this the filter panics.
    wire.play(&Script::new().asks(&compare(4)))?;
    bridge.counts(
        "ldap_operations_in_flight 0
         ldap_unanswered_operations_total 2
         ldap_internal_errors_total 1
         envoy_sdk_panics_total 1",
    )?;
    wire.play(&Script::new().answers(&search_done(3, 0)).answers(&search_done(2, 0)))?;
    wire.close(End::Client)?;
    bridge.counts(
        "ldap_operations_in_flight 0
         ldap_connections_total{visibility=internal_error} 1
         ldap_connections_closed_total 1",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn persistent(ground: &Ground) -> Result<()> {
    /// draft-ietf-ldapext-psearch: all changes, changes only, with a notice of each.
    const PERSISTENT_SEARCH: (&str, &[u8]) =
        ("2.16.840.1.113730.3.4.3", b"\x30\x09\x02\x01\x0f\x01\x01\xff\x01\x01\xff");
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway", "level": "detailed"}))?;
    let (oid, value) = PERSISTENT_SEARCH;
    let mut wire = bridge.opened(&login())?;
    wire.play(&Script::new().asks(&search(2).control(oid, value)).answers(&entry(2, 30)))?;
    wire.play(&lookup(3))?;
    bridge.counts(
        "ldap_persistent_searches 1
         ldap_operations_in_flight 0
         ldap_search_kinds_total{kind=persistent} 1
         ldap_search_kinds_total{kind=normal} 1
         ldap_controls_total{control=persistent_search,direction=to_server} 1
         ldap_entries_total 2",
    )?;
    wire.close(End::Server)?;
    bridge.counts(
        "ldap_persistent_searches 0
         ldap_unanswered_operations_total 0
         ldap_abandoned_operations_total 0
         ldap_connections_closed_total{ending=server} 1",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}

fn notice(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.opened(&login().then(lookup(2)))?;
    wire.play(&Script::new().answers(&notice_of_disconnection()))?;
    wire.close(End::Server)?;
    bridge.counts(
        "ldap_unsolicited_notifications_total{notice=disconnection} 1
         ldap_unsolicited_notifications_total 1
         ldap_responses_total 2
         ldap_unmatched_responses_total 0
         ldap_connections_closed_total{ending=server} 1",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}
