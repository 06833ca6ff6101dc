//! The scanner of mails behind DATA against an oracle that has all of a mail at hand.

#[path = "support/whole_mail.rs"]
mod whole_mail;

use proptest::prelude::*;

use smtp_filter::protocol::data::{DataOddity, DataOdditySet, DataScanner, Scanned};

use whole_mail::look_at as oracle;

fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (usize, bool, DataOdditySet) {
    let mut scanner = DataScanner::new();
    let mut total = 0;
    for piece in pieces {
        let Scanned { consumed, ended } = scanner.scan(piece);
        total += consumed;
        if ended {
            return (total, true, scanner.oddities());
        }
        assert_eq!(consumed, piece.len());
    }
    (total, false, scanner.oddities())
}

fn set(oddities: &[DataOddity]) -> DataOdditySet {
    oddities.iter().copied().collect()
}

#[test]
fn the_end_and_what_only_looks_like_it() {
    use DataOddity::*;
    for (stream, consumed, ended, oddities) in [
        (&b"Hello\r\n.\r\nQUIT\r\n"[..], 10, true, &[][..]),
        (b".\r\nQUIT\r\n", 3, true, &[]),
        (b"\r\n.\r\n", 5, true, &[]),
        (b"..\r\n.a\r\n.\r\n", 11, true, &[]),
        (b"Hello.\r\n", 8, false, &[]),
        (b"a\n.\nMAIL", 8, false, &[BareLfEndOfData, BareLf]),
        (b"a\n.\r\nMAIL", 9, false, &[BareLfEndOfData, BareLf]),
        (b"a\r\n.\nMAIL", 9, false, &[BareLfEndOfData, BareLf]),
        (b".\nMAIL", 6, false, &[BareLfEndOfData, BareLf]),
        (b"a\r.\rMAIL", 8, false, &[BareCrEndOfData, BareCr]),
        (b"a\r.\r\nMAIL", 9, false, &[BareCrEndOfData, BareCr]),
        (b"a\r\n.\rMAIL", 9, false, &[BareCrEndOfData, BareCr]),
        (b"a\r\n.\r\r\nb\r\n", 10, false, &[BareCrEndOfData, CrCrLf]),
        (b"a\r\r\n.\r\n", 7, true, &[CrCrLf]),
        (b"a\0\r\n", 4, false, &[Nul]),
        (b"a\r", 2, false, &[]),
    ] {
        let found = scan([stream]);
        assert_eq!(found, (consumed, ended, set(oddities)), "{}", stream.escape_ascii());
    }
}

// Plain blocks are passed over: what is odd must not hide at their edges.
#[test]
fn what_is_odd_is_seen_wherever_a_block_ends() {
    for odd in [
        &b"\r\r\n"[..],
        b"\n.\n",
        b"\r\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r\n.\r\r\n",
        b"\0",
        b"\r",
        b"\n",
        b"\r\n.\r\n",
    ] {
        for before in 0..300 {
            let stream = [&vec![b'a'; before][..], odd, &[b'b'; 300]].concat();
            assert_eq!(scan([&stream[..]]), oracle(&stream), "{} behind {before}", odd.escape_ascii());
            let (first, second) = stream.split_at(before + odd.len() - 1);
            assert_eq!(scan([first, second]), oracle(&stream), "{} behind {before}, cut", odd.escape_ascii());
        }
    }
}

#[test]
fn every_short_stream_in_every_two_pieces_and_octet_by_octet() {
    const ALPHABET: [u8; 5] = *b"\r\n.\0a";
    for length in 0..=6_u32 {
        for number in 0..ALPHABET.len().pow(length) {
            let digit = |place| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()];
            let stream: Vec<u8> = (0..length).map(digit).collect();
            let expected = oracle(&stream);
            assert_eq!(scan(stream.chunks(1)), expected, "{}", stream.escape_ascii());
            for cut in 0..=stream.len() {
                let (a, b) = stream.split_at(cut);
                assert_eq!(scan([a, b]), expected, "{} {}", a.escape_ascii(), b.escape_ascii());
            }
        }
    }
}

/// Octets that matter, now and then with a run of those that do not.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::sample::select(&b"\r\n.\0a"[..]).prop_map(|octet| vec![octet]),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r\n.".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..80),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_body_in_any_pieces(body in body(), cuts in proptest::collection::vec(0..4096_usize, 0..12)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]);
        prop_assert_eq!(scan(pieces), oracle(&body));
    }
}

#[test]
fn hostile_bodies_of_millions_of_one_octet() {
    use DataOddity::*;
    const MILLIONS: usize = 2_000_000;
    for (octet, oddities) in [(b'\r', &[][..]), (b'.', &[]), (b'\n', &[BareLf]), (0, &[Nul])] {
        let body = vec![octet; MILLIONS];
        assert_eq!(scan(body.chunks(65_536)), (MILLIONS, false, set(oddities)), "{octet}");
    }
}
