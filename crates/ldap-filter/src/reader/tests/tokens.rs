//! Messages inside tokens.

use super::wire::*;
use super::*;

const SIGNED: [Wrapping; 8] = [
    Wrapping::Cfx { checksum: 12, rotation: 0 },
    Wrapping::Cfx { checksum: 12, rotation: 12 },
    Wrapping::Cfx { checksum: 12, rotation: 28 },
    Wrapping::Rc4,
    Wrapping::Des,
    Wrapping::Des3,
    Wrapping::Ntlm,
    Wrapping::DigestMd5,
];

const SEALED: [Wrapping; 4] =
    [Wrapping::SealedCfx, Wrapping::SealedRc4, Wrapping::SealedNtlm, Wrapping::SealedDigestMd5];

/// What is found behind a plain message.
fn behind_a_bind(octets: &[u8]) -> Vec<Found> {
    let mut found = found(&[&bound(), octets].concat());
    assert_eq!(found.remove(0), found_bound());
    found
}

#[test]
fn a_message_in_a_signed_token_is_as_if_plain() {
    for wrapping in SIGNED {
        let token = wrapping.token(&bound());
        assert_eq!(behind_a_bind(&buffer(&token)), [found_bound(), signed(token.len())], "{wrapping:?}");
    }
}

#[test]
fn several_messages_in_a_signed_token() {
    let entry = message(7, 0x64, &noise(1, 100), &controls(), 4);
    let text = [bound(), entry, unbind()].concat();
    for wrapping in SIGNED {
        let token = wrapping.token(&text);
        let found = behind_a_bind(&[buffer(&token), unbind()].concat());
        assert_eq!(found.len(), 5, "{wrapping:?}");
        assert_eq!((&found[0], &found[2]), (&found_bound(), &found_unbind()));
        assert!(matches!(&found[1], Found::Message(FoundMessage { id: 7, .. })), "{wrapping:?}");
        assert_eq!(found[3..], [signed(token.len()), found_unbind()], "and a plain one behind it");
    }
}

#[test]
fn a_message_cut_anywhere_into_two_tokens() {
    // A rotated token is kept whole, and so has to be short.
    let long = message(7, 0x60, &noise(1, 300), &controls(), 4);
    let entry = message(8, 0x64, &noise(2, 40), &controls(), 0);
    for wrapping in SIGNED {
        let text = [bound(), long.clone(), entry.clone(), unbind()].concat();
        let expected: Vec<_> =
            found(&text).into_iter().filter(|item| matches!(item, Found::Message(_))).collect();
        assert_eq!(expected.len(), 4);
        // Only a whole head tells a token that does not say so from a sealed one.
        for cut in bound().len()..text.len() {
            let (a, b) = text.split_at(cut);
            let stream = [bound(), wrapping.buffer(a), wrapping.buffer(b)].concat();
            let found = play(&small(), stream.chunks(50)).found;
            let messages = found[1..].iter().filter(|item| !matches!(item, Found::SaslBuffer(..)));
            assert!(messages.eq(&expected), "{wrapping:?} at {cut}: {found:?}");
            assert_eq!(found.len(), 7, "{wrapping:?} at {cut}");
        }
    }
}

#[test]
fn a_message_over_many_tokens() {
    let entry = message(8, 0x64, &noise(2, 4_000), b"", 0);
    for wrapping in SIGNED {
        let buffers: Vec<u8> = entry.chunks(40).flat_map(|piece| wrapping.buffer(piece)).collect();
        let found = behind_a_bind(&buffers);
        let (messages, tokens): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|item| matches!(item, Found::Message(_)));
        assert_eq!(messages.len(), 1, "{wrapping:?}");
        assert_eq!(tokens.len(), entry.chunks(40).count(), "{wrapping:?}");
        assert!(tokens.iter().all(|token| matches!(token, Found::SaslBuffer(Protection::Signed, _))));
    }
}

#[test]
fn sealed_tokens_are_counted_and_not_read() {
    for wrapping in SEALED {
        let token = wrapping.token(&noise(1, 20_000));
        let stream = [bound(), buffer(&token), unbind(), buffer(&token)].concat();
        let sealed_one = sealed(token.len());
        let played = played(&small(), &stream);
        assert_eq!(
            played.found,
            [found_bound(), sealed_one.clone(), found_unbind(), sealed_one],
            "{wrapping:?}"
        );
        assert!(played.work.read < 200, "{wrapping:?}: {:?}", played.work);
        assert!(played.unseen > 2 * 19_900, "{wrapping:?}: {} octets", played.unseen);
        assert!(!played.is_inside);
    }
}

