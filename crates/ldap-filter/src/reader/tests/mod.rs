//! What the reader finds, however its octets are cut.

mod hostile;
mod plain;
mod properties;
mod recorded;
mod tokens;
mod wire;

use std::cell::Cell;

use session_driver::{CloseCause, Direction, Driver, Need, OpaqueCause, Session, Sink, Timestamp, Transport};

use super::*;
use crate::protocol::message::MessageKind;
use crate::protocol::sasl::Family;

/// An [`Item`] that outlives its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Message(FoundMessage),
    SaslBuffer(Protection, u32),
    Anomaly(Anomaly),
    Lost(Anomaly),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FoundMessage {
    id: i64,
    kind: MessageKind,
    octets: u64,
    contents: Kept,
    controls: Option<Vec<u8>>,
    response_name: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    Whole(Vec<u8>),
    Start(Vec<u8>),
    Nothing,
}

impl From<Item<'_>> for Found {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Message(Message { head, contents, trailer }) => Self::Message(FoundMessage {
                id: head.id.0,
                kind: head.kind,
                octets: head.total,
                contents: match contents {
                    Contents::Whole(octets) => Kept::Whole(octets.into()),
                    Contents::Start(octets) => Kept::Start(octets.into()),
                    Contents::Skipped => Kept::Nothing,
                },
                controls: trailer.map(|trailer| trailer.controls.into()),
                response_name: trailer.and_then(|trailer| trailer.response_name.map(Into::into)),
            }),
            Item::SaslBuffer { protection, octets } => Self::SaslBuffer(protection, octets),
            Item::Anomaly(anomaly) => Self::Anomaly(anomaly),
            Item::Lost(anomaly) => Self::Lost(anomaly),
        }
    }
}

/// A session of one direction, which is nothing but the reader.
struct OneWay {
    reader: Reader,
    work: Cell<Work>,
}

/// What it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    /// Calls of the reader.
    calls: usize,
    /// Octets that it was given to look at.
    read: usize,
}

impl Session for OneWay {
    type Event<'e> = Item<'e>;

    fn need(&self, direction: Direction) -> Need {
        let need = match direction {
            // The driver itself looks at what a client starts with.
            Direction::ToClient => self.reader.need(),
            Direction::ToServer => Need::Opaque(OpaqueCause::LostSync),
        };
        assert!(
            !matches!(need, Need::Exact(0) | Need::Skip(0) | Need::Unseen { octets: 0, .. }),
            "{need:?} in {}",
            self.reader.name()
        );
        need
    }

    fn feed(&mut self, _: Direction, octets: &[u8], _: Timestamp, sink: &mut impl Sink<Self>) -> usize {
        let Work { calls, read } = self.work.get();
        self.work.set(Work { calls: calls + 1, read: read + octets.len() });
        let taken = self.reader.feed(octets, &mut |item| sink.event(item));
        assert_eq!(taken, octets.len());
        taken
    }

    fn skipped(&mut self, _: Direction, octets: u64, _: Timestamp, sink: &mut impl Sink<Self>) {
        let Work { calls, read } = self.work.get();
        self.work.set(Work { calls: calls + 1, read });
        self.reader.skipped(octets, &mut |item| sink.event(item));
    }

    fn overflow(&mut self, _: Direction, _: Timestamp, _: &mut impl Sink<Self>) {}
    fn half_close(&mut self, _: Direction, _: usize, _: Timestamp, _: &mut impl Sink<Self>) {}
    fn end(&mut self, _: CloseCause, _: Timestamp, _: &mut impl Sink<Self>) {}
    fn transport(&mut self, _: Transport) {}
}

/// What became of a stream.
#[derive(Clone, Debug)]
struct Played {
    found: Vec<Found>,
    work: Work,
    /// Octets that the driver counts as seen.
    parsed: u64,
    /// Octets that it counts as not seen.
    unseen: u64,
    /// Most octets of memory that reader and driver held.
    most_kept: usize,
    /// Whether the stream ended inside something.
    is_inside: bool,
    name: &'static str,
}

/// The limits that tests have unless they say otherwise: little is kept.
fn small() -> LdapLimits {
    limits(r#"{"max_decoded_octets": 512, "max_message_octets": 65536}"#)
}

fn limits(json: &str) -> LdapLimits {
    serde_json::from_str(json).expect("limits")
}

/// Plays a stream that comes in these pieces. Security layers are possible from its first octet.
fn play<'a>(limits: &LdapLimits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Played {
    let mut reader = Reader::new(limits);
    reader.may_be_wrapped();
    play_with(reader, pieces)
}

fn play_with<'a>(reader: Reader, pieces: impl IntoIterator<Item = &'a [u8]>) -> Played {
    let mut driver = Driver::new(OneWay { reader, work: Cell::default() });
    let mut found = Vec::new();
    let (mut parsed, mut unseen, mut total, mut most_kept) = (0, 0, 0, 0);
    for piece in pieces {
        let mut sink = |item: Item<'_>| found.push(Found::from(item));
        let Ok(accounted) = driver.data(Direction::ToClient, &piece, Timestamp(0), &mut sink);
        parsed += accounted.parsed;
        unseen += accounted.unseen().map(|(_, octets)| octets).sum::<u64>();
        total += piece.len() as u64;
        most_kept = most_kept.max(driver.buffered() + driver.session().reader.messages.kept_capacity());
    }
    assert_eq!(parsed + unseen, total, "every octet is accounted for");
    let OneWay { reader, work } = driver.session();
    Played {
        found,
        work: work.get(),
        parsed,
        unseen,
        most_kept,
        is_inside: reader.is_inside_message(),
        name: reader.name(),
    }
}

/// The stream in one piece, after it was tried octet by octet and in pieces of some sizes with the same result.
fn played(limits: &LdapLimits, stream: &[u8]) -> Played {
    let whole = play(limits, [stream]);
    for size in [1, 2, 3, 7, 64] {
        let cut = play(limits, stream.chunks(size));
        assert_eq!(cut.found, whole.found, "in pieces of {size}");
        assert_eq!((cut.parsed, cut.unseen), (whole.parsed, whole.unseen), "in pieces of {size}");
    }
    whole
}

/// What is found in a stream.
fn found(stream: &[u8]) -> Vec<Found> {
    played(&small(), stream).found
}

#[test]
fn an_idle_reader_is_small() {
    assert!(size_of::<Reader>() <= 224, "{} octets", size_of::<Reader>());
}
