//! Messages that stand in the stream as they are.

use super::wire::*;
use super::*;

/// A stream without security layers.
fn found_plain(stream: &[u8]) -> Vec<Found> {
    let whole = play_with(Reader::new(&small()), [stream]).found;
    assert_eq!(play_with(Reader::new(&small()), stream.chunks(1)).found, whole, "octet by octet");
    whole
}

#[test]
fn what_is_interpreted_comes_whole_in_every_form_of_length() {
    for form in 0..=8 {
        let contents = b"\x0a\x01\x31\x04\x00\x04\x00";
        assert_eq!(found_plain(&message(7, 0x61, contents, b"", form)), [whole(7, 0x61, contents, form)]);
    }
}

#[test]
fn requests_and_responses_by_what_is_kept_of_them() {
    for (tag, is_kept) in [
        (0x60, true),
        (0x63, true),
        (0x77, true),
        (0x50, true),
        (0x42, true),
        (0x61, true),
        (0x65, true),
        (0x67, true),
        (0x69, true),
        (0x6b, true),
        (0x6d, true),
        (0x6f, true),
        (0x78, true),
        (0x79, true),
        (0x64, false),
        (0x73, false),
        (0x66, false),
        (0x68, false),
        (0x4a, false),
        (0x6c, false),
        (0x6e, false),
        (0x62, false),
        (0xa0, false),
    ] {
        let stream = message(7, tag, b"contents", &controls(), 4);
        let Found::Message(message) = found_plain(&stream).remove(0) else { panic!("{tag:x}") };
        let contents = if is_kept { Kept::Whole(b"contents".to_vec()) } else { Kept::Nothing };
        assert_eq!(message.contents, contents, "{tag:x}");
        assert_eq!(message.controls.as_deref(), Some(&controls()[2..]), "{tag:x}");
        assert_eq!(message.octets, stream.len() as u64);
    }
}

#[test]
fn messages_follow_each_other() {
    let stream = [bound(), unbind(), message(300, 0x64, &[b'x'; 900], b"", 4), unbind()].concat();
    let found = found_plain(&stream);
    assert_eq!(found.len(), 4);
    assert_eq!((&found[0], &found[1], &found[3]), (&found_bound(), &found_unbind(), &found_unbind()));
    assert!(matches!(
        &found[2],
        Found::Message(FoundMessage { id: 300, octets: 918, contents: Kept::Nothing, .. })
    ));
}

#[test]
fn of_a_long_message_only_the_start_is_kept() {
    let contents = noise(1, 600);
    let long = message(7, 0x60, &contents, &controls(), 0);
    let Found::Message(found) = found_plain(&long).remove(0) else { panic!("a message") };
    assert_eq!(found.contents, Kept::Start(contents[..128].to_vec()));
    assert_eq!(found.controls.as_deref(), Some(&controls()[2..]));

    // An operation shorter than that, in front of controls that are too long.
    let trailer = element(0xa0, 0, &noise(2, 600));
    let long = message(7, 0x65, b"\x0a\x01\x04\x04\x00\x04\x00", &trailer, 0);
    let Found::Message(found) = found_plain(&long).remove(0) else { panic!("a message") };
    assert_eq!(found.contents, Kept::Start(b"\x0a\x01\x04\x04\x00\x04\x00".to_vec()));
    assert_eq!(found.controls, None);

    let long = message(7, 0x42, b"", &trailer, 0);
    let Found::Message(found) = found_plain(&long).remove(0) else { panic!("a message") };
    assert_eq!((found.contents, found.controls), (Kept::Start(Vec::new()), None));
}

#[test]
fn a_message_is_kept_whole_up_to_the_limit() {
    for (len, is_whole) in [(512 - 11, true), (512 - 10, false)] {
        let stream = message(7, 0x63, &noise(3, len), b"", 0);
        let Found::Message(found) = found_plain(&stream).remove(0) else { panic!("a message") };
        assert_eq!(matches!(found.contents, Kept::Whole(_)), is_whole, "{} octets", stream.len());
    }
}

#[test]
fn the_name_of_a_notice_may_stand_behind_its_operation() {
    let oid = b"1.3.6.1.4.1.1466.20036";
    let stream = message(0, 0x78, b"\x0a\x01\x34\x04\x00\x04\x00", &element(0x8a, 0, oid), 4);
    let Found::Message(found) = found_plain(&stream).remove(0) else { panic!("a message") };
    assert_eq!(found.response_name.as_deref(), Some(&oid[..]));
    assert_eq!(found.id, 0);
}

#[test]
fn bodies_of_entries_are_not_read() {
    let entry = message(7, 0x64, &noise(4, 60_000), b"", 4);
    let Played { work, most_kept, .. } = play(&small(), [&entry.repeat(20)[..]]);
    assert_eq!(work.read, 20 * 15, "the heads");
    assert!(work.calls <= 20 * 6, "{} calls", work.calls);
    assert_eq!(most_kept, 0);
}

