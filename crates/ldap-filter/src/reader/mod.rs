//! Finds the messages of one direction of a connection, also inside SASL security layers that only sign.
//!
//! [`Reader`] follows the stream: messages as they are, or SASL buffers of which [`token`] finds the messages.
//! [`messages`] reads those, wherever they stand. Both *pull*: they say which octets they want next, so that nothing
//! depends on how the stream was cut, and what nobody looks at is never read from the host.

mod messages;
#[cfg(test)]
mod tests;
mod token;

use session_driver::{Need, OpaqueCause, Opening};

use self::messages::{Broken, Messages, Scrutiny, Want};
use self::token::{Before, TokenReader};
use crate::event::{Anomaly, Protection};
use crate::limits::LdapLimits;
use crate::protocol::ber::tag;
use crate::protocol::message::{MessageHead, Trailer};
use crate::protocol::sasl::{LENGTH_OCTETS, LONGEST_BUFFER};

/// Something found in the octets of one direction, said once its last octet has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A message.
    Message(Message<'a>),
    /// A buffer of a SASL security layer, behind the messages that were found in it.
    SaslBuffer {
        /// Whether it could be looked into. A signed one in which no message was found had an
        /// [`Anomaly::UnreadableSaslBuffer`] before.
        protection: Protection,
        /// Octets of the buffer, without its length: up to [`LONGEST_BUFFER`].
        octets: u32,
    },
    /// Something that does not stop the reader.
    Anomaly(Anomaly),
    /// What follows cannot be read any more. Nothing else comes.
    Lost(Anomaly),
}

/// A message: what stands in front of its operation, and what was kept of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// ID, kind and lengths.
    pub(crate) head: MessageHead,
    /// The contents of the operation.
    pub(crate) contents: Contents<'a>,
    /// What stands behind the operation; `None` when it was too long to be kept.
    pub(crate) trailer: Option<Trailer<'a>>,
}

