//! Reads messages that stand one behind the other.

use crate::event::Anomaly;
use crate::limits::LdapLimits;
use crate::protocol::ber::Header;
use crate::protocol::message::{HeadError, MessageHead, MessageKind, Trailer};
use crate::protocol::operation::Operation;

use super::{Contents, Item, Message};

/// Most octets kept of an operation that is too long to be kept whole: enough for a result code, for what stands in
/// front of a bind's token, and for the name of an extended operation.
pub(super) const START_OCTETS: u64 = 128;

/// Capacity that may be kept between messages, in octets.
const KEPT_CAPACITY: usize = 256;

/// The shortest head: every message begins with a tag and at least one octet of length.
const SHORTEST: u8 = 2;

/// What stands behind that at least: `02 01 05 42 00`. Asking for it at once saves calls.
const SHORTEST_BODY: u64 = 5;

/// Reads the messages of a stream that consists of nothing else.
///
/// Holds at most [`MessageHead::LONGEST`] octets of a message, and `max_decoded_octets` of one that it was given in
/// pieces smaller than it [wanted](Self::want).
#[derive(Debug)]
pub(super) struct Messages {
    max_octets: u32,
    max_decoded: u32,
    state: State,
    /// The first octets of the message: `head[..head_len]` are there.
    /// Invariant: in `State::Head`, `head_len < wanted <= LONGEST`.
    head: [u8; MessageHead::LONGEST],
    head_len: u8,
    /// How many octets of `kept` are the start of the operation.
    start_len: u8,
    /// The start of a long operation, and behind it what has come of a piece that was wanted whole.
    kept: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The head, of which so many octets are wanted.
    Head { wanted: u8 },
    /// All that is behind the head, at once.
    Whole(MessageHead),
    /// The start of the operation.
    Start(MessageHead),
    /// So many octets of the operation, which nobody looks at. Never 0.
    Operation(MessageHead, u64),
    /// What is behind the operation, at once.
    Trailer(MessageHead),
    /// So many octets behind the operation, too many to look at; of a malformed message, behind the head. Never 0.
    Rest(Option<MessageHead>, u64),
}

/// Which octets are wanted next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// So many, at once if possible. Never 0.
    Exact(usize),
    /// So many, to pass unseen. Never 0.
    Skip(u64),
}

/// How closely a head is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scrutiny {
    /// It is a message, or a mistake.
    Usual,
    /// It may as well be random octets: only a head without any mistake is one.
    Strict,
}

/// Where a message has to begin there is something whose end is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) Anomaly);

impl Messages {
    /// In front of a message.
    pub(super) fn new(limits: &LdapLimits) -> Self {
        // Limits are `u32`s.
        let octets = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        Self {
            max_octets: octets(limits.max_message_octets.get()),
            max_decoded: octets(limits.max_decoded_octets.get()),
            state: State::FIRST,
            head: [0; MessageHead::LONGEST],
            head_len: 0,
            start_len: 0,
            kept: Vec::new(),
        }
    }

    /// Whether no octet of a message has come yet, and none of the next.
    pub(super) fn is_between(&self) -> bool {
        self.head_len == 0
    }

    /// Whether the message's head is all there. Not so between messages.
    pub(super) fn has_head(&self) -> bool {
        !matches!(self.state, State::Head { .. })
    }

    /// The longest piece that is ever wanted at once.
    pub(super) fn longest_piece(&self) -> u32 {
        self.max_decoded
    }

    /// Which octets are wanted next.
    pub(super) fn want(&self) -> Want {
        let octets = match self.state {
            State::Head { wanted } => {
                return Want::Exact(usize::from(wanted.saturating_sub(self.head_len)).max(1));
            }
            State::Operation(_, left) | State::Rest(_, left) => return Want::Skip(left),
            State::Whole(head) => head.total.saturating_sub(head.head_len as u64),
            State::Start(head) => head.op_len.min(START_OCTETS),
            State::Trailer(head) => behind_operation(head),
        };
        // `Whole` and `Trailer` are bounded by `max_decoded`.
        let octets = usize::try_from(octets).unwrap_or(usize::MAX);
        Want::Exact(octets.saturating_sub(self.gathered()).max(1))
    }

