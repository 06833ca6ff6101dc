//! What holds for every conversation, however it is cut and however hostile.

#[path = "support/mod.rs"]
mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use session_driver::{Direction, Transport, Wanted};
use session_test::play::play_cut;
use session_test::strategies::{conversation, ending, lengths, noise};
use session_test::{Conditions, Record};

use support::ber::{octet_string, tlv};
use support::messages::*;
use support::{Ldap, Setup, play};

/// Few IDs, so that they meet.
fn id() -> impl Strategy<Value = i64> {
    prop_oneof![30 => 1..6_i64, 1 => select(vec![0, -1, 300, i64::from(i32::MAX), 1 << 33])]
}

/// What clients ask, sensible or not.
fn request() -> impl Strategy<Value = Message> {
    let persist = tlv(0x30, b"\x0a\x01\x03");
    let page = [tlv(0x30, b"\x02\x01\x05\x04\x00"), tlv(0x30, b"\x02\x01\x05\x04\x01c")];
    (id(), 0..24_usize, any::<bool>(), 1..6_i64).prop_map(move |(id, which, long, other)| {
        let message = match which {
            0 => bind(id, "cn=app", "secret"),
            1 => bind(id, "", ""),
            2 => sasl(id, "GSSAPI", b"token"),
            3 => sasl(id, "GSS-SPNEGO", &[b't'; 700]),
            4 => sicily(id, 9),
            5 => sicily(id, 10),
            6 => sicily(id, 11),
            7 | 8 => search(id),
            9 => search(id).control("1.2.840.113556.1.4.319", &page[usize::from(long)]),
            10 => search(id).control("1.3.6.1.4.1.4203.1.9.1.1", &persist),
            11 => modify(id),
            12 => add(id, 900),
            13 => delete(id),
            14 => modify_dn(id),
            15 => compare(id),
            16 => extended(id, WHO_AM_I),
            17 => cancel(id, other),
            18 | 19 => abandon(id, other),
            20 => Message::new(id, tlv(0x63, b"\x04\x01a")),
            21 => Message::new(id, tlv(0x7d, b"?")),
            22 => search_done(id, 0),
            _ => compare(id),
        };
        if long { message.long() } else { message }
    })
}

/// What servers answer, sensible or not.
fn response() -> impl Strategy<Value = Message> {
    let code = select(vec![0, 0, 0, 3, 4, 10, 14, 14, 49, 118, 4096]);
    (id(), 0..16_usize, code, any::<bool>()).prop_map(|(id, which, code, long)| {
        let message = match which {
            0..4 => bind_result(id, code),
            4 | 5 => search_done(id, code),
            6 | 7 => entry(id, 30),
            8 => entry(id, 2_000),
            9 => reference(id),
            10 => intermediate(id),
            11 => extended_result(id, code),
            12 => result(id, 0x67, code),
            13 => result(id, 0x6f, code),
            14 => notice_of_disconnection(),
            _ => delete(id),
        };
        if long { message.long() } else { message }
    })
}

/// What neither side says as a message.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    let token = |flags: u8, rest: Vec<u8>| {
        [vec![5, 4, flags, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], rest].concat()
    };
    let buffer = |contents: Vec<u8>| [(contents.len() as u32).to_be_bytes().to_vec(), contents].concat();
    prop_oneof![
        8 => Just(buffer(token(0, search(1).octets()))),
        8 => Just(buffer(token(0, [entry(1, 5).octets(), search_done(1, 0).octets()].concat()))),
        8 => Just(buffer(token(2, vec![0x30; 90]))),
        2 => Just(search(1).octets()[..9].to_vec()),
        1 => Just(b"\x16\x03\x01\x02\x00".to_vec()),
        1 => Just(b"\x30\x80".to_vec()),
        1 => vec(any::<u8>(), 0..20),
        2 => Just(tlv(0x30, &octet_string("what"))),
    ]
}

/// Plausible messages of both sides, in any order.
fn talk() -> impl Strategy<Value = Vec<Record>> {
    let to_server = |octets| (Direction::ToServer, octets);
    let to_client = |octets| (Direction::ToClient, octets);
    conversation(prop_oneof![
        24 => request().prop_map(move |message| to_server(message.octets())),
        1 => Just(to_server(extended(2, START_TLS).octets())),
        1 => Just(to_server(unbind(9).octets())),
        24 => response().prop_map(move |message| to_client(message.octets())),
        2 => junk().prop_map(to_server),
        2 => junk().prop_map(to_client),
    ])
}

fn conditions() -> impl Strategy<Value = Conditions<Setup>> {
    let limits = select(vec![
        "{}",
        r#"{"max_message_octets": 65536, "max_decoded_octets": 512, "max_pending_operations": 8,
            "max_filter_depth": 1, "max_undecided_octets": 512, "max_identity_octets": 16}"#,
    ]);
    (limits, any::<bool>(), any::<bool>(), ending()).prop_map(|(limits, events, identities, ends)| {
        Conditions {
            setup: Setup { wanted: Wanted { events, identities }, ..Setup::limited(limits) },
            transport: Transport::Plain,
            ends,
        }
    })
}

proptest! {
    // `play` checks the sums of every conversation: one end for each operation, one bind for each of its requests,
    // gauges back at 0, one ending, every octet accounted for, nothing but the ending behind going opaque, and what
    // the driver keeps within its bound.

    #[test]
    fn events_do_not_depend_on_how_the_stream_is_cut(
        records in talk(),
        conditions in conditions(),
        lengths in lengths(40),
    ) {
        play_cut::<Ldap>(&records, &conditions, &lengths);
    }

    #[test]
    fn noise_neither_panics_nor_breaks_the_sums(
        records in noise(),
        conditions in conditions(),
        lengths in lengths(9),
    ) {
        play_cut::<Ldap>(&records, &conditions, &lengths);
    }

    #[test]
    fn what_is_said_once_opaque_changes_nothing(records in talk(), conditions in conditions()) {
        let seen = play(&records, &conditions);
        let Some(opaque) = seen.events.iter().position(|event| event.starts_with("WentOpaque")) else {
            return Ok(());
        };
        prop_assert_eq!(opaque + 2, seen.events.len());
        prop_assert!(!seen.unseen.is_empty() || seen.parsed == seen.octets());
    }

    #[test]
    fn no_event_prints_what_a_peer_chose(records in talk(), conditions in conditions()) {
        let printed = play(&records, &conditions).events.concat();
        for chosen in ["cn=app", "secret", "alice", "dc=example", "token"] {
            prop_assert!(!printed.contains(chosen), "{printed}");
        }
    }
}