#[test]
fn nothing_is_allocated_for_messages_in_tokens() {
    let entry = message(8, 0x64, &noise(2, 4_000), &controls(), 0);
    for wrapping in SIGNED {
        let text = [bound(), entry.clone(), unbind()].concat();
        // Entries go on in the next token, what is kept of other messages does not. What is rotated has to be short.
        let stream: Vec<u8> = text.chunks(400).flat_map(|piece| wrapping.buffer(piece)).collect();
        let mut reader = Reader::new(&small());
        reader.may_be_wrapped();
        let mut messages = 0;
        let mut feed = || {
            let taken =
                reader.feed(&stream, &mut |item| messages += usize::from(matches!(item, Item::Message(_))));
            assert_eq!(taken, stream.len());
        };
        feed();
        assert_eq!(allocation_counter::measure(feed).count_total, 0, "{wrapping:?}");
        assert_eq!(messages, 6, "{wrapping:?}");
    }
}

#[test]
fn what_is_signed_counts_as_seen() {
    for wrapping in SIGNED {
        assert_eq!(
            played(&small(), &[bound(), wrapping.buffer(&bound())].concat()).unseen,
            0,
            "{wrapping:?}"
        );
    }
}

#[test]
fn buffers_without_a_token_or_with_a_shred_of_one() {
    for token in [&b""[..], b"\x05", b"\x05\x04", b"\x60\x30", b"\x01\0\0\0", b"\x30\x05\x02\x01\x03\x42\x00"]
    {
        let stream = [buffer(token), unbind()].concat();
        assert_eq!(behind_a_bind(&stream), [sealed(token.len()), found_unbind()], "{token:?}");
    }
}

/// Nothing tells such a token from a sealed one but a message at its start, and random octets may look like one.
#[test]
fn what_is_no_flawless_message_is_taken_for_sealed() {
    for text in [
        &b"\x30\x05\x02\x01\x03\x7e\x00"[..],
        b"\x30\x05\x02\x01\xff\x42\x00",
        b"\x30\x06\x02\x01\x03\x42\x00\xa0",
        b"\x30\x05\x02\x01",
        b"\x30",
    ] {
        for wrapping in [Wrapping::DigestMd5, Wrapping::Ntlm] {
            let token = wrapping.token(text);
            let expected = [sealed(token.len()), found_unbind()];
            let what = text.escape_ascii();
            assert_eq!(behind_a_bind(&[buffer(&token), unbind()].concat()), expected, "{wrapping:?} {what}");
        }
    }
}

#[test]
fn a_signed_token_may_bring_nothing_of_a_message_that_goes_on() {
    let bind = bound();
    let (first, rest) = bind.split_at(9);
    for wrapping in [SIGNED[0], SIGNED[1], Wrapping::Rc4, Wrapping::Ntlm] {
        let tokens = [first, b"", rest].map(|text| wrapping.token(text));
        let [a, b, c] = tokens.each_ref().map(|token| signed(token.len()));
        let stream = tokens.map(|token| buffer(&token)).concat();
        assert_eq!(behind_a_bind(&stream), [a, b, found_bound(), c], "{wrapping:?}");
    }
}

#[test]
fn padding_is_only_what_says_so() {
    let unreadable = Found::Anomaly(Anomaly::UnreadableSaslBuffer);
    let whole = Wrapping::Des.token(&unbind());
    assert_eq!(whole.last(), Some(&1), "one octet of padding");
    // None of these counts itself, and all are too long for the start of a message.
    for padding in [&[0; 3][..], &[2, 3, 3], &[9; 9]] {
        let mut token = Wrapping::Des.token(&unbind());
        token.pop();
        token.extend(padding);
        token[1] += padding.len() as u8 - 1;
        let expected = [found_unbind(), unreadable.clone(), signed(token.len())];
        assert_eq!(behind_a_bind(&buffer(&token)), expected, "{padding:?}");
    }
}

