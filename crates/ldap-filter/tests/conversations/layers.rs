//! Security layers behind a bind, as far as the conversation goes; how buffers are read is tested in `layers.rs`.

use crate::support::messages::*;
use crate::support::{Exchange as _, Setup, Talk, talk};

fn bound(mechanism: &str) -> Talk {
    talk().asks(sasl(1, mechanism, b"token")).answers(bind_result(1, 0))
}

/// A buffer of a security layer: its length, then what is in it.
fn buffer(contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).expect("a test's buffer");
    [&length.to_be_bytes(), contents].concat()
}

/// A Kerberos token that is signed only (RFC 4121, 4.2.6.2): the header, then the message, then 12 octets of checksum.
fn signed(message: &Message) -> Vec<u8> {
    let header = [5, 4, 0, 0xff, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    buffer(&[&header[..], &message.octets(), &[0xcc; 12]].concat())
}

/// One that is sealed.
fn sealed(octets: usize) -> Vec<u8> {
    let header = [5, 4, 2, 0xff, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 1];
    buffer(&[&header[..], &vec![0x30; octets]].concat())
}

#[test]
fn what_is_only_signed_is_counted_as_if_plain() {
    let seen = bound("GSSAPI")
        .client(&signed(&search(2)))
        .server(&[signed(&entry(2, 50)), signed(&search_done(2, 0))].concat())
        .client(&signed(&unbind(3)))
        .with(Setup::with_events())
        .counts(
            "sasl_buffers_total{protection=signed} 4
             requests_total{operation=search} 1
             entries_total 1
             results_total{result=success} 2
             connections_closed_total{ending=unbind} 1",
        );
    assert_eq!(seen.notes.operations[1], "2 search answered success by sasl GSSAPI");
    assert_eq!(seen.notes.filters, ["(uid=?)"]);
    assert!(seen.unseen.is_empty(), "{:?}", seen.unseen);
}

#[test]
fn what_is_sealed_is_counted_by_its_buffers() {
    let seen = bound("GSS-SPNEGO").client(&sealed(100)).server(&sealed(9_000)).counts(
        "sasl_buffers_total{protection=sealed} 2
         requests_total{operation=search} 0
         unanswered_operations_total 0",
    );
    assert_eq!(seen.histogram("sasl_buffer_bytes{protection=sealed}"), [116, 9_016]);
    assert!(seen.unseen["sasl_sealed"] >= 9_100, "{:?}", seen.unseen);
}

#[test]
fn a_layer_is_only_looked_for_where_a_bind_can_have_brought_one() {
    for mechanism in ["GSSAPI", "GSS-SPNEGO", "DIGEST-MD5", "NTLM", "SRP", "X-UNHEARD-OF"] {
        bound(mechanism).client(&sealed(40)).counts("sasl_buffers_total{protection=sealed} 1");
    }
    for mechanism in ["PLAIN", "EXTERNAL", "SCRAM-SHA-256", "ANONYMOUS"] {
        bound(mechanism).client(&sealed(40)).counts("anomalies_total{kind=not_ldap} 1");
    }
    let failed = talk().asks(sasl(1, "GSSAPI", b"token")).answers(bind_result(1, 49));
    failed.client(&sealed(40)).counts("anomalies_total{kind=not_ldap} 1");
}

#[test]
fn a_layer_begins_with_the_last_round() {
    talk()
        .asks(sasl(1, "GSSAPI", b"a"))
        .answers(bind_result(1, 14))
        .asks(sasl(2, "GSSAPI", b"b"))
        .answers(bind_result(2, 0))
        .client(&sealed(40))
        .server(&sealed(40))
        .counts("sasl_buffers_total{protection=sealed} 2");
}

#[test]
fn a_later_bind_inside_a_layer_changes_who_acts() {
    let seen = bound("GSSAPI")
        .client(&signed(&bind(2, "cn=app", "x")))
        .server(&signed(&bind_result(2, 0)))
        .client(&signed(&search(3)))
        .server(&signed(&search_done(3, 0)))
        .with(Setup::with_events())
        .play();
    assert_eq!(seen.notes.operations[2], "3 search answered success by cn=app");
}