#[test]
fn a_contradiction_inside_a_known_frame_is_skipped() {
    for frame in [
        &b"\x30\x00"[..],
        b"\x30\x01\x02",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x04\x02\x01\x01\x42",
        b"\x30\x05\x04\x01\x01\x42\x00",
        b"\x30\x05\x02\x00\x42\x00\x00",
        b"\x30\x05\x02\x01\x01\x42\x01",
        b"\x30\x84\x00\x00\x00\x00",
        b"\x30\x84\x00\x00\x00\x05\xff\xff\xff\xff\xff",
        b"\x30\x06\x02\x01\x01\x42\x80\x00",
        b"\x30\x0e\x02\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09\x42\x00\x00",
    ] {
        let stream = [frame, &unbind()].concat();
        assert_eq!(
            found_plain(&stream),
            [Found::Anomaly(Anomaly::MalformedMessage), found_unbind()],
            "{frame:x?}"
        );
    }
}

#[test]
fn junk_behind_an_operation_does_not_cost_the_message() {
    let stream = [message(3, 0x42, b"", b"\xa0\x05\x30", 0), unbind()].concat();
    let found = found_plain(&stream);
    assert_eq!(found[0], Found::Anomaly(Anomaly::MalformedMessage));
    assert!(matches!(&found[1], Found::Message(FoundMessage { id: 3, octets: 10, .. })), "{found:?}");
    assert_eq!(found[2], found_unbind());
    // Also where nobody looks into the operation.
    let stream = message(3, 0x64, b"entry", b"\xa0\x05\x30", 0);
    assert_eq!(found_plain(&stream)[0], Found::Anomaly(Anomaly::MalformedMessage));
}

#[test]
fn a_message_id_is_whatever_stands_there() {
    for (id, number) in [
        (&b"\x02\x01\xff"[..], -1),
        (b"\x02\x04\x7f\xff\xff\xff", 0x7fff_ffff),
        (b"\x02\x05\x00\x80\x00\x00\x00", 0x8000_0000),
        (b"\x02\x84\x00\x00\x00\x01\x05", 5),
    ] {
        let stream = element(0x30, 0, &[id, b"\x42\x00"].concat());
        let Found::Message(found) = found_plain(&stream).remove(0) else { panic!("a message") };
        assert_eq!(found.id, number);
    }
}

#[test]
fn where_a_message_has_to_begin_there_is_something_else() {
    for (stream, expected) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00"[..], Anomaly::TlsHello),
        // The driver tells HTTP at the start of a stream.
        (b"GET / HTTP/1.1\r\n", Anomaly::NotLdap),
        (b"EHLO x\r\n", Anomaly::NotLdap),
        (b"\x16\x16", Anomaly::NotLdap),
        (b"\x00\x00\x00\x10", Anomaly::NotLdap),
        (b"\x02\x01\x01\x42\x00", Anomaly::NotLdap),
        (b"\x30\x80\x02\x01\x01", Anomaly::IndefiniteLength),
        (b"\x30\x83\x01\x00\x00", Anomaly::OversizedMessage),
        (b"\x30\x84\xff\xff\xff\xff", Anomaly::OversizedMessage),
        (b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff", Anomaly::OversizedMessage),
        (b"\x30\x89", Anomaly::OversizedMessage),
    ] {
        let lost = Found::Lost(expected);
        let first = [stream, &unbind()].concat();
        assert_eq!(found_plain(&first), std::slice::from_ref(&lost), "{}", stream.escape_ascii());
        let later = [&unbind(), stream, &unbind()].concat();
        assert_eq!(found_plain(&later), [found_unbind(), lost], "{}", stream.escape_ascii());
    }
}

#[test]
fn once_lost_it_wants_nothing() {
    let mut reader = Reader::new(&small());
    reader.feed(b"EHLO x\r\n", &mut |_| {});
    assert_eq!(reader.need(), Need::Opaque(OpaqueCause::LostSync));
    assert_eq!((reader.name(), reader.is_inside_message()), ("lost", false));
}

#[test]
fn a_stream_may_end_anywhere() {
    let stream = message(7, 0x64, b"contents", &controls(), 4);
    let mut names = Vec::new();
    for end in 0..=stream.len() {
        let part = play_with(Reader::new(&small()), [&stream[..end]]);
        assert_eq!(part.found.len(), usize::from(end == stream.len()));
        // What is too short to be read is still in the driver.
        assert_eq!(part.is_inside, (2..stream.len()).contains(&end), "{end}");
        names.push(part.name);
    }
    names.dedup();
    assert_eq!(names, ["between_messages", "message_head", "message", "between_messages"]);
}

#[test]
fn several_needs_may_be_fed_at_once() {
    let stream = [bound(), message(7, 0x64, b"contents", &controls(), 4), unbind()].concat();
    let mut reader = Reader::new(&small());
    let mut found = Vec::new();
    let taken = reader.feed(&stream[..stream.len() - 1], &mut |item| found.push(Found::from(item)));
    assert_eq!(found.len(), 2);
    reader.feed(&stream[taken..], &mut |item| found.push(Found::from(item)));
    assert_eq!(found, found_plain(&stream));
}