    /// Takes the next octets, however many. What comes in the pieces that are wanted is not copied.
    ///
    /// # Errors
    /// No message can be found any more, unless [`reset`](Self::reset).
    pub(super) fn push(
        &mut self,
        mut octets: &[u8],
        scrutiny: Scrutiny,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), Broken> {
        while !octets.is_empty() {
            let wanted = match self.want() {
                Want::Exact(wanted) => wanted,
                Want::Skip(left) => usize::try_from(left).unwrap_or(usize::MAX),
            };
            let (piece, rest) = octets.split_at_checked(wanted).unwrap_or((octets, &[]));
            octets = rest;
            match self.state {
                State::Head { .. } => self.take_head(piece, scrutiny, sink)?,
                State::Operation(..) | State::Rest(..) => self.skipped(piece.len() as u64, sink),
                _ if piece.len() < wanted => self.kept.extend_from_slice(piece),
                _ if self.gathered() == 0 => self.take(piece, sink),
                _ => {
                    self.kept.extend_from_slice(piece);
                    let kept = std::mem::take(&mut self.kept);
                    let (start, whole) = kept.split_at_checked(self.start_len.into()).unwrap_or_default();
                    self.kept.extend_from_slice(start);
                    self.take(whole, sink);
                    if self.kept.capacity() == 0 && kept.capacity() <= KEPT_CAPACITY {
                        self.kept = kept;
                        self.kept.clear();
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the first message of these octets, if it stands there whole, and returns how many octets it has. 0, and
    /// nothing has happened, if it does not, if it is no message, or if only its start is to be kept. Only to be asked
    /// [between](Self::is_between) two messages.
    pub(super) fn whole(&self, octets: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> usize {
        let Ok(head) = MessageHead::parse(octets) else { return 0 };
        let Some(body) = head.body(octets) else { return 0 };
        let inside = has_inside(head.kind);
        let kept = if inside { head.total } else { behind_operation(head) };
        if head.total > self.max_octets.into() || kept > self.max_decoded.into() {
            return 0;
        }
        let contents = if inside { Contents::Whole(body.operation) } else { Contents::Skipped };
        let trailer =
            Some(if body.trailer.is_empty() { Trailer::default() } else { decoded(body.trailer, sink) });
        sink(Item::Message(Message { head, contents, trailer }));
        // The message is no longer than the octets.
        head.total as usize
    }

    /// Says that octets passed that were to be [skipped](Want::Skip).
    pub(super) fn skipped(&mut self, octets: u64, sink: &mut dyn FnMut(Item<'_>)) {
        match self.state {
            State::Operation(head, left) => match left.saturating_sub(octets) {
                0 => self.behind(head, sink),
                left => self.state = State::Operation(head, left),
            },
            State::Rest(head, left) => match left.saturating_sub(octets) {
                0 => self.end(head, None, sink),
                left => self.state = State::Rest(head, left),
            },
            _ => {}
        }
    }

    /// Forgets the message that was begun: the next octets are the first of another.
    pub(super) fn reset(&mut self) {
        self.state = State::FIRST;
        self.head_len = 0;
        self.start_len = 0;
        self.kept.clear();
        self.kept.shrink_to(KEPT_CAPACITY);
    }

    /// Octets of memory that are held for pieces.
    #[cfg(test)]
    pub(super) fn kept_capacity(&self) -> usize {
        self.kept.capacity()
    }

    /// How many octets there are of a piece that is wanted whole.
    fn gathered(&self) -> usize {
        self.kept.len().saturating_sub(self.start_len.into())
    }

    fn take_head(
        &mut self,
        piece: &[u8],
        scrutiny: Scrutiny,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), Broken> {
        for (place, octet) in self.head.iter_mut().skip(self.head_len.into()).zip(piece) {
            *place = *octet;
            self.head_len = self.head_len.saturating_add(1);
        }
        let octets = self.head.get(..self.head_len.into()).unwrap_or_default();
        if self.head_len < SHORTEST {
            return Ok(());
        }
        // Octets that this message has, if it is one.
        let certain = match Header::parse(octets) {
            Ok(message) if message.total() > self.max_octets.into() => {
                return Err(Broken(Anomaly::OversizedMessage));
            }
            Ok(message) => message.total().min(SHORTEST_BODY.saturating_add(message.header_len as u64)),
            Err(_) => 0,
        };
        match MessageHead::parse(octets) {
            Err(HeadError::NeedMore(wanted)) => {
                let wanted = certain.max(wanted as u64);
                self.state = State::Head { wanted: wanted as u8 };
                Ok(())
            }
            Ok(head) if scrutiny == Scrutiny::Strict && !is_flawless(head) => Err(Broken(Anomaly::NotLdap)),
            Ok(head) => {
                self.begin(head, sink);
                Ok(())
            }
            Err(HeadError::Malformed { total }) if scrutiny == Scrutiny::Usual => {
                sink(Item::Anomaly(Anomaly::MalformedMessage));
                match total.saturating_sub(octets.len() as u64) {
                    0 => self.reset(),
                    left => self.state = State::Rest(None, left),
                }
                Ok(())
            }
            Err(HeadError::Malformed { .. } | HeadError::NotLdap) => Err(Broken(Anomaly::NotLdap)),
            Err(HeadError::Indefinite) => Err(Broken(Anomaly::IndefiniteLength)),
            Err(HeadError::TooLong) => Err(Broken(Anomaly::OversizedMessage)),
        }
    }

    /// Goes on behind a head that is all there.
    fn begin(&mut self, head: MessageHead, sink: &mut dyn FnMut(Item<'_>)) {
        let behind_head = head.total.saturating_sub(head.head_len as u64);
        if !has_inside(head.kind) {
            self.operation(head, head.op_len, sink);
        } else if head.total > self.max_decoded.into() {
            match head.op_len {
                0 => self.behind(head, sink),
                _ => self.state = State::Start(head),
            }
        } else if behind_head > 0 {
            self.state = State::Whole(head);
        } else {
            let message = Message { head, contents: Contents::Whole(&[]), trailer: Some(Trailer::default()) };
            sink(Item::Message(message));
            self.reset();
        }
    }

    /// Takes a piece that was wanted whole.
    fn take(&mut self, piece: &[u8], sink: &mut dyn FnMut(Item<'_>)) {
        match self.state {
            State::Whole(head) => {
                let operation = usize::try_from(head.op_len).unwrap_or(usize::MAX);
                let (operation, trailer) = piece.split_at_checked(operation).unwrap_or((piece, &[]));
                let trailer = Some(decoded(trailer, sink));
                sink(Item::Message(Message { head, contents: Contents::Whole(operation), trailer }));
                self.reset();
            }
            State::Start(head) => {
                self.kept.clear();
                self.kept.extend_from_slice(piece);
                self.start_len = piece.len().min(START_OCTETS as usize) as u8;
                self.operation(head, head.op_len.saturating_sub(piece.len() as u64), sink);
            }
            State::Trailer(head) => self.end(Some(head), Some(piece), sink),
            State::Head { .. } | State::Operation(..) | State::Rest(..) => {}
        }
    }

    /// Lets so many octets of the operation pass.
    fn operation(&mut self, head: MessageHead, octets: u64, sink: &mut dyn FnMut(Item<'_>)) {
        match octets {
            0 => self.behind(head, sink),
            left => self.state = State::Operation(head, left),
        }
    }

    /// Goes on behind the operation.
    fn behind(&mut self, head: MessageHead, sink: &mut dyn FnMut(Item<'_>)) {
        match behind_operation(head) {
            0 => self.end(Some(head), Some(&[]), sink),
            octets if octets <= self.max_decoded.into() => self.state = State::Trailer(head),
            octets => self.state = State::Rest(Some(head), octets),
        }
    }

    /// The message is over. Of a malformed one there is no head any more.
    fn end(&mut self, head: Option<MessageHead>, trailer: Option<&[u8]>, sink: &mut dyn FnMut(Item<'_>)) {
        if let Some(head) = head {
            let trailer = trailer.map(|trailer| decoded(trailer, sink));
            let contents = if has_inside(head.kind) {
                Contents::Start(self.kept.get(..self.start_len.into()).unwrap_or_default())
            } else {
                Contents::Skipped
            };
            sink(Item::Message(Message { head, contents, trailer }));
        }
        self.reset();
    }
}

impl State {
    const FIRST: Self = Self::Head { wanted: SHORTEST };
}

/// Octets behind the operation.
fn behind_operation(head: MessageHead) -> u64 {
    head.total.saturating_sub(head.op_len).saturating_sub(head.head_len as u64)
}

/// What stands behind the operation; nothing when it makes no sense.
fn decoded<'a>(octets: &'a [u8], sink: &mut dyn FnMut(Item<'_>)) -> Trailer<'a> {
    Trailer::decode(octets).unwrap_or_else(|_| {
        sink(Item::Anomaly(Anomaly::MalformedMessage));
        Trailer::default()
    })
}

/// Whether somebody looks into operations of this kind. Entries and what changes them are the large ones, and hold
/// what is nobody's business here.
const fn has_inside(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Request(operation) => match operation {
            Operation::Bind
            | Operation::Unbind
            | Operation::Search
            | Operation::Abandon
            | Operation::Extended => true,
            Operation::Modify
            | Operation::Add
            | Operation::Delete
            | Operation::ModifyDn
            | Operation::Compare
            | Operation::Other => false,
        },
        MessageKind::Response(_) | MessageKind::Intermediate => true,
        MessageKind::Entry | MessageKind::Reference | MessageKind::Unknown => false,
    }
}

// The chance that random octets are taken for a head is below 2^-29: the first has to be 30 (2^-8), the first behind
// the length 02 (2^-8), the ID's length one of four (2^-6) and its sign positive (2^-1), the tag one of 21 (2^-3.6), and
// both lengths have to be short or written in one of few ways and to fit into each other (2^-3).
/// Whether nothing in the head is what RFC 4511 does not foresee.
fn is_flawless(head: MessageHead) -> bool {
    head.kind != MessageKind::Unknown && head.id.is_in_range() && behind_operation(head) != 1
}
