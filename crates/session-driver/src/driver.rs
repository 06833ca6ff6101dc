//! Feeds a session with just what it needs.

mod accounted;
mod read_ahead;
mod start;
mod stream;

use memchr::memchr;

pub use self::accounted::Accounted;
use self::read_ahead::ReadAhead;
use self::start::Start;
use self::stream::{KeptFor, Stream};
use crate::session::{CloseCause, Direction, Need, OpaqueCause, Session, Sink, Timestamp, Transport};
use crate::window::Window;

/// How far ahead a read for a line looks. Covers a usual segment of pipelined commands, and copies little
/// of a payload that the line says is to be skipped.
const LINE_READ: usize = 4 * 1024;
/// How far ahead a read for a few octets looks. A host call costs as much as copying some thousand octets, and small
/// messages stand close together: so one read serves many of them.
const EXACT_READ: usize = 16 * 1024;

/// A session and the octets it is waiting to see the rest of.
///
/// Octets reach the session independently of how they were cut into callbacks. Nothing is ever held back
/// from the peer: what is kept here is a copy, bounded by the session's own needs.
#[derive(Debug)]
pub struct Driver<S> {
    session: S,
    streams: [Stream; 2],
    start: Start,
    /// The server has said something.
    server_spoke: bool,
}

impl<S: Session> Driver<S> {
    /// A driver at the start of a connection.
    pub fn new(session: S) -> Self {
        let streams = Direction::BOTH.map(|direction| Stream {
            waits: matches!(session.need(direction), Need::Wait { .. }),
            ..Stream::default()
        });
        Self { session, streams, start: Start::Unknown, server_spoke: false }
    }

    /// The session.
    pub fn session(&self) -> &S {
        &self.session
    }

    /// How many octets have passed in this direction.
    pub fn offset(&self, direction: Direction) -> u64 {
        self.stream(direction).offset
    }

    /// Octets of memory that the driver itself holds for this connection.
    pub fn buffered(&self) -> usize {
        self.streams.iter().map(|stream| stream.kept.capacity()).sum()
    }

    /// Tells the session how the downstream leg is protected.
    pub fn transport(&mut self, transport: Transport) {
        self.session.transport(transport);
    }

    /// Whether the session will never look at this direction again, and why.
    pub fn opaque(&self, direction: Direction) -> Option<OpaqueCause> {
        match self.session.need(direction) {
            Need::Opaque(cause) => Some(cause),
            _ => None,
        }
    }

    /// Feeds the session with the octets of one callback. `now` is when they passed.
    ///
    /// # Errors
    /// When the window cannot be read. The driver must then not be used any more: octets are missing.
    pub fn data<W: Window>(
        &mut self,
        direction: Direction,
        window: &W,
        now: Timestamp,
        sink: &mut impl Sink<S>,
    ) -> Result<Accounted, W::Error> {
        self.stream_mut(direction).offset += window.len() as u64;
        if direction == Direction::ToClient && !window.is_empty() {
            self.server_speaks(now, sink);
        }
        let accounted = self.run(direction, window, now, sink)?;
        if self.opaque(direction).is_some() {
            self.stream_mut(direction).free();
        }
        Ok(accounted)
    }

    /// Says that a direction has ended after its last octet.
    pub fn half_close(&mut self, direction: Direction, now: Timestamp, sink: &mut impl Sink<S>) {
        if direction == Direction::ToServer {
            self.start_is_over(now, sink);
        }
        let unfinished = self.stream(direction).kept.len();
        self.session.half_close(direction, unfinished, now, sink);
        self.settle_all(now, sink);
    }

    /// Says that the connection is over.
    pub fn end(&mut self, cause: CloseCause, now: Timestamp, sink: &mut impl Sink<S>) {
        self.start_is_over(now, sink);
        self.session.end(cause, now, sink);
        for stream in &mut self.streams {
            stream.free();
        }
    }

    fn run<W: Window>(
        &mut self,
        direction: Direction,
        window: &W,
        now: Timestamp,
        sink: &mut impl Sink<S>,
    ) -> Result<Accounted, W::Error> {
        let len = window.len();
        let mut ahead = ReadAhead::default();
        let mut accounted = Accounted::default();
        let mut position = 0;
        while position < len {
            let rest = len - position;
            let need = self.session.need(direction);
            let unseen = match need {
                Need::Opaque(cause) | Need::Unseen { cause, .. } => Some(cause),
                _ => None,
            };
            let taken = match need {
                Need::Opaque(_) => rest,
                _ if direction == Direction::ToServer && self.start != Start::Known => match self.start {
                    Start::ProxyRest { remaining } => self.proxy_rest(remaining, rest),
                    Start::ProxyLine => self.proxy_line(ahead.at(window, position, 1, LINE_READ)?, sink),
                    Start::Unknown | Start::Known => {
                        let octets =
                            ahead.at(window, position, start::LONGEST_START, self.start_read(LINE_READ))?;
                        self.start(octets, now, sink)
                    }
                },
                Need::Skip(octets) | Need::Unseen { octets, .. } => {
                    let taken = usize::try_from(octets).unwrap_or(rest).clamp(1, rest);
                    self.session.skipped(direction, taken as u64, now, sink);
                    taken
                }
                Need::Wait { max } => {
                    let room = max.saturating_sub(self.stream(direction).waiting());
                    if room == 0 {
                        self.overflow(direction, rest, now, sink)
                    } else {
                        let octets = ahead.at(window, position, 1, room)?;
                        let octets = octets.get(..room).unwrap_or(octets);
                        self.stream_mut(direction).keep(octets, KeptFor::OtherDirection, now);
                        octets.len()
                    }
                }
                Need::Line { max } => {
                    let octets = ahead.at(window, position, 1, LINE_READ)?;
                    self.line(direction, octets, max, now, sink)
                }
                Need::Exact(wanted) => {
                    let missing = wanted.saturating_sub(self.stream(direction).kept.len()).max(1);
                    let octets = ahead.at(window, position, missing, EXACT_READ)?;
                    self.exact(direction, octets, missing, now, sink)
                }
                Need::Scan => {
                    let octets = ahead.at(window, position, 1, rest)?;
                    self.session.feed(direction, octets, now, sink).clamp(1, octets.len().max(1))
                }
            };
            let taken = taken.min(rest);
            match unseen {
                Some(cause) => accounted.add_unseen(cause, taken as u64),
                None => accounted.parsed += taken as u64,
            }
            position += taken;
            self.settle_all(now, sink);
        }
        Ok(accounted)
    }

