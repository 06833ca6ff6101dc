//! Searches: what they ask for, what they bring, and those that stay open.

use crate::support::ber::*;
use crate::support::messages::*;
use crate::support::{Exchange as _, NO_VALUES, Setup, talk};

/// The value of a paged results control (RFC 2696).
fn page(cookie: &[u8]) -> Vec<u8> {
    sequence(&[integer(500), octet_string(cookie)])
}

const PAGED: &str = "1.2.840.113556.1.4.319";
const SYNC: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const NOTIFY: &str = "1.2.840.113556.1.4.528";

#[test]
fn what_a_search_brings_is_counted() {
    let seen = talk()
        .asks(search(1))
        .answers(entry(1, 100))
        .answers(entry(1, 200))
        .answers(reference(1))
        .answers(intermediate(1))
        .answers(search_done(1, 0))
        .counts(
            "search_scopes_total{scope=sub} 1
             search_kinds_total{kind=normal} 1
             searches_total{scope=sub,kind=normal} 1
             entries_total 2
             references_total 1
             intermediate_responses_total 1",
        );
    assert_eq!(seen.histogram("entries_per_search"), [2]);
    let octets = [entry(1, 100), entry(1, 200), reference(1), intermediate(1), search_done(1, 0)];
    let octets = octets.iter().map(|message| message.octets().len() as u64).sum::<u64>();
    assert_eq!(seen.histogram("search_bytes"), [octets]);
    assert_eq!(
        seen.histogram("entry_bytes"),
        [entry(1, 100), entry(1, 200)].map(|entry| entry.octets().len() as u64)
    );
}

#[test]
fn pages_are_told_from_the_first() {
    talk()
        .asks(search(1).control(PAGED, &page(b"")))
        .answers(search_done(1, 0).control(PAGED, &page(b"cookie")))
        .asks(search(2).control(PAGED, &page(b"cookie")))
        .answers(search_done(2, 0).control(PAGED, &page(b"")))
        .counts(
            "search_kinds_total{kind=paged_first} 1
             search_kinds_total{kind=paged_next} 1
             controls_total{control=paged_results,direction=to_server} 2
             controls_total{control=paged_results,direction=to_client} 2",
        );
}

#[test]
fn scopes_by_name() {
    let present = tlv(0x87, b"objectClass");
    let mut talk = talk();
    for (id, scope) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 77)] {
        talk = talk.asks(search_for(id, scope, &present, &[]));
    }
    talk.counts(
        "search_scopes_total{scope=base} 1
         search_scopes_total{scope=one} 1
         search_scopes_total{scope=sub} 1
         search_scopes_total{scope=children} 1
         search_scopes_total{scope=other} 1",
    );
}

#[test]
fn limits_that_end_a_search() {
    talk()
        .asks(search(1))
        .answers(search_done(1, 3))
        .asks(search(2))
        .answers(search_done(2, 4))
        .asks(search(3))
        .answers(search_done(3, 11))
        .asks(modify(4))
        .answers(result(4, 0x67, 11))
        .counts(
            "search_limit_hits_total{limit=time} 1
             search_limit_hits_total{limit=size} 1
             search_limit_hits_total{limit=admin} 1",
        );
}

#[test]
fn persistent_searches_count_apart() {
    let persist = sequence(&[enumerated(3)]);
    let seen = talk()
        .asks(search(1).control(SYNC, &persist))
        .answers(entry(1, 3))
        .asks(search(2))
        .answers(search_done(2, 0))
        .asks(search(3).control(NOTIFY, b""))
        .asks(abandon(4, 3))
        .counts(
            "search_kinds_total{kind=persistent} 2
             search_kinds_total{kind=normal} 1
             persistent_searches 0
             operations_in_flight 0
             entries_total 1
             abandoned_operations_total 0
             unanswered_operations_total 0",
        );
    assert_eq!(seen.histogram("in_flight_depth"), [1]);
    assert_eq!(seen.histogram("first_response_latency_microseconds"), NO_VALUES);
    assert_eq!(seen.histogram("operation_latency_microseconds{operation=search}"), [1_000]);
    assert_eq!(
        seen.notes.operations,
        [
            "2 search answered success by anonymous",
            "3 search abandoned by anonymous",
            "1 search unanswered by anonymous"
        ]
    );
}

