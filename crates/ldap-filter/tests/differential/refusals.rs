//! What `rasn-ldap` refuses and we read: what real peers send, and a filter has to see.

use super::meaning::{Inside, Way, ours};
use super::rasn_ldap;

/// What it refuses, and a message that shows it.
const REFUSED: &[(&str, &[u8])] = &[
    (
        "a result code that it does not know: 4096",
        b"\x30\x0d\x02\x01\x05\x65\x08\x0a\x02\x10\x00\x04\x00\x04\x00",
    ),
    (
        "a field behind the ones that it knows",
        b"\x30\x0f\x02\x01\x05\x61\x0a\x0a\x01\x00\x04\x00\x04\x00\x99\x01x",
    ),
    (
        "Active Directory's notice of disconnection",
        b"\x30\x84\x00\x00\x00\x28\x02\x01\x00\x78\x84\x00\x00\x00\x07\x0a\x01\x34\x04\x00\x04\x00\
          \x8a\x161.3.6.1.4.1.1466.20036",
    ),
    ("a round of Sicily", b"\x30\x0d\x02\x01\x05\x60\x08\x02\x01\x03\x04\x00\x8a\x01n"),
    ("a name that is not UTF-8", b"\x30\x0f\x02\x01\x05\x60\x0a\x02\x01\x03\x04\x02\xff\xfe\x80\x01p"),
    ("a message ID below 0", b"\x30\x05\x02\x01\xff\x42\x00"),
    ("an operation that it does not know", b"\x30\x06\x02\x01\x05\x7a\x01x"),
    (
        "the scope of a subordinate subtree",
        b"\x30\x1b\x02\x01\x05\x63\x16\x04\x00\x0a\x01\x03\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
          \x87\x01a\x30\x00",
    ),
    (
        "a kind of filter that it does not know",
        b"\x30\x1b\x02\x01\x05\x63\x16\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
          \xaa\x01a\x30\x00",
    ),
];

#[test]
fn what_real_peers_send_is_read() {
    for (name, octets) in REFUSED {
        assert_eq!(rasn_ldap::read(octets), None, "{name}: not refused any more");
        let lightly = ours(octets, Way::Lightly);
        assert!(lightly.is_some(), "{name}");
        assert_eq!(ours(octets, Way::RasnFirst), lightly, "{name}");
    }
}

#[test]
fn a_notice_of_disconnection_keeps_its_code() {
    let (_, octets) = REFUSED.iter().find(|(name, _)| name.contains("disconnection")).unwrap();
    let meaning = ours(octets, Way::Lightly).unwrap();
    let Inside::Result { code, .. } = meaning.inside else { panic!("{meaning:?}") };
    assert_eq!(code, 52);
}
