//! What holds for every stream.

use proptest::prelude::*;
use session_driver::Direction;

use crate::toy::Run;

/// Streams made of the pieces that the toy protocol gives a meaning, and of noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        b"".as_slice(),
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x03abc",
        b"\r\n\r\n\0\r\nQUIT",
        b"GE",
        b"PRI * H",
        b"\x16",
        b"\x16\x03",
    ]);
    let piece = prop_oneof![
        "[a-z]{0,20}\r\n".prop_map(String::into_bytes),
        (1..40_usize).prop_map(|n| format!("s{n}\r\n").into_bytes()),
        (1..40_usize).prop_map(|n| format!("u{n}\r\n").into_bytes()),
        (1..40_usize).prop_map(|n| format!("e{n}\r\n").into_bytes()),
        (1..40_usize).prop_map(|n| format!("p{n}\r\n").into_bytes()),
        (1..40_usize).prop_map(|n| format!("a{n}\r\n").into_bytes()),
        Just(b"d\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    (prop::collection::vec(start, 0..3), prop::collection::vec(piece, 0..20))
        .prop_map(|(start, pieces)| [start.concat(), pieces.concat()].concat())
}

proptest! {
    #[test]
    fn cutting_changes_nothing(
        octets in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let whole = Run::whole(&octets);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
        at.extend([0, octets.len()]);
        at.sort_unstable();
        let mut pieces = Run::new();
        for pair in at.windows(2) {
            pieces.send(Direction::ToServer, &octets[pair[0]..pair[1]]);
        }
        for cut in [pieces, Run::octet_by_octet(&octets)] {
            prop_assert_eq!(&cut.events, &whole.events);
            prop_assert_eq!((cut.parsed, &cut.unseen), (whole.parsed, &whole.unseen));
        }
    }

    #[test]
    fn every_octet_is_accounted_for_and_little_is_kept(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..50)), 0..30),
    ) {
        let mut run = Run::new();
        let mut sent = 0;
        for (to_server, octets) in &pieces {
            run.send(if *to_server { Direction::ToServer } else { Direction::ToClient }, octets);
            sent += octets.len() as u64;
            prop_assert!(run.driver.buffered() <= 2 * 256);
        }
        prop_assert_eq!(run.parsed + run.unseen.iter().map(|(_, octets)| octets).sum::<u64>(), sent);
    }
}