#[test]
fn a_persistent_search_that_the_server_ends_has_no_latency() {
    let persist = sequence(&[enumerated(3)]);
    let seen = talk().asks(search(1).control(SYNC, &persist)).answers(search_done(1, 4096)).counts(
        "results_total{result=syncRefreshRequired} 1
         persistent_searches 0",
    );
    assert_eq!(seen.histogram("operation_latency_microseconds{operation=search}"), NO_VALUES);
    assert_eq!(seen.histogram("entries_per_search"), [0]);
}

#[test]
fn a_filter_is_kept_as_its_shape_where_events_want_it() {
    let equal = |name: &str| tlv(0xa3, &[octet_string(name), octet_string("secret")].concat());
    let filter = all(0xa0, &[tlv(0x87, b"objectClass"), equal("uid")]);
    let talk = talk().asks(search_for(1, 2, &filter, &["cn"])).answers(search_done(1, 0));
    assert_eq!(talk.play().notes.filters, [""; 0]);
    let seen = talk.with(Setup::with_events()).play();
    assert_eq!(seen.notes.filters, ["(&(objectClass=*)(uid=?))"]);
    assert!(!format!("{:?}", seen.events).contains("secret"));
}

#[test]
fn a_filter_that_nests_too_deep_is_odd() {
    let nest = |depth| (0..depth).fold(tlv(0x87, b"cn"), |inside, _| tlv(0xa2, &inside));
    talk().asks(search_for(1, 2, &nest(40), &[])).answers(search_done(1, 0)).counts(
        "anomalies_total{kind=deep_filter} 1
         search_scopes_total{scope=sub} 1
         undecoded_by_operation_total{operation=search} 0",
    );
    let shallow =
        talk().asks(search_for(1, 2, &nest(20), &[])).with(Setup::limited(r#"{"max_filter_depth": 30}"#));
    shallow.counts("requests_total{operation=search} 1");
}

#[test]
fn a_search_too_long_to_be_kept_is_still_paired() {
    let any_of: Vec<u8> = (0..600)
        .flat_map(|n| tlv(0xa3, &[octet_string("uid"), octet_string(format!("user-{n}"))].concat()))
        .collect();
    talk()
        .asks(search_for(1, 1, &tlv(0xa1, &any_of), &[]))
        .answers(search_done(1, 0))
        .with(Setup::limited(r#"{"max_decoded_octets": 512}"#))
        .counts(
            "undecoded_by_operation_total{operation=search} 1
             search_scopes_total{scope=one} 1
             results_total{result=success} 1",
        );
}

/// Not the first message: what stands whole behind others is taken at once.
#[test]
fn a_search_is_kept_up_to_the_limit_however_it_comes() {
    let filter = |octets: usize| tlv(0xa3, &[octet_string("uid"), octet_string("x".repeat(octets))].concat());
    let frame = search_for(2, 1, &filter(400), &[]).octets().len() - 400;
    for (octets, undecoded) in [(511, 0), (512, 0), (513, 1), (2_000, 1)] {
        let search = search_for(2, 1, &filter(octets - frame), &[]);
        assert_eq!(search.octets().len(), octets);
        talk()
            .asks(bind(1, "cn=a", "x"))
            .answers(bind_result(1, 0))
            .asks(search)
            .with(Setup::limited(r#"{"max_decoded_octets": 512}"#))
            .counts(&format!("undecoded_by_operation_total{{operation=search}} {undecoded}"));
    }
}

#[test]
fn a_search_that_cannot_be_read_is_still_paired() {
    talk().asks(Message::new(1, tlv(0x63, b"\x04\x01a"))).answers(search_done(1, 2)).counts(
        "undecoded_by_operation_total{operation=search} 1
         search_scopes_total{scope=other} 1
         results_total{result=protocolError} 1",
    );
}

#[test]
fn entries_are_never_kept() {
    let seen =
        talk().asks(search(1)).answers(entry(1, 60_000)).answers(search_done(1, 0)).counts("entries_total 1");
    assert!(seen.most_buffered <= 512, "{} octets", seen.most_buffered);
}
