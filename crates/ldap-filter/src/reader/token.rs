//! Reads one token of a SASL security layer.

use session_driver::{Need, OpaqueCause};

use super::Item;
use super::messages::{Messages, Scrutiny, Want};
use crate::event::{Anomaly, Protection};
use crate::protocol::sasl::{Arrangement, Family, NeedMore, Signed, Token};

/// Follows one token to its end, and gives what it carries in clear text to the reader of messages.
///
/// A message may begin in one token and go on in the next ones of the same kind.
#[derive(Debug)]
pub(super) struct TokenReader {
    /// Octets of the token.
    octets: u32,
    /// Octets of it that have not passed. Invariant: `left <= octets`, and the stage's own numbers are `<= left`.
    left: u32,
    /// Its kind, if it is signed only.
    family: Option<Family>,
    /// How closely the head of the next message is looked at: strictly while nothing tells whether messages stand
    /// here, or where one of them begins.
    scrutiny: Scrutiny,
    /// It is sealed, or could not be read: where in it messages end is not known.
    is_lost: bool,
    stage: Stage,
}

/// What the tokens before one leave to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    /// The kind of tokens in which a message was begun and not ended.
    pub(super) unfinished: Option<Family>,
    /// A message may begin in what could not be read.
    pub(super) is_lost: bool,
}

impl Before {
    /// No token was before, or a message that stands in the stream as it is: the layer is a new one.
    pub(super) const NOTHING: Self = Self { unfinished: None, is_lost: false };
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Its first octets: `head[..len]` are there, `wanted` are wanted.
    /// Invariant: `len < wanted <= LONGEST_HEAD`.
    Head { head: [u8; Token::LONGEST_HEAD], len: u8, wanted: u8 },
    /// So many octets of header, which nobody looks at.
    Header { octets: u32, signed: Signed },
    /// Messages, so many octets of them.
    Messages { octets: u32, signed: Signed },
    /// The last octets of the messages, and the padding behind them. `alone` when there was nothing else.
    Padding { alone: bool },
    /// Messages in two pieces with a checksum between them, all that is left of the token.
    Rotated { tail: u32, checksum: u32 },
    /// What is behind the messages.
    Checksum,
    /// Nothing that can be read.
    Sealed,
}

/// So few octets of a token can all be checksum.
const SHORT_REST: u32 = 32;

/// The most octets of padding.
const LONGEST_PADDING: u32 = 8;