/// What was kept of the contents of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents<'a> {
    /// All.
    Whole(&'a [u8]),
    /// The first octets, up to [`messages::START_OCTETS`]: the message is longer than `max_decoded_octets`.
    Start(&'a [u8]),
    /// Nothing: nobody looks into an operation of this kind.
    Skipped,
}

/// Follows the octets of one direction.
#[derive(Debug)]
pub(crate) struct Reader {
    layer: Layer,
    messages: Messages,
    /// What the last token left. Invariant: between tokens, `before.unfinished` is set exactly when `messages` are
    /// not between two.
    before: Before,
    /// A bind has succeeded whose mechanism can have a security layer.
    may_be_wrapped: bool,
    /// Longest SASL buffer that is believed.
    longest_buffer: u32,
}

/// What the octets that come next are part of.
#[derive(Debug)]
enum Layer {
    /// Nothing yet: a message or a buffer begins.
    Between,
    /// A message that stands in the stream as it is.
    Plain,
    /// The length of a SASL buffer, whose first octets these are.
    Length { first: [u8; 2] },
    /// A SASL buffer.
    Token(TokenReader),
    /// Nothing that can be read, ever again.
    Lost,
}

/// How many octets tell a message from the length of a buffer, and are part of either.
const BETWEEN: usize = 2;

impl Reader {
    /// At the start of a stream.
    pub(crate) fn new(limits: &LdapLimits) -> Self {
        let longest_message = u32::try_from(limits.max_message_octets.get()).unwrap_or(u32::MAX);
        Self {
            layer: Layer::Between,
            messages: Messages::new(limits),
            before: Before::NOTHING,
            may_be_wrapped: false,
            longest_buffer: LONGEST_BUFFER.min(longest_message),
        }
    }

    /// Which octets are wanted next.
    pub(crate) fn need(&self) -> Need {
        match &self.layer {
            Layer::Between => Need::Exact(BETWEEN),
            Layer::Plain => match self.messages.want() {
                Want::Exact(octets) => Need::Exact(octets),
                Want::Skip(octets) => Need::Skip(octets),
            },
            Layer::Length { first } => Need::Exact(LENGTH_OCTETS.saturating_sub(first.len())),
            Layer::Token(token) => token.need(&self.messages),
            Layer::Lost => Need::Opaque(OpaqueCause::LostSync),
        }
    }

    /// Takes octets that were [needed](Self::need), or those of several needs one after the other. Returns how many it
    /// took: all, unless the last are fewer than needed.
    pub(crate) fn feed(&mut self, octets: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> usize {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = match self.need() {
                Need::Exact(wanted) => {
                    let Some((piece, behind)) = rest.split_at_checked(wanted) else { break };
                    self.exact(piece, sink);
                    behind
                }
                Need::Skip(wanted) | Need::Unseen { octets: wanted, .. } => {
                    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
                    let (passed, behind) = rest.split_at_checked(wanted).unwrap_or((rest, &[]));
                    self.skipped(passed.len() as u64, sink);
                    behind
                }
                Need::Line { .. } | Need::Scan | Need::Wait { .. } | Need::Opaque(_) => &[],
            };
        }
        octets.len().saturating_sub(rest.len())
    }

    /// Takes the first message of these octets, if it stands there whole and in clear text, and returns how many octets
    /// it has; 0 otherwise. What is found is what [`feed`](Self::feed) and [`skipped`](Self::skipped) would find.
    pub(crate) fn whole_message(&mut self, octets: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> usize {
        let (Layer::Between, true) = (&self.layer, self.messages.is_between()) else { return 0 };
        let taken = self.messages.whole(octets, sink);
        if taken > 0 {
            self.before = Before::NOTHING;
        }
        taken
    }

    /// Says that octets passed that were to be skipped or could not be seen: at most as many as were needed.
    pub(crate) fn skipped(&mut self, octets: u64, sink: &mut dyn FnMut(Item<'_>)) {
        match &mut self.layer {
            Layer::Plain => self.messages.skipped(octets, sink),
            Layer::Token(token) => {
                token.skipped(u32::try_from(octets).unwrap_or(u32::MAX), &mut self.messages, sink);
            }
            _ => {}
        }
        self.settle(sink);
    }

    // RFC 4422, 3.7: a security layer takes effect right behind the outcome of the authentication, in each direction.
    /// Says that a bind has succeeded whose mechanism can have a security layer. From the next message on each may be
    /// a buffer of that layer, which in fact few are: the layer is negotiated inside the mechanism.
    pub(crate) fn may_be_wrapped(&mut self) {
        self.may_be_wrapped = true;
    }

    /// Whether octets have come of a message or a buffer that has not ended.
    pub(crate) fn is_inside_message(&self) -> bool {
        match self.layer {
            Layer::Between => !self.messages.is_between(),
            Layer::Plain | Layer::Length { .. } | Layer::Token(_) => true,
            Layer::Lost => false,
        }
    }

    /// What the reader is doing, for log lines.
    pub(crate) fn name(&self) -> &'static str {
        match self.layer {
            Layer::Between => "between_messages",
            Layer::Plain if self.messages.has_head() => "message",
            Layer::Plain => "message_head",
            Layer::Length { .. } => "sasl_length",
            Layer::Token(_) => "sasl_buffer",
            Layer::Lost => "lost",
        }
    }

    fn exact(&mut self, piece: &[u8], sink: &mut dyn FnMut(Item<'_>)) {
        match &mut self.layer {
            Layer::Between => self.start(piece, sink),
            Layer::Plain => self.plain(piece, sink),
            Layer::Length { first } => {
                let length = match (*first, piece) {
                    ([a, b], [c, d]) => u32::from_be_bytes([a, b, *c, *d]),
                    _ => u32::MAX,
                };
                self.buffer(length, sink);
            }
            Layer::Token(token) => token.feed(piece, self.before, &mut self.messages, sink),
            Layer::Lost => {}
        }
        self.settle(sink);
    }

    /// Decides what begins with these octets.
    fn start(&mut self, piece: &[u8], sink: &mut dyn FnMut(Item<'_>)) {
        match piece {
            [tag::SEQUENCE, ..] => {
                if !self.messages.is_between() {
                    token::cut_off(&mut self.messages, sink);
                }
                self.before = Before::NOTHING;
                self.layer = Layer::Plain;
                self.plain(piece, sink);
            }
            // As the length of a buffer it would be far too much.
            _ if Opening::of(piece) == Some(Opening::Tls) => self.lose(Anomaly::TlsHello, sink),
            [0, second] if self.may_be_wrapped => self.layer = Layer::Length { first: [0, *second] },
            _ if self.may_be_wrapped => self.lose(Anomaly::OversizedSaslBuffer, sink),
            _ => self.lose(Anomaly::NotLdap, sink),
        }
    }

    fn plain(&mut self, piece: &[u8], sink: &mut dyn FnMut(Item<'_>)) {
        if let Err(Broken(anomaly)) = self.messages.push(piece, Scrutiny::Usual, sink) {
            self.lose(anomaly, sink);
        }
    }

    /// Begins a buffer of so many octets.
    fn buffer(&mut self, length: u32, sink: &mut dyn FnMut(Item<'_>)) {
        if length > self.longest_buffer {
            self.lose(Anomaly::OversizedSaslBuffer, sink);
            return;
        }
        self.layer = Layer::Token(TokenReader::new(length, self.before, &mut self.messages, sink));
    }

    /// Goes on behind what has ended.
    fn settle(&mut self, sink: &mut dyn FnMut(Item<'_>)) {
        match &self.layer {
            Layer::Plain if self.messages.is_between() => self.layer = Layer::Between,
            Layer::Token(token) => {
                if let Some((protection, octets)) = token.ended() {
                    self.before = token.leaves(&self.messages);
                    self.layer = Layer::Between;
                    sink(Item::SaslBuffer { protection, octets });
                }
            }
            _ => {}
        }
    }

    /// Looks at nothing any more, and keeps nothing.
    fn lose(&mut self, anomaly: Anomaly, sink: &mut dyn FnMut(Item<'_>)) {
        self.layer = Layer::Lost;
        self.messages.reset();
        self.before = Before::NOTHING;
        sink(Item::Lost(anomaly));
    }
}
