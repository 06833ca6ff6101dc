//! What holds for every stream.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::wire::*;
use super::*;

/// Any message, with what is found where it stands. At least 42 octets, so that its head is in the first piece.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let tag = select(vec![0x60, 0x63, 0x77, 0x61, 0x65, 0x79, 0x64, 0x73, 0x66, 0x68]);
    let len = prop_oneof![8 => 42..120_usize, 2 => 120..490_usize, 1 => 490..700_usize];
    let trailer = prop_oneof![
        6 => Just(Vec::new()),
        3 => Just(controls()),
        1 => Just(element(0xa0, 0, &noise(9, 600))),
        1 => Just(b"\xa0\x05\x30".to_vec()),
    ];
    (any::<u32>(), tag, len, any::<u64>(), trailer, select(vec![0, 2, 3, 4])).prop_map(
        |(id, tag, len, seed, trailer, form)| message(id >> 1, tag, &noise(seed, len), &trailer, form),
    )
}

fn any_wrapping() -> impl Strategy<Value = Wrapping> {
    use Wrapping::*;
    prop_oneof![
        6 => (0..20_usize, 0..600_u16).prop_map(|(checksum, rotation)| Cfx { checksum, rotation }),
        2 => Just(Cfx { checksum: 12, rotation: 12 }),
        1 => Just(Rc4),
        1 => Just(Des),
        1 => Just(Des3),
        2 => Just(Ntlm),
        2 => Just(DigestMd5),
    ]
}

/// A part of a stream, and what is found in it.
type Part = (Vec<u8>, Vec<Found>);

/// A message as it is.
fn plain() -> impl Strategy<Value = Part> {
    any_message().prop_map(|message| (message.clone(), messages_in(&message)))
}

/// Messages in tokens of one family, cut into them anywhere: what is sealed in between hides nothing.
fn wrapped() -> impl Strategy<Value = Part> {
    let like = |first: Wrapping| {
        let family = first.family();
        vec(any_wrapping().prop_filter("another family", move |other| other.family() == family), 0..3)
            .prop_map(move |others| [vec![first], others].concat())
    };
    (vec(any_message(), 1..5), any_wrapping().prop_flat_map(like), vec(38..300_usize, 1..6)).prop_map(
        |(messages, wrappings, lengths)| {
            let text = messages.concat();
            let (mut octets, mut found) = (Vec::new(), messages_in(&text).into_iter());
            let (mut rest, mut expected) = (&text[..], Vec::new());
            let mut turns = lengths.iter().cycle().zip(wrappings.iter().cycle());
            let mut ends: Vec<usize> = messages
                .iter()
                .scan(0, |end, message| {
                    *end += message.len();
                    Some(*end)
                })
                .collect();
            while !rest.is_empty() {
                let (len, wrapping) = turns.next().expect("a cycle");
                let (piece, behind) = rest.split_at((*len).min(rest.len()));
                rest = behind;
                let token = wrapping.token(piece);
                octets.extend(buffer(&token));
                let done = text.len() - rest.len();
                let ended = ends.iter().filter(|end| **end <= done).count();
                ends.drain(..ended);
                for _ in 0..ended {
                    // What is wrong behind an operation is said right before its message.
                    loop {
                        let item = found.next().expect("an item of each message");
                        let is_message = matches!(item, Found::Message(_));
                        expected.push(item);
                        if is_message {
                            break;
                        }
                    }
                }
                expected.push(Found::SaslBuffer(wrapping.protection(), token.len() as u32));
            }
            (octets, expected)
        },
    )
}

/// A sealed token.
fn hidden() -> impl Strategy<Value = Part> {
    use Wrapping::*;
    let wrapping = select(vec![SealedCfx, SealedRc4, SealedNtlm, SealedDigestMd5]);
    (wrapping, vec(any::<u8>(), 0..300)).prop_map(|(wrapping, text)| {
        let token = wrapping.token(&text);
        (buffer(&token), vec![Found::SaslBuffer(wrapping.protection(), token.len() as u32)])
    })
}

/// What a stream of messages alone has.
fn messages_in(stream: &[u8]) -> Vec<Found> {
    play_with(Reader::new(&small()), [stream]).found
}

proptest! {
    #[test]
    fn any_mixture_of_layers_gives_the_same_messages(
        parts in vec(prop_oneof![2 => plain(), 6 => wrapped(), 1 => hidden()], 0..8),
        lengths in vec(1..90_usize, 1..12),
    ) {
        let (octets, expected): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let stream = [bound(), octets.concat()].concat();
        let expected = [vec![found_bound()], expected.concat()].concat();
        prop_assert_eq!(&play(&small(), [&stream[..]]).found, &expected);
        prop_assert_eq!(&play(&small(), stream.chunks(1)).found, &expected);
        let mut rest = &stream[..];
        let pieces = lengths.iter().cycle().map_while(|len| {
            let (piece, behind) = rest.split_at((*len).min(rest.len()));
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(&play(&small(), pieces).found, &expected);
    }

    #[test]
    fn noise_neither_panics_nor_depends_on_its_pieces(
        parts in vec(noise_part(), 0..12),
        size in 1..40_usize,
        wraps in any::<bool>(),
    ) {
        let stream = parts.concat();
        let reader = || {
            let mut reader = Reader::new(&small());
            if wraps {
                reader.may_be_wrapped();
            }
            reader
        };
        let whole = play_with(reader(), [&stream[..]]);
        let cut = play_with(reader(), stream.chunks(size));
        prop_assert_eq!(&cut.found, &whole.found);
        prop_assert_eq!((cut.parsed, cut.unseen), (whole.parsed, whole.unseen));
        prop_assert!(cut.most_kept <= 2 * (512 + 256), "{} octets", cut.most_kept);
        prop_assert!(whole.work.calls <= 4 + 4 * stream.len(), "{:?}", whole.work);
        if let Some(lost) = whole.found.iter().position(|item| matches!(item, Found::Lost(_))) {
            prop_assert_eq!(lost + 1, whole.found.len());
        }
    }
}

/// Shreds of messages, tokens and anything.
fn noise_part() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => any_message(),
        2 => (any_message(), any_wrapping()).prop_map(|(message, wrapping)| wrapping.buffer(&message)),
        1 => vec(any::<u8>(), 0..40).prop_map(|token| buffer(&token)),
        1 => (any_wrapping(), vec(any::<u8>(), 0..40)).prop_map(|(wrapping, text)| wrapping.buffer(&text)),
        1 => vec(any::<u8>(), 0..8),
        1 => vec(any::<u8>(), 0..40).prop_map(|inside| element(0x30, 0, &inside)),
    ];
    let mutation = prop_oneof![
        6 => Just(None),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(Some),
    ];
    (part, mutation).prop_map(|(mut part, mutation)| {
        if let Some((at, octet)) = mutation
            && !part.is_empty()
        {
            let at = at.index(part.len());
            part[at] = octet;
        }
        part
    })
}
