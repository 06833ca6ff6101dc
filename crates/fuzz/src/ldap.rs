//! LDAP as scripts tell it.

#[path = "../../ldap-filter/tests/support/mod.rs"]
mod support;

use ldap_filter::LdapLimits;
use session_driver::{Direction, Wanted};

use self::support::ber::{all, boolean, enumerated, integer, octet_string, sequence, tlv};
use self::support::messages::*;
pub(crate) use self::support::{Ldap, Setup, messages};
use crate::passage::Speaker;
use crate::script::Choices;

impl Speaker for Ldap {
    fn setup(choices: Choices) -> Setup {
        let limits = match choices.limits() {
            0 | 1 => LdapLimits::default(),
            which => serde_json::from_str(LIMITS[usize::from(which & 1)]).expect("limits"),
        };
        Setup { limits, wanted: Wanted { events: choices.events(), identities: choices.identities() } }
    }

    fn phrase(direction: Direction, which: u8, argument: u8) -> Vec<u8> {
        match direction {
            Direction::ToServer => request(which, argument),
            Direction::ToClient => response(which, argument),
        }
    }

    /// What the driver and the readers keep, what the decoders take for a moment, and what is remembered of each
    /// operation. What grows may take twice that, and three times while it is moved.
    fn most_memory(setup: &Setup) -> u64 {
        let limits = &setup.limits;
        let decoded = limits.max_decoded_octets.get();
        let kept = decoded.max(limits.max_undecided_octets.get()) + decoded;
        let of_operation =
            400 + if setup.wanted.identities { 2 * limits.max_identity_octets.get() } else { 0 };
        let pending = 3 * of_operation * (limits.max_pending_operations.get() + 2);
        (6 * kept + pending + 8_192) as u64
    }

    const SECRETS: &'static [&'static str] = &["cn=app", "hunter2", "alice", "dc=example"];
}

const LIMITS: [&str; 2] = [
    r#"{"max_message_octets": 65536, "max_decoded_octets": 512, "max_pending_operations": 8,
        "max_filter_depth": 1, "max_undecided_octets": 512, "max_identity_octets": 16}"#,
    r#"{"max_message_octets": 100000, "max_decoded_octets": 2048, "max_pending_operations": 16,
        "max_filter_depth": 5, "max_undecided_octets": 700, "max_identity_octets": 40}"#,
];

const PAGED: &str = "1.2.840.113556.1.4.319";
const SYNC: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const NOTIFY: &str = "1.2.840.113556.1.4.528";

/// The lower bits choose a message ID, few of them so that they meet; the upper ones what else there is to choose.
fn split(argument: u8) -> (i64, i64) {
    let id = match argument & 15 {
        15 => [0, -1, 300, i64::from(i32::MAX), 1 << 33][usize::from(argument >> 4) % 5],
        id => i64::from(id & 7),
    };
    (id, i64::from(argument >> 4))
}

/// What clients ask, sensible or not.
fn request(which: u8, argument: u8) -> Vec<u8> {
    let (id, other) = split(argument);
    let message = match which % 40 {
        0 => bind(id, "cn=app", "hunter2"),
        1 => search(id),
        2 => search_for(id, other % 5, &nested_filter(other), &["cn"]),
        3 => sasl(id, ["GSSAPI", "GSS-SPNEGO", "DIGEST-MD5", "PLAIN"][(other & 3) as usize], b"hunter2"),
        4 => extended(id, [START_TLS, WHO_AM_I, "1.3.6.1.1.21.1", "1.2.3"][(other & 3) as usize]),
        5 => abandon(id, other),
        6 => cancel(id, other),
        7 => unbind(id),
        8 => search(id).control(PAGED, &sequence(&[integer(5), octet_string("")])),
        9 => search(id).control(PAGED, &sequence(&[integer(5), octet_string("c")])),
        10 => search(id).control(SYNC, &sequence(&[enumerated(if other & 1 == 0 { 3 } else { 1 })])),
        11 => search(id).control(NOTIFY, b""),
        12 => bind(id, "", ""),
        13 => sicily(id, 9 + (other % 3) as u8),
        14 => modify(id),
        15 => add(id, 1 << (other & 12)),
        16 => delete(id),
        17 => modify_dn(id),
        18 => compare(id),
        19 => Message::new(id, tlv(0x63, b"\x04\x01a")),
        20 => Message::new(id, tlv(0x7d, b"?")),
        21 => search_done(id, 0),
        22 => search(id).long(),
        23 => bind(id, "cn=app", "hunter2").long(),
        24 => sasl(id, "GSSAPI", &[b't'; 700]),
        25 => search_for(id, 2, &nested_filter(15), &[]),
        26 => Message::new(id, all(0x60, &[integer(other), octet_string("cn=app"), tlv(0x80, b"hunter2")])),
        27 => search(id).control("1.2.3", b"x").control(PAGED, b"\x30\x80"),
        28 => return wrapped(other, &[search(id).octets(), abandon(id, other).octets()].concat()),
        29 => return wrapped(other, &search(id).octets()),
        30 => return wrapped(other, &bind(id, "cn=app", "hunter2").octets()[..usize::from(argument >> 4)]),
        31 => return b"\x16\x03\x01\x02\0\x01".to_vec(),
        32 => return b"\x30\x80".to_vec(),
        33 => return tlv(0x30, &octet_string("what")),
        34 => return b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c000000000000".to_vec(),
        35 => return b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        36 => return vec![0x30, 0x84, 0, other as u8, 0, 0],
        37 => return wrapped(15, &search(id).octets()),
        _ => compare(id),
    };
    message.octets()
}

