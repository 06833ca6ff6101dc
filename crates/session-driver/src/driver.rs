//! Feeds a session with just what it needs.

use std::borrow::Cow;

use memchr::memchr;

use crate::session::{CloseCause, Direction, Need, OpaqueCause, Session, Sink, Timestamp, Transport};
use crate::window::Window;

/// Most octets read from the host at once: a large segment is looked at in pieces, so that the guest's
/// memory does not grow with Envoy's buffers.
const LARGEST_READ: usize = 64 * 1024;
/// How far ahead a read for a line looks. Covers a usual segment of pipelined commands, and copies little
/// of a payload that the line says is to be skipped.
const LINE_READ: usize = 4 * 1024;
/// A rest of so few octets is read whole: the copy costs less than a second host call.
const SMALL_REST: usize = 512;
/// Capacity that a stream's buffer may keep between uses, in octets; it is what an idle connection costs.
const KEPT_CAPACITY: usize = 256;

/// How the octets of one callback were accounted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounted {
    /// Octets that the session followed, read or skipped.
    pub parsed: u64,
    /// Octets that passed unseen, and why.
    pub opaque: Option<(OpaqueCause, u64)>,
}

/// A session and the octets it is waiting to see the rest of.
///
/// Octets reach the session independently of how they were cut into callbacks. Nothing is ever held back
/// from the peer: what is kept here is a copy, bounded by the session's own needs.
#[derive(Debug)]
pub struct Driver<S> {
    session: S,
    streams: [Stream; 2],
}

#[derive(Debug, Default)]
struct Stream {
    /// Octets that passed and that the session has not been given yet.
    /// Invariant: without an LF while `kept_for` is `Line`.
    kept: Vec<u8>,
    /// What the octets in `kept` wait for; meaningless while it is empty.
    kept_for: KeptFor,
    /// When the last of them passed.
    kept_at: Option<Timestamp>,
    /// Octets that passed so far.
    offset: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum KeptFor {
    #[default]
    Line,
    Exact,
    OtherDirection,
}

impl<S: Session> Driver<S> {
    /// A driver at the start of a connection.
    pub fn new(session: S) -> Self {
        Self { session, streams: Default::default() }
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
        let accounted = self.run(direction, window, now, sink)?;
        if self.opaque(direction).is_some() {
            self.stream_mut(direction).free();
        }
        Ok(accounted)
    }

    /// Says that a direction has ended after its last octet.
    pub fn half_close(&mut self, direction: Direction, now: Timestamp, sink: &mut impl Sink<S>) {
        let unfinished = self.stream(direction).kept.len();
        self.session.half_close(direction, unfinished, now, sink);
        self.settle_all(sink);
    }

    /// Says that the connection is over.
    pub fn end(&mut self, cause: CloseCause, now: Timestamp, sink: &mut impl Sink<S>) {
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
            let taken = match self.session.need(direction) {
                Need::Opaque(cause) => {
                    accounted.opaque = Some((cause, rest as u64));
                    return Ok(accounted);
                }
                Need::Skip(octets) => {
                    let taken = usize::try_from(octets).unwrap_or(rest).clamp(1, rest);
                    self.session.skipped(direction, taken as u64, now, sink);
                    taken
                }
                Need::Wait { max } => {
                    let octets = ahead.at(window, position, rest)?;
                    self.wait(direction, octets, max, now, sink)
                }
                Need::Line { max } => {
                    let octets = ahead.at(window, position, LINE_READ)?;
                    self.line(direction, octets, max, now, sink)
                }
                Need::Exact(wanted) => {
                    let missing = wanted.saturating_sub(self.stream(direction).kept.len()).max(1);
                    let octets = ahead.at(window, position, missing)?;
                    self.exact(direction, octets, missing, now, sink)
                }
                Need::Scan => {
                    let octets = ahead.at(window, position, rest)?;
                    self.session.feed(direction, octets, now, sink).clamp(1, octets.len().max(1))
                }
            };
            let taken = taken.min(rest);
            accounted.parsed += taken as u64;
            position += taken;
            self.settle_all(sink);
        }
        Ok(accounted)
    }

    /// Gives kept octets to a session that no longer waits for what they were kept for. Each direction can
    /// unblock the other one, so this goes on until neither moves.
    fn settle_all(&mut self, sink: &mut impl Sink<S>) {
        let mut moved = true;
        while moved {
            moved = Direction::BOTH.into_iter().any(|direction| self.settle(direction, sink));
        }
    }

    fn settle(&mut self, direction: Direction, sink: &mut impl Sink<S>) -> bool {
        let need = self.session.need(direction);
        let stream = self.stream_mut(direction);
        let still_waiting = matches!(
            (stream.kept_for, need),
            (KeptFor::Line, Need::Line { .. })
                | (KeptFor::Exact, Need::Exact(_))
                | (KeptFor::OtherDirection, Need::Wait { .. })
        );
        if stream.kept.is_empty() || still_waiting {
            return false;
        }
        let kept = std::mem::take(&mut stream.kept);
        let Some(kept_at) = stream.kept_at.take() else { return false };
        // A slice cannot fail to be read, and these octets were accounted for when they passed.
        let _accounted = self.run(direction, &kept.as_slice(), kept_at, sink);
        true
    }

    fn wait(
        &mut self,
        direction: Direction,
        octets: &[u8],
        max: usize,
        now: Timestamp,
        sink: &mut impl Sink<S>,
    ) -> usize {
        let stream = self.stream_mut(direction);
        let room = max.saturating_sub(stream.kept.len());
        if octets.len() <= room {
            stream.keep(octets, KeptFor::OtherDirection, now);
            octets.len()
        } else {
            stream.keep(octets.get(..room).unwrap_or_default(), KeptFor::OtherDirection, now);
            self.session.overflow(direction, now, sink);
            let unchanged = matches!(self.session.need(direction), Need::Wait { .. });
            if unchanged { octets.len() } else { room }
        }
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

impl Stream {
    fn keep(&mut self, octets: &[u8], kept_for: KeptFor, now: Timestamp) {
        self.kept.extend_from_slice(octets);
        self.kept_for = kept_for;
        self.kept_at = Some(now);
    }

    /// Takes an emptied buffer back, unless it is larger than an idle connection should hold on to.
    fn reuse(&mut self, mut buffer: Vec<u8>) {
        if self.kept.is_empty() && buffer.capacity() <= KEPT_CAPACITY {
            buffer.clear();
            self.kept = buffer;
        }
    }

    fn free(&mut self) {
        self.kept = Vec::new();
    }
}

/// One read from the window serves as many needs as it covers.
#[derive(Default)]
struct ReadAhead<'w> {
    start: usize,
    octets: Cow<'w, [u8]>,
}

impl<'w> ReadAhead<'w> {
    /// The octets from `position` on: what is left of the last read, or about `wanted` fresh ones.
    fn at<W: Window>(&mut self, window: &'w W, position: usize, wanted: usize) -> Result<&[u8], W::Error> {
        let used = position.wrapping_sub(self.start);
        if used >= self.octets.len() {
            let rest = window.len().saturating_sub(position);
            let len = if rest <= SMALL_REST { rest } else { wanted.min(rest).min(LARGEST_READ) };
            self.octets = window.read(position, len)?;
            self.start = position;
            return Ok(&self.octets);
        }
        Ok(self.octets.get(used..).unwrap_or_default())
    }
}