impl TokenReader {
    /// In front of a token of so many octets.
    pub(super) fn new(
        octets: u32,
        before: Before,
        messages: &mut Messages,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Self {
        let mut reader = Self {
            octets,
            left: octets,
            family: None,
            scrutiny: Scrutiny::Strict,
            is_lost: false,
            stage: Stage::Sealed,
        };
        let continued = before.unfinished.and_then(|family| Token::continued(family, octets));
        match continued.map_or_else(|| Token::parse(&[], octets), Ok) {
            Ok(token) => reader.begin(token, before, messages, sink),
            Err(NeedMore(wanted)) => {
                reader.stage = Stage::Head { head: [0; Token::LONGEST_HEAD], len: 0, wanted: wanted as u8 };
            }
        }
        reader
    }

    /// The token's protection, and its octets, once the last of them has passed.
    pub(super) fn ended(&self) -> Option<(Protection, u32)> {
        let protection = match self.stage {
            Stage::Sealed => Protection::Sealed,
            _ => Protection::Signed,
        };
        (self.left == 0).then_some((protection, self.octets))
    }

    /// What it leaves to the tokens behind it.
    pub(super) fn leaves(&self, messages: &Messages) -> Before {
        Before { unfinished: self.family.filter(|_| !messages.is_between()), is_lost: self.is_lost }
    }

    /// What is wanted next; not to be asked of a token that has ended.
    pub(super) fn need(&self, messages: &Messages) -> Need {
        match self.stage {
            Stage::Head { len, wanted, .. } => Need::Exact(usize::from(wanted.saturating_sub(len)).max(1)),
            Stage::Header { octets, .. } => Need::Skip(u64::from(octets).max(1)),
            Stage::Messages { octets, .. } => match messages.want() {
                Want::Exact(wanted) => Need::Exact(wanted.min(octets as usize).max(1)),
                Want::Skip(wanted) => Need::Skip(wanted.min(octets.into()).max(1)),
            },
            Stage::Padding { .. } | Stage::Rotated { .. } => Need::Exact((self.left as usize).max(1)),
            Stage::Checksum => Need::Skip(u64::from(self.left).max(1)),
            Stage::Sealed => {
                Need::Unseen { octets: u64::from(self.left).max(1), cause: OpaqueCause::SaslSealed }
            }
        }
    }

    /// Takes what was [wanted](Self::need).
    pub(super) fn feed(
        &mut self,
        octets: &[u8],
        before: Before,
        messages: &mut Messages,
        sink: &mut dyn FnMut(Item<'_>),
    ) {
        self.left = self.left.saturating_sub(octets.len() as u32);
        match self.stage {
            Stage::Head { mut head, len, .. } => {
                let free = head.iter_mut().skip(len.into());
                for (place, octet) in free.zip(octets) {
                    *place = *octet;
                }
                let len = usize::from(len).saturating_add(octets.len());
                let known = head.get(..len).unwrap_or(&head);
                match Token::parse(known, self.octets) {
                    Err(NeedMore(wanted)) => {
                        self.stage = Stage::Head { head, len: len as u8, wanted: wanted as u8 };
                    }
                    Ok(token) => {
                        self.begin(token, before, messages, sink);
                        // Of a token without a header the messages' first octets are here already.
                        if let Stage::Messages { signed: Signed { start: 0, .. }, .. } = self.stage {
                            self.messages(known, messages, sink);
                        }
                    }
                }
            }
            Stage::Messages { .. } => self.messages(octets, messages, sink),
            Stage::Padding { alone } => {
                let text = unpadded(octets);
                let nothing = alone && text.is_empty() && messages.is_between();
                let read = messages.push(text, self.scrutiny, sink);
                self.stage = Stage::Checksum;
                if nothing || read.is_err() {
                    self.unreadable(messages, sink);
                }
            }
            Stage::Rotated { tail, checksum } => {
                let (tail, behind) = octets.split_at_checked(tail as usize).unwrap_or((octets, &[]));
                let start = behind.get(checksum as usize..).unwrap_or_default();
                let read = messages
                    .push(start, self.scrutiny, sink)
                    .and_then(|()| messages.push(tail, self.scrutiny, sink));
                self.stage = Stage::Checksum;
                if read.is_err() {
                    self.unreadable(messages, sink);
                }
            }
            Stage::Header { .. } | Stage::Checksum | Stage::Sealed => {}
        }
    }

    /// Takes note that octets passed which were not to be looked at.
    pub(super) fn skipped(&mut self, octets: u32, messages: &mut Messages, sink: &mut dyn FnMut(Item<'_>)) {
        self.left = self.left.saturating_sub(octets);
        match self.stage {
            Stage::Header { octets: header, signed } => match header.saturating_sub(octets) {
                0 => self.arranged(signed, messages, sink),
                octets => self.stage = Stage::Header { octets, signed },
            },
            Stage::Messages { octets: messages_left, signed } => {
                messages.skipped(octets.into(), sink);
                self.read(messages_left.saturating_sub(octets), signed, messages, sink);
            }
            _ => {}
        }
    }

    /// Begins a token that is known now.
    fn begin(
        &mut self,
        token: Token,
        before: Before,
        messages: &mut Messages,
        sink: &mut dyn FnMut(Item<'_>),
    ) {
        self.family = match token {
            Token::Signed(signed) => Some(signed.family),
            Token::Sealed | Token::Unreadable => None,
        };
        let goes_on = self.family.is_some() && self.family == before.unfinished;
        if !messages.is_between() && !goes_on && token != Token::Unreadable {
            cut_off(messages, sink);
        }
        let is_known = self.family.is_some_and(Family::says_so) && !before.is_lost;
        if is_known || !messages.is_between() {
            self.scrutiny = Scrutiny::Usual;
        }
        match token {
            Token::Sealed => self.seal(),
            Token::Unreadable => {
                self.stage = Stage::Checksum;
                self.unreadable(messages, sink);
            }
            Token::Signed(signed) => {
                // What was read of a token without a header is not header.
                let passed = self.octets.saturating_sub(self.left).min(signed.start);
                match signed.start.saturating_sub(passed) {
                    0 => self.arranged(signed, messages, sink),
                    octets => self.stage = Stage::Header { octets, signed },
                }
            }
        }
    }

    /// Goes on behind the header.
    fn arranged(&mut self, signed: Signed, messages: &mut Messages, sink: &mut dyn FnMut(Item<'_>)) {
        match signed.arrangement {
            Arrangement::InOrder { octets: 0 } if messages.is_between() => {
                self.no_message(signed, messages, sink);
            }
            Arrangement::InOrder { octets } => self.read(octets, signed, messages, sink),
            Arrangement::Padded => {
                self.stage = match self.left.saturating_sub(LONGEST_PADDING) {
                    0 => Stage::Padding { alone: true },
                    octets => Stage::Messages { octets, signed },
                };
            }
            Arrangement::Rotated { tail, checksum } if self.left <= messages.longest_piece() => {
                self.stage = Stage::Rotated { tail, checksum };
            }
            Arrangement::Rotated { .. } => {
                self.stage = Stage::Checksum;
                self.unreadable(messages, sink);
            }
        }
    }

    /// Takes octets of messages.
    fn messages(&mut self, octets: &[u8], messages: &mut Messages, sink: &mut dyn FnMut(Item<'_>)) {
        let Stage::Messages { octets: messages_left, signed } = self.stage else { return };
        match messages.push(octets, self.scrutiny, sink) {
            Ok(()) => {
                if messages.has_head() || messages.is_between() {
                    self.scrutiny = Scrutiny::Usual;
                }
                self.read(messages_left.saturating_sub(octets.len() as u32), signed, messages, sink);
            }
            Err(_) => self.no_message(signed, messages, sink),
        }
    }

    /// Goes on with so many octets of messages.
    fn read(&mut self, octets: u32, signed: Signed, messages: &mut Messages, sink: &mut dyn FnMut(Item<'_>)) {
        match (octets, signed.arrangement) {
            (1.., _) => self.stage = Stage::Messages { octets, signed },
            (0, Arrangement::Padded) => self.stage = Stage::Padding { alone: false },
            // Too short to hold a head: nothing tells it from random octets.
            (0, _) if self.scrutiny == Scrutiny::Strict => self.no_message(signed, messages, sink),
            (0, _) => self.stage = Stage::Checksum,
        }
    }

    /// Where a message has to begin there is none.
    fn no_message(&mut self, signed: Signed, messages: &mut Messages, sink: &mut dyn FnMut(Item<'_>)) {
        self.stage = Stage::Checksum;
        match (signed.family, self.scrutiny) {
            (Family::Ntlm | Family::DigestMd5, Scrutiny::Strict) => {
                messages.reset();
                self.seal();
            }
            // The checksum of other mechanisms is longer than the one of DIGEST-MD5: 20 octets with SRP.
            (Family::DigestMd5, Scrutiny::Usual) if self.left < SHORT_REST => messages.reset(),
            _ => self.unreadable(messages, sink),
        }
    }

    /// Takes the token, or its rest, for encrypted.
    fn seal(&mut self) {
        self.family = None;
        self.is_lost = true;
        self.stage = Stage::Sealed;
    }

    /// Gives up on the messages of this token; the next one may begin with another.
    fn unreadable(&mut self, messages: &mut Messages, sink: &mut dyn FnMut(Item<'_>)) {
        messages.reset();
        self.is_lost = true;
        sink(Item::Anomaly(Anomaly::UnreadableSaslBuffer));
    }
}

/// Gives up on a message that was begun in a token and does not go on in the next.
pub(super) fn cut_off(messages: &mut Messages, sink: &mut dyn FnMut(Item<'_>)) {
    messages.reset();
    sink(Item::Anomaly(Anomaly::MalformedMessage));
}

// RFC 1964, 1.2.2.3: the padding is 1 to 8 octets, and each says how many they are.
/// The octets without their padding; all of them when there is none.
fn unpadded(octets: &[u8]) -> &[u8] {
    let padded = |padding: &u8| {
        let text = octets.len().checked_sub(usize::from(*padding))?;
        let (text, all) = octets.split_at_checked(text)?;
        ((1..=LONGEST_PADDING as u8).contains(padding) && all.iter().all(|octet| octet == padding))
            .then_some(text)
    };
    octets.last().and_then(padded).unwrap_or(octets)
}