/// What servers answer, sensible or not.
fn response(which: u8, argument: u8) -> Vec<u8> {
    let (id, other) = split(argument);
    let code = [0, 0, 0, 3, 4, 10, 14, 14, 49, 118, 4096, 32, 8, 53, 80, -1][(other & 15) as usize];
    let message = match which % 32 {
        0 => bind_result(id, 0),
        1 => search_done(id, code),
        2 => entry(id, 30),
        3 => bind_result(id, code),
        4 => extended_result(id, code),
        5 => bind_result(id, 14),
        6 => reference(id),
        7 => intermediate(id),
        8 => entry(id, 1 << (other & 12)),
        9 => result(id, 0x67, code),
        10 => result(id, 0x69, code),
        11 => result(id, 0x6b, code),
        12 => result(id, 0x6d, code),
        13 => result(id, 0x6f, code),
        14 => notice_of_disconnection(),
        15 => delete(id),
        16 => result_saying(id, 0x61, 49, "80090308: LdapErr: DSID-0C09, comment: , data 52e, v4563"),
        17 => search_done(id, code).control(PAGED, &sequence(&[integer(0), octet_string("c")])),
        18 => {
            bind_result(id, 49).control("1.3.6.1.4.1.42.2.27.8.5.1", &sequence(&[tlv(0x81, &[other as u8])]))
        }
        19 => search_done(id, 0).long(),
        20 => entry(id, 200).long(),
        21 => return wrapped(other, &[entry(id, 10).octets(), search_done(id, 0).octets()].concat()),
        22 => return wrapped(other, &search_done(id, code).octets()),
        23 => return wrapped(other, &entry(id, 100).octets()[..usize::from(argument >> 4)]),
        24 => return b"\x16\x03\x01\x02\0\x01".to_vec(),
        25 => return tlv(0x30, &octet_string("what")),
        26 => extended_result(0, code),
        27 => return wrapped(15, &search_done(id, code).octets()),
        _ => search_done(id, 0),
    };
    message.octets()
}

/// Filters in filters, so many deep, with each kind of item.
pub(crate) fn nested_filter(depth: i64) -> Vec<u8> {
    let assertion = [octet_string("uid"), octet_string("alice")].concat();
    let item = match depth % 6 {
        0 => tlv(0x87, b"objectClass"),
        1 => tlv(0xa5, &assertion),
        2 => all(0xa4, &[octet_string("cn"), sequence(&[tlv(0x80, b"a"), tlv(0x81, b"b"), tlv(0x82, b"c")])]),
        3 => all(0xa9, &[tlv(0x81, b"2.5.13.5"), tlv(0x82, b"cn"), tlv(0x83, b"alice"), tlv(0x84, &[0xff])]),
        4 => all(0x7f, &[boolean(true)]),
        _ => tlv(0xa3, &assertion),
    };
    (0..depth).fold(item.clone(), |inner, level| match level % 3 {
        0 => all(0xa2, &[inner]),
        1 => all(0xa0, &[inner, item.clone()]),
        _ => all(0xa1, &[item.clone(), inner]),
    })
}

/// A buffer of a SASL security layer around these octets, signed or sealed.
pub(crate) fn wrapped(kind: i64, octets: &[u8]) -> Vec<u8> {
    let token = match kind % 8 {
        // RFC 4121, 4.2.6.2: a wrap token whose checksum of 12 octets stands behind the text.
        0 | 1 => [b"\x05\x04\x00\xff\0\x0c\0\0\0\0\0\0\0\0\0\x01".as_slice(), octets, &[0xcc; 12]].concat(),
        // Rotated by 28 octets: so Microsoft sends it.
        2 => {
            let mut text = [octets, &[0xcc; 12]].concat();
            let len = text.len();
            text.rotate_right(28 % len.max(1));
            [b"\x05\x04\x01\xff\0\x0c\0\x1c\0\0\0\0\0\0\0\x02".as_slice(), &text].concat()
        }
        // Sealed.
        3 => [b"\x05\x04\x02\xff\0\0\0\x1c\0\0\0\0\0\0\0\x02".as_slice(), octets].concat(),
        // MS-NLMP, 2.2.2.9: version 1, checksum, sequence number.
        4 => [b"\x01\0\0\0cccccccc\0\0\0\x01".as_slice(), octets].concat(),
        // RFC 2831, 2.3: the text, 10 octets, version and sequence number.
        5 => [octets, b"mmmmmmmmmm\0\x01\0\0\0\0"].concat(),
        // RFC 1964, 1.2.2: signed, not sealed, padded by one octet.
        6 => tlv(
            0x60,
            &[b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x01\x11\0\xff\xff\xff\xffssssssss88888888kkkkkkkk"
                .as_slice(), octets, b"\x01"].concat(),
        ),
        // Nothing that is known.
        _ => [b"\xe6\x8b".as_slice(), octets].concat(),
    };
    let length = u32::try_from(token.len()).expect("short").to_be_bytes();
    [&length[..], &token].concat()
}