#[test]
fn signed_tokens_without_a_message() {
    let unreadable = Found::Anomaly(Anomaly::UnreadableSaslBuffer);
    let rotated = Wrapping::Cfx { checksum: 12, rotation: 15 };
    for (wrapping, text) in [
        (SIGNED[0], &b""[..]),
        (SIGNED[0], b"no message"),
        (SIGNED[1], b"\x30\x80\x02\x01\x01\x42\x00"),
        (SIGNED[1], b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01\x42\x00"),
        (SIGNED[1], b"\x16\x03\x01\x02\x00\x01\x00"),
        (rotated, b"no message"),
        (Wrapping::Rc4, b""),
        (Wrapping::Rc4, b"no message"),
        (Wrapping::Des, b""),
        (Wrapping::Des3, b"GET"),
        (Wrapping::Des3, b"GET / HTTP/1.1"),
    ] {
        let token = wrapping.token(text);
        assert_eq!(
            behind_a_bind(&[buffer(&token), unbind()].concat()),
            [unreadable.clone(), signed(token.len()), found_unbind()],
            "{wrapping:?} {}",
            text.escape_ascii()
        );
    }
}

#[test]
fn junk_behind_a_message_in_a_signed_token() {
    let unreadable = Found::Anomaly(Anomaly::UnreadableSaslBuffer);
    for wrapping in [SIGNED[0], SIGNED[1], SIGNED[2], Wrapping::Rc4, Wrapping::Des, Wrapping::Ntlm] {
        let token = wrapping.token(&[&unbind()[..], b"a piece of junk"].concat());
        let stream = [buffer(&token), wrapping.buffer(&bound())].concat();
        let found = behind_a_bind(&stream);
        assert_eq!(found[..3], [found_unbind(), unreadable.clone(), signed(token.len())], "{wrapping:?}");
        assert_eq!(found[3], found_bound(), "the next token begins anew");
    }
}

#[test]
fn a_longer_checksum_behind_the_message_is_none_of_ours() {
    // As SRP has it: HMAC-SHA-1, 20 octets.
    let token = [unbind(), vec![0xab; 20]].concat();
    let stream = [buffer(&token), buffer(&token)].concat();
    let pair = [found_unbind(), signed(token.len())];
    assert_eq!(behind_a_bind(&stream), [pair.clone(), pair].concat());
    // So much is no checksum.
    let token = [unbind(), vec![0xab; 60]].concat();
    let unreadable = Found::Anomaly(Anomaly::UnreadableSaslBuffer);
    assert_eq!(behind_a_bind(&buffer(&token)), [found_unbind(), unreadable, signed(token.len())]);
}

#[test]
fn a_checksum_that_is_longer_than_the_token() {
    let mut token = Wrapping::Cfx { checksum: 12, rotation: 0 }.token(b"");
    token[5] = 13;
    let expected = [Found::Anomaly(Anomaly::UnreadableSaslBuffer), signed(token.len()), found_unbind()];
    assert_eq!(behind_a_bind(&[buffer(&token), unbind()].concat()), expected);
}

#[test]
fn a_rotation_that_has_to_be_kept_is_read_up_to_the_limit() {
    let entry = |len| message(8, 0x64, &noise(2, len), b"", 4);
    let wrapping = Wrapping::Cfx { checksum: 12, rotation: 100 };
    let short = wrapping.token(&entry(512 - 12 - 15));
    assert!(matches!(&behind_a_bind(&buffer(&short))[..], [Found::Message(_), Found::SaslBuffer(..)]));
    let long = wrapping.token(&entry(512 - 12 - 14));
    let expected = [Found::Anomaly(Anomaly::UnreadableSaslBuffer), signed(long.len()), found_unbind()];
    assert_eq!(behind_a_bind(&[buffer(&long), unbind()].concat()), expected);
}

#[test]
fn a_message_that_does_not_go_on_where_it_should() {
    let cut = Found::Anomaly(Anomaly::MalformedMessage);
    let bind = bound();
    for wrapping in SIGNED {
        let first = wrapping.token(&bind[..bind.len() - 1]);
        for (next, found_next) in
            [(unbind(), vec![found_unbind()]), (Wrapping::SealedCfx.buffer(b"text"), vec![sealed(28)])]
        {
            // Nothing in front of the messages of DIGEST-MD5 says that a token is none of them.
            if wrapping == Wrapping::DigestMd5 && next[0] == 0 {
                continue;
            }
            let found = behind_a_bind(&[buffer(&first), next, unbind()].concat());
            let expected =
                [vec![signed(first.len()), cut.clone()], found_next, vec![found_unbind()]].concat();
            assert_eq!(found, expected, "{wrapping:?}");
        }
    }
    // Another family's token does not carry on.
    let kerberos = Wrapping::Cfx { checksum: 12, rotation: 0 };
    let (first, second) = (kerberos.token(&bind[..9]), Wrapping::Ntlm.token(&unbind()));
    assert_eq!(
        behind_a_bind(&[buffer(&first), buffer(&second)].concat()),
        [signed(first.len()), cut, found_unbind(), signed(second.len())]
    );
}

#[test]
fn inside_a_message_whose_start_was_hidden() {
    // What looks like messages there is not taken for any: the attributes of an entry.
    let attribute = element(0x30, 4, &element(0x04, 4, b"member"));
    let middle = attribute.repeat(20);
    let unreadable = Found::Anomaly(Anomaly::UnreadableSaslBuffer);
    for wrapping in [SIGNED[0], SIGNED[2], Wrapping::Rc4, Wrapping::Des] {
        let (hidden, lost) = (Wrapping::SealedCfx.token(&middle), wrapping.token(&middle));
        let next = wrapping.token(&unbind());
        let stream = [&hidden, &lost, &lost, &next].map(|token| buffer(token)).concat();
        let nothing = [unreadable.clone(), signed(lost.len())];
        let found_next = [found_unbind(), signed(next.len())];
        let expected = [&[sealed(hidden.len())][..], &nothing, &nothing, &found_next];
        assert_eq!(behind_a_bind(&stream), expected.concat(), "{wrapping:?}");
    }
}

/// Behind a token that could not be read a message may be inside another one, unless one in clear text stands between them.
#[test]
fn a_message_in_clear_text_ends_what_a_token_has_left_however_it_is_read() {
    type Read = fn(&mut Reader, &[u8], &mut dyn FnMut(Item<'_>)) -> usize;
    // Its number is none: so it is believed only where one has to be.
    let odd = SIGNED[0].buffer(b"\x30\x05\x02\x01\xff\x42\x00");
    for read in [Reader::feed as Read, Reader::whole_message] {
        let [with, without] = [&unbind()[..], b""].map(|between| {
            let mut reader = Reader::new(&small());
            reader.may_be_wrapped();
            let mut found = Vec::new();
            let mut note = |item: Item<'_>| found.push(Found::from(item));
            reader.feed(&Wrapping::SealedCfx.buffer(b"text"), &mut note);
            assert_eq!(read(&mut reader, between, &mut note), between.len());
            if between.is_empty() {
                assert_eq!(reader.whole_message(&odd, &mut note), 0, "no message in clear text");
            }
            reader.feed(&odd, &mut note);
            found.remove(between.len().min(1) + 1)
        });
        assert!(matches!(with, Found::Message(FoundMessage { id: -1, .. })), "{with:?}");
        assert_eq!(without, Found::Anomaly(Anomaly::UnreadableSaslBuffer));
    }
}

#[test]
fn lengths_of_buffers() {
    let lost = [Found::Lost(Anomaly::OversizedSaslBuffer)];
    assert_eq!(behind_a_bind(b"\x00\x01\x00\x01\x05\x04"), lost, "more than max_message_octets");
    assert_eq!(behind_a_bind(b"\x01\x00\x00\x00\x05\x04"), lost);
    assert_eq!(behind_a_bind(b"\xff\xff\xff\xff"), lost);
    assert_eq!(behind_a_bind(b"\x16\x03\x01\x00"), [Found::Lost(Anomaly::TlsHello)]);
    assert_eq!(behind_a_bind(b"\x30\x80\x00\x00"), [Found::Lost(Anomaly::IndefiniteLength)]);
    let most = noise(1, 65_536);
    assert_eq!(behind_a_bind(&buffer(&most)), [sealed(65_536)]);

    // RFC 4752's limit holds also where messages may be longer.
    let generous = limits(r#"{"max_message_octets": 2147483647}"#);
    for (length, is_lost) in [(0x00ff_ffff_u32, false), (0x0100_0000, true)] {
        let stream = [bound(), length.to_be_bytes().to_vec()].concat();
        let found = play(&generous, [&stream[..]]).found;
        assert_eq!(found.last() == lost.last(), is_lost, "{length}");
    }
}

#[test]
fn nothing_is_a_buffer_before_a_bind() {
    let stream = [bound(), Wrapping::Rc4.buffer(&unbind())].concat();
    let mut reader = Reader::new(&small());
    let mut found = Vec::new();
    reader.feed(&stream, &mut |item| found.push(Found::from(item)));
    assert_eq!(found, [found_bound(), Found::Lost(Anomaly::NotLdap)]);
}

#[test]
fn a_layer_may_begin_at_any_message() {
    let stream = [bound(), unbind(), SIGNED[1].buffer(&unbind())].concat();
    // Said while the head of the second message has been read in part.
    let mut reader = Reader::new(&small());
    let mut found = Vec::new();
    reader.feed(&stream[..bound().len() + 2], &mut |item| found.push(Found::from(item)));
    reader.may_be_wrapped();
    reader.feed(&stream[bound().len() + 2..], &mut |item| found.push(Found::from(item)));
    assert_eq!(found, [found_bound(), found_unbind(), found_unbind(), signed(35)]);
}

#[test]
fn where_a_stream_ends_inside_a_buffer() {
    let stream = [bound(), SIGNED[0].buffer(&unbind()), SIGNED[0].buffer(&bound()[..5])].concat();
    let start = bound().len();
    let mut names = Vec::new();
    for end in start..=stream.len() {
        let part = play(&small(), [&stream[..end]]);
        names.push(part.name);
        assert_eq!(part.is_inside, part.name != "between_messages" || end == stream.len(), "{end}");
    }
    names.dedup();
    assert_eq!(
        names,
        [
            "between_messages",
            "sasl_length",
            "sasl_buffer",
            "between_messages",
            "sasl_length",
            "sasl_buffer",
            "between_messages"
        ]
    );
}
