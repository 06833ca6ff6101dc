//! Instructions that LDAP takes, counted by valgrind: they are the same on a busy machine.
//!
//! `crates/filterctl/tests/instructions` compares them with what was committed.
#![allow(missing_docs, unused_qualifications)] // What gungraun's macros make has none, and has them.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use ldap_filter::event::LdapEvent;
use ldap_filter::protocol::message::MessageHead;
use ldap_filter::{LdapLimits, LdapSession, decode};
use session_driver::{Driver, Timestamp, Wanted};
use session_test::Record;
use session_test::cutting::in_pieces;

use self::support::messages::*;
use self::support::{Exchange as _, Talk, talk};

#[library_benchmark]
#[bench::search(search(7).octets())]
fn a_head_is_parsed(message: Vec<u8>) -> Vec<u8> {
    let _ = black_box(MessageHead::parse(&message));
    message
}

#[library_benchmark]
#[bench::usual(search(7).octets())]
fn a_search_is_decoded(message: Vec<u8>) -> Vec<u8> {
    let body = MessageHead::parse(&message).ok().and_then(|head| head.body(&message));
    let _ = black_box(body.map(|body| decode::search(body.operation, 32)));
    message
}

#[library_benchmark]
#[bench::usual(bind(7, "uid=alice,dc=example", "secret").octets())]
fn a_bind_is_decoded(message: Vec<u8>) -> Vec<u8> {
    let body = MessageHead::parse(&message).ok().and_then(|head| head.body(&message));
    let _ = black_box(body.map(|body| decode::bind(body.operation).is_ok()));
    message
}

/// A session that has seen a search, and what comes next.
fn before(next: Vec<Record>) -> (Driver<LdapSession>, Vec<Record>) {
    let mut driver = Driver::new(LdapSession::new(&LdapLimits::default(), Wanted::default()));
    feed(&mut driver, one_search(1).records());
    (driver, next)
}

fn one_search(id: i64) -> Talk {
    talk().asks(search(id)).answers(entry(id, 500)).answers(search_done(id, 0))
}

/// So many entries in one callback, and how the search ends.
fn entries(count: usize) -> Vec<Record> {
    let result = [entry(2, 300).octets().repeat(count), search_done(2, 0).octets()].concat();
    talk().asks(search(2)).server(&result).records().to_vec()
}

fn one_bind() -> Talk {
    talk().asks(bind(2, "uid=alice,dc=example", "secret")).answers(bind_result(2, 0))
}

fn one_modification() -> Talk {
    talk().asks(modify(2)).answers(result(2, 0x67, 0))
}

fn feed(driver: &mut Driver<LdapSession>, records: &[Record]) {
    for Record { direction, octets, at } in records {
        let mut sink = |event: LdapEvent<'_>| {
            black_box(event);
        };
        let Ok(_) = driver.data(*direction, &octets.as_slice(), Timestamp(*at), &mut sink);
    }
}

#[library_benchmark]
#[bench::a_search(before(one_search(2).records().to_vec()))]
#[bench::a_search_in_single_octets(before(in_pieces(one_search(2).records(), &[1])))]
#[bench::a_thousand_entries(before(entries(1_000)))]
#[bench::a_bind(before(one_bind().records().to_vec()))]
#[bench::a_modification(before(one_modification().records().to_vec()))]
fn passes((mut driver, records): (Driver<LdapSession>, Vec<Record>)) -> (Driver<LdapSession>, Vec<Record>) {
    feed(&mut driver, &records);
    (driver, records)
}

library_benchmark_group!(
    name = ldap,
    benchmarks = [a_head_is_parsed, a_search_is_decoded, a_bind_is_decoded, passes]
);
main!(library_benchmark_groups = ldap);
