//! What RFC 4511 does not foresee.

use crate::support::ber::*;
use crate::support::messages::*;
use crate::support::{Exchange as _, Setup, talk};

#[test]
fn ids_that_no_request_has() {
    talk()
        .asks(search(0))
        .asks(search(-5))
        .asks(search(1 << 40))
        .answers(search_done(-5, 0))
        .answers(search_done(0, 0))
        .counts(
            "anomalies_total{kind=message_id_zero} 1
         anomalies_total{kind=message_id_out_of_range} 2
         unmatched_responses_total 0
         unanswered_operations_total 1",
        );
}

#[test]
fn the_wrong_side_speaks() {
    talk().asks(search_done(1, 0)).asks(entry(1, 3)).answers(search(2)).counts(
        "anomalies_total{kind=wrong_direction} 3\nrequests_total{operation=search} 0\nentries_total 0",
    );
}

#[test]
fn operations_that_nobody_knows() {
    talk()
        .asks(Message::new(1, tlv(0x7d, b"")))
        .answers(Message::new(1, tlv(0x7e, b"")))
        .asks(search(2))
        .counts("anomalies_total{kind=unknown_operation} 2\nrequests_total{operation=other} 1");
}

#[test]
fn a_message_whose_parts_do_not_fit_is_skipped() {
    let bad = tlv(0x30, &[integer(1), vec![0x63, 0x7f]].concat());
    talk().client(&bad).asks(search(2)).answers(search_done(2, 0)).counts(
        "anomalies_total{kind=malformed_message} 1
         requests_total{operation=search} 1
         results_total{result=success} 1",
    );
}

#[test]
fn what_costs_the_framing_is_said_once_and_ends_the_measurement() {
    for (octets, kind) in [
        (&b"\x30\x80\x02\x01\x01"[..], "indefinite_length"),
        (b"\x30\x84\xff\xff\xff\xff\x02\x01\x01", "oversized_message"),
        (b"\x30\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01", "oversized_message"),
        (b"\0\0\0\0\0\0\0\0\0\0\0\0", "not_ldap"),
    ] {
        let seen = talk()
            .asks(search(1))
            .client(octets)
            .asks(search(2))
            .answers(search_done(1, 0))
            .counts(&format!("anomalies_total{{kind={kind}}} 1\nrequests_total{{operation=search}} 1"));
        assert!(seen.unseen["lost_sync"] > 0, "{kind}");
        assert_eq!(seen.notes.operations, ["1 search unknown by anonymous"], "{kind}");
    }
}

#[test]
fn tls_in_the_middle_is_named() {
    talk()
        .asks(search(1))
        .answers(search_done(1, 0))
        .client(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .counts("anomalies_total{kind=tls_hello} 1");
}

#[test]
fn controls_that_cannot_be_read_hide_nothing_else() {
    let message = tlv(0x30, &[integer(1), tlv(0x4a, b"uid=a"), tlv(0xa0, b"\x30\x7f")].concat());
    talk().client(&message).answers(result(1, 0x6b, 0)).counts(
        "undecoded_by_operation_total{operation=delete} 1
         responses_total{operation=delete,outcome=success} 1",
    );
}

#[test]
fn a_message_longer_than_is_believed_loses_the_framing() {
    let setup = Setup::limited(r#"{"max_message_octets": 65536}"#);
    talk().asks(add(1, 70_000)).with(setup).counts("anomalies_total{kind=oversized_message} 1");
    let frame = add(1, 65_000).octets().len() - 65_000;
    let longest = add(1, 65_536 - frame);
    assert_eq!(longest.octets().len(), 65_536);
    talk().asks(longest).with(setup).counts("requests_total{operation=add} 1");
    talk().asks(add(1, 65_537 - frame)).with(setup).counts("anomalies_total{kind=oversized_message} 1");
}