    /// More came than may wait: says so, and how many of the octets that remain that has used up.
    fn overflow(
        &mut self,
        direction: Direction,
        rest: usize,
        now: Timestamp,
        sink: &mut impl Sink<S>,
    ) -> usize {
        self.session.overflow(direction, now, sink);
        // A session that waits on all the same does without them.
        if matches!(self.session.need(direction), Need::Wait { .. }) { rest } else { 0 }
    }

    /// Gives kept octets to a session that no longer waits for what they were kept for. Each direction can
    /// unblock the other one, so this goes on until neither moves.
    fn settle_all(&mut self, now: Timestamp, sink: &mut impl Sink<S>) {
        let mut moved = true;
        while moved {
            moved = Direction::BOTH.into_iter().any(|direction| self.settle(direction, now, sink));
        }
    }

    fn settle(&mut self, direction: Direction, now: Timestamp, sink: &mut impl Sink<S>) -> bool {
        let need = self.session.need(direction);
        let start = self.start;
        let stream = self.stream_mut(direction);
        let waits = matches!(need, Need::Wait { .. });
        if std::mem::replace(&mut stream.waits, waits) && !waits {
            let octets = stream.waiting() as u64;
            self.session.waited(direction, octets, now, sink);
            return true;
        }
        let still_waiting = match (stream.kept_for, need) {
            (KeptFor::Line, Need::Line { .. })
            | (KeptFor::Exact, Need::Exact(_))
            | (KeptFor::OtherDirection, Need::Wait { .. }) => true,
            (KeptFor::Start, _) => start == Start::Unknown,
            _ => false,
        };
        if stream.kept.is_empty() || still_waiting {
            return false;
        }
        let kept = std::mem::take(&mut stream.kept);
        let Some(kept_at) = stream.kept_at.take() else { return false };
        // A slice cannot fail to be read, and these octets were accounted for when they passed.
        let _accounted = self.run(direction, &kept.as_slice(), kept_at, sink);
        self.stream_mut(direction).reuse(kept);
        true
    }

    fn line(
        &mut self,
        direction: Direction,
        octets: &[u8],
        max: usize,
        now: Timestamp,
        sink: &mut impl Sink<S>,
    ) -> usize {
        let stream = self.stream_mut(direction);
        let end = memchr(b'\n', octets);
        let taken = end.map_or(octets.len(), |lf| lf + 1);
        let piece = octets.get(..taken).unwrap_or_default();
        if end.is_some() && stream.kept.is_empty() && taken <= max {
            self.session.feed(direction, piece, now, sink);
            return taken;
        }
        let room = max.saturating_sub(stream.kept.len());
        // Octets of a line beyond `max` are dropped: the session then gets it without its LF.
        stream.keep(piece.get(..room.min(taken)).unwrap_or_default(), KeptFor::Line, now);
        if end.is_some() {
            let line = std::mem::take(&mut stream.kept);
            self.session.feed(direction, &line, now, sink);
            self.stream_mut(direction).reuse(line);
        }
        taken
    }

    fn exact(
        &mut self,
        direction: Direction,
        octets: &[u8],
        missing: usize,
        now: Timestamp,
        sink: &mut impl Sink<S>,
    ) -> usize {
        if self.stream(direction).kept.is_empty() {
            let taken = self.session.feed_ahead(direction, octets, now, sink);
            if taken > 0 {
                return taken.min(octets.len());
            }
        }
        let stream = self.stream_mut(direction);
        let taken = missing.min(octets.len());
        let piece = octets.get(..taken).unwrap_or_default();
        if taken < missing {
            stream.keep(piece, KeptFor::Exact, now);
        } else if stream.kept.is_empty() {
            self.session.feed(direction, piece, now, sink);
        } else {
            stream.keep(piece, KeptFor::Exact, now);
            let whole = std::mem::take(&mut stream.kept);
            self.session.feed(direction, &whole, now, sink);
            self.stream_mut(direction).reuse(whole);
        }
        taken
    }

    fn stream(&self, direction: Direction) -> &Stream {
        let [to_server, to_client] = &self.streams;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    fn stream_mut(&mut self, direction: Direction) -> &mut Stream {
        let [to_server, to_client] = &mut self.streams;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }
}
