//! Following costs no allocation once a session has warmed up, interpreting a few, and an idle connection holds
//! little.

#[path = "support/mod.rs"]
mod support;

use allocation_counter::AllocationInfo;
use ldap_filter::event::LdapEvent;
use ldap_filter::{LdapLimits, LdapSession};
use session_driver::{Driver, Timestamp, Wanted};
use session_test::Record;
use session_test::cutting::in_pieces;

use support::messages::*;
use support::{Exchange as _, Talk, talk};

/// What is followed without a look inside, with IDs from `first` on, as a client does that never uses one twice.
fn followed(first: i64) -> Talk {
    talk()
        .asks(modify(first))
        .answers(result(first, 0x67, 0))
        .asks(add(first + 1, 900))
        .asks(delete(first + 2))
        .answers(result(first + 2, 0x6b, 32))
        .answers(result(first + 1, 0x69, 68))
        .asks(compare(first + 3))
        .answers(result(first + 3, 0x6f, 6))
        .asks(modify_dn(first + 4))
        .asks(abandon(first + 5, first + 4))
        .answers(result(first + 4, 0x6d, 0))
        .answers(entry(first + 4, 5_000))
}

/// How many messages of [`interpreted`] are read as types of `rasn-ldap`, a control for one more.
const INTERPRETED: u64 = 8;

/// What is looked into.
fn interpreted(first: i64) -> Talk {
    talk()
        .asks(search(first).control("1.2.840.113556.1.4.319", b"\x30\x05\x02\x01\x05\x04\x00"))
        .asks(search(first + 1))
        .answers(entry(first + 1, 5_000))
        .answers(entry(first, 100))
        .answers(search_done(first, 0))
        .answers(search_done(first + 1, 0))
        .asks(search(first + 2))
        .asks(abandon(first + 3, first + 2))
        .asks(extended(first + 4, WHO_AM_I))
        .answers(extended_result(first + 4, 0))
        .asks(sasl(first + 5, "GSS-SPNEGO", b"token"))
        .answers(bind_result(first + 5, 14))
        .asks(sasl(first + 6, "GSS-SPNEGO", b"token"))
        .answers(bind_result(first + 6, 0))
        .asks(bind(first + 7, "uid=alice,dc=example", "secret"))
        .answers(bind_result(first + 7, 49))
}

fn driver() -> Driver<LdapSession> {
    Driver::new(LdapSession::new(&LdapLimits::default(), Wanted::default()))
}

fn feed(driver: &mut Driver<LdapSession>, records: &[Record]) {
    for Record { direction, octets, at } in records {
        let mut sink = |_: LdapEvent<'_>| {};
        let Ok(_) = driver.data(*direction, &octets.as_slice(), Timestamp(*at), &mut sink);
    }
}

/// What playing a conversation costs a session that has seen one like it.
fn cost(warm_up: &[Record], then: &[Record]) -> AllocationInfo {
    let mut driver = driver();
    feed(&mut driver, warm_up);
    allocation_counter::measure(|| feed(&mut driver, then))
}

fn pieces(talk: &Talk) -> Vec<Record> {
    in_pieces(talk.records(), &[3, 11, 5])
}

#[test]
fn what_is_only_followed_costs_nothing() {
    assert_eq!(cost(followed(1).records(), followed(100).records()).count_total, 0);
    assert_eq!(cost(&pieces(&followed(1)), &pieces(&followed(100))).count_total, 0);
}

#[test]
fn what_is_interpreted_costs_a_few_allocations_and_keeps_none() {
    for (warm_up, then) in [
        (interpreted(1).records().to_vec(), interpreted(100).records().to_vec()),
        (pieces(&interpreted(1)), pieces(&interpreted(100))),
    ] {
        let cost = cost(&warm_up, &then);
        assert!(cost.count_total <= 3 * INTERPRETED, "{} allocations", cost.count_total);
        assert!(cost.bytes_max <= 1_024, "{} octets at once", cost.bytes_max);
        assert_eq!(cost.bytes_current, 0);
    }
}

#[test]
fn an_idle_connection_holds_little() {
    let mut driver = driver();
    let kept = allocation_counter::measure(|| feed(&mut driver, interpreted(1).records())).bytes_current;
    assert!(kept <= 1_536, "{kept} octets beside the session itself");
}

#[test]
fn a_large_burst_leaves_no_memory_behind() {
    let mut burst = talk();
    for id in 1..=1_000 {
        burst = burst.asks(search(id));
    }
    for id in 1..=1_000 {
        burst = burst.answers(search_done(id, 0));
    }
    let mut driver = driver();
    let kept = allocation_counter::measure(|| feed(&mut driver, burst.records()));
    assert!(kept.bytes_max > 50_000, "{} octets at most", kept.bytes_max);
    assert!(kept.bytes_current <= 1_536, "{} octets", kept.bytes_current);
}

#[test]
fn once_opaque_nothing_is_kept() {
    let mut waiting = interpreted(1);
    for id in 200..=300 {
        waiting = waiting.asks(search(id));
    }
    let lost = waiting.client(&search(301).octets()[..20]).server(b"\x30\x80").client(b"more");
    let mut driver = driver();
    let kept = allocation_counter::measure(|| feed(&mut driver, lost.records())).bytes_current;
    assert_eq!(kept, 0);
}
