//! Octets that nobody in good faith sends.

use super::wire::*;
use super::*;

#[test]
fn random_sealed_tokens_are_hardly_ever_taken_for_messages() {
    // The chance is 2^-29.7 for each whose first octet has not been looked at: see `is_flawless`. With that octet, and
    // for NTLM, 2^-21.7: of so many it expects 0.06, and with this noise there are none.
    let mut reader = Reader::new(&limits("{}"));
    reader.may_be_wrapped();
    reader.feed(&bound(), &mut |_| {});
    let mut buffers = 0;
    for seed in 0..100_000 {
        let mut text = noise(seed, 48);
        text[0] = 0x30;
        for token in [text.clone(), [&[1, 0, 0, 0][..], &noise(!seed, 12), &text].concat()] {
            reader.feed(&buffer(&token), &mut |item| match item {
                Item::SaslBuffer { protection: Protection::Sealed, .. } => buffers += 1,
                item => panic!("{item:?} in a token of noise {seed}"),
            });
        }
    }
    assert_eq!(buffers, 200_000);
}

#[test]
fn a_claim_of_gigabytes_keeps_nothing() {
    let generous = limits(r#"{"max_message_octets": 2147483647}"#);
    for head in [
        &b"\x30\x84\x7f\xff\xff\xf0\x02\x01\x01\x63\x84\x7f\xff\xff\xe0"[..],
        b"\x30\x84\x7f\xff\xff\xf0\xff",
    ] {
        let body = noise(1, 1_000_000);
        let stream = [head, &body].concat();
        for size in [1, 1_000, 1_000_000] {
            let Played { most_kept, is_inside, work, .. } = play(&generous, stream.chunks(size));
            assert!(is_inside);
            assert!(most_kept <= 256, "{most_kept} octets in pieces of {size}");
            assert!(work.read <= 15 + 128, "{work:?}");
        }
    }
}

#[test]
fn memory_stays_within_the_limit_however_small_the_pieces() {
    let limit = 512;
    let text = [message(7, 0x63, &noise(1, 490), b"", 4), message(8, 0x63, &noise(2, 5_000), &controls(), 4)]
        .concat();
    let one_each: Vec<u8> =
        text.chunks(1).flat_map(|piece| Wrapping::Cfx { checksum: 12, rotation: 0 }.buffer(piece)).collect();
    let rotated = Wrapping::Cfx { checksum: 12, rotation: 20 };
    let turned: Vec<u8> = text.chunks(400).flat_map(|piece| rotated.buffer(piece)).collect();
    for stream in [text, one_each, turned] {
        for size in [1, 13, 100_000] {
            let Played { most_kept, found, .. } =
                play(&small(), [&bound()[..]].into_iter().chain(stream.chunks(size)));
            assert_eq!(found.iter().filter(|item| matches!(item, Found::Message(_))).count(), 3);
            // A vector may have twice the capacity that it needs, in the driver and in the reader.
            assert!(most_kept <= 2 * (limit + 256), "{most_kept} octets in pieces of {size}");
        }
    }
}

#[test]
fn work_grows_with_the_octets_and_no_faster() {
    let tokens = |n: usize| {
        let one = [
            Wrapping::Cfx { checksum: 0, rotation: 0 }.buffer(&[0x30]),
            buffer(b""),
            Wrapping::Ntlm.buffer(b"\x30\x05\x02"),
            message(7, 0x64, b"", b"", 8),
            element(0x30, 8, b"\x02\x08\0\0\0\0\0\0\0\x01"),
        ];
        [bound(), one.concat().repeat(n)].concat()
    };
    let calls = |n| {
        let stream = tokens(n);
        let Played { work, .. } = play(&small(), stream.chunks(1));
        assert!(work.read <= stream.len());
        (work.calls, stream.len())
    };
    let (few, octets) = calls(10);
    assert!(few <= octets, "{few} calls for {octets} octets");
    let (many, _) = calls(1_000);
    assert!(many <= few * 100, "{many} calls after {few}");
}

#[test]
fn a_deep_or_endless_message_is_octets_like_any_other() {
    let deep = (0..20).fold(Vec::new(), |inside, _| element(0xa2, 4, &inside)).repeat(500);
    let stream = [message(7, 0x63, &deep, b"", 4), unbind()].concat();
    let found = found(&stream);
    assert!(matches!(&found[0], Found::Message(FoundMessage { contents: Kept::Start(_), .. })));
    assert_eq!(found[1], found_unbind());
}
