//! One LDAP conversation, seen from the middle.
//!
//! - [`LdapSession`] brings the octets of each direction to its reader, and what the readers find to the conversation.
//! - [`conversation`]: what both sides have said, and what became of it.
//! - [`request`] and [`response`]: what each message does.
//! - [`pending`]: the requests in between.
//! - [`bind`]: binds of one or more rounds; [`actor`]: as whom the client acts since.

mod actor;
mod bind;
mod conversation;
mod pending;
mod request;
mod response;

use session_driver::{
    CloseCause, Direction, Need, OpaqueCause, Opening, Session, Sink, Timestamp, Transport, Wanted,
};

use self::conversation::{Conversation, Keeps, Sight};
use crate::anomaly::Anomaly;
use crate::event::{LdapEvent, Protection};
use crate::limits::LdapLimits;
use crate::reader::{Contents, Item, Reader};

/// The state machine over both directions of one connection.
///
/// What peers can add to its own size is bounded by [`LdapLimits`]. It keeps no octets of an entry, no credentials, and
/// names only where they are asked for.
#[derive(Debug)]
pub struct LdapSession {
    client: Reader,
    server: Reader,
    conversation: Conversation,
    /// Something was sealed, so that part of the conversation was not seen.
    sealed: bool,
}

impl LdapSession {
    /// A session at the start of a connection.
    ///
    /// Names and the shapes of filters are kept only where `wanted` says so, for the summaries of operations.
    pub fn new(limits: &LdapLimits, wanted: Wanted) -> Self {
        let longest_name = u16::try_from(limits.max_identity_octets.get()).unwrap_or(u16::MAX);
        let keeps = Keeps { name: if wanted.identities { longest_name } else { 0 }, filters: wanted.events };
        Self {
            client: Reader::new(limits),
            server: Reader::new(limits),
            conversation: Conversation::new(limits, keeps),
            sealed: false,
        }
    }

    /// Brings octets to their reader, and what it finds to the conversation.
    fn read(
        &mut self,
        direction: Direction,
        now: Timestamp,
        sink: &mut impl Sink<Self>,
        read: impl FnOnce(&mut Reader, &mut dyn FnMut(Item<'_>)) -> usize,
    ) -> usize {
        let Self { client, server, conversation, sealed } = self;
        let reader = match direction {
            Direction::ToServer => client,
            Direction::ToClient => server,
        };
        let state = reader.name();
        let mut found = |item: Item<'_>| {
            *sealed |= matches!(item, Item::SaslBuffer { protection: Protection::Sealed, .. });
            if conversation.sight == Sight::Clear {
                conversation.found(&item, direction, state, now, sink);
            }
        };
        let taken = read(reader, &mut found);
        if std::mem::take(&mut self.conversation.may_be_wrapped) {
            self.client.may_be_wrapped();
            self.server.may_be_wrapped();
        }
        self.conversation.check_sums();
        self.free_if_opaque();
        taken
    }

    /// Whoever looks at nothing any more keeps nothing.
    fn free_if_opaque(&mut self) {
        if self.conversation.sight != Sight::Clear {
            let limits = &self.conversation.limits;
            (self.client, self.server) = (Reader::new(limits), Reader::new(limits));
        }
    }

    /// A direction has ended, by itself or with the connection: says so once if that was inside a message. So it is
    /// when octets were left of one, or its end is still to come.
    fn direction_ended(&mut self, direction: Direction, unfinished: usize, sink: &mut impl Sink<Self>) {
        let (reader, said) = match direction {
            Direction::ToServer => (&self.client, &mut self.conversation.said.client_truncated),
            Direction::ToClient => (&self.server, &mut self.conversation.said.server_truncated),
        };
        // What waits for the answer to StartTLS may be anything.
        let waits = direction == Direction::ToServer && self.conversation.pending.has_start_tls();
        let inside = reader.is_inside_message() || (unfinished > 0 && !waits);
        if inside && self.conversation.sight == Sight::Clear && !std::mem::replace(said, true) {
            self.conversation.anomaly(Anomaly::TruncatedMessage, direction, sink);
        }
    }
}

impl Conversation {
    /// A reader has found something.
    fn found(
        &mut self,
        item: &Item<'_>,
        direction: Direction,
        state: &'static str,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) {
        match item {
            Item::Message(message) => match direction {
                Direction::ToServer => self.asks(message, now, sink),
                Direction::ToClient => self.answers(message, now, sink),
            },
            Item::SaslBuffer { protection, octets } => {
                let (protection, octets) = (*protection, (*octets).into());
                sink.event(LdapEvent::SaslBuffer { protection, octets, direction });
            }
            Item::Anomaly(kind) => self.anomaly(*kind, direction, sink),
            Item::Lost(kind) => {
                self.go_opaque(OpaqueCause::LostSync, direction, state, Some(*kind), sink);
            }
        }
    }
}

impl Session for LdapSession {
    type Event<'e> = LdapEvent<'e>;

    fn need(&self, direction: Direction) -> Need {
        match (self.conversation.sight, direction) {
            (Sight::Opaque(cause), _) => Need::Opaque(cause),
            (Sight::StartingTls, _) => Need::Opaque(OpaqueCause::Starttls),
            (Sight::Clear, Direction::ToServer) if self.conversation.pending.has_start_tls() => {
                Need::Wait { max: self.conversation.limits.max_undecided_octets.get() }
            }
            (Sight::Clear, Direction::ToServer) => self.client.need(),
            (Sight::Clear, Direction::ToClient) => self.server.need(),
        }
    }

    fn opens(&mut self, opening: Opening, _: Timestamp, sink: &mut impl Sink<Self>) {
        let (cause, anomaly) = match opening {
            Opening::Other => return,
            Opening::Tls => (OpaqueCause::Tls, None),
            Opening::Http => (OpaqueCause::LostSync, Some(Anomaly::Http)),
        };
        self.conversation.go_opaque(cause, Direction::ToServer, "opening", anomaly, sink);
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        self.read(direction, now, sink, |reader, found| reader.feed(octets, found))
    }

    fn feed_ahead(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        let starting_tls = self.conversation.pending.has_start_tls();
        let mut rest = octets;
        // What one message says can change what the next octets are, or end what the other side's octets wait for.
        while self.conversation.pending.has_start_tls() == starting_tls
            && matches!(self.need(direction), Need::Exact(_))
        {
            let taken = self.read(direction, now, sink, |reader, found| reader.whole_message(rest, found));
            if taken == 0 {
                break;
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        octets.len().saturating_sub(rest.len())
    }

    fn skipped(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.read(direction, now, sink, |reader, found| {
            reader.skipped(octets, found);
            0
        });
    }

    // RFC 4511, 4.14.1: "The client MUST NOT send any LDAP PDUs at this LDAP message layer following this request until
    // it receives a StartTLS Extended response".
    fn overflow(&mut self, direction: Direction, _: Timestamp, sink: &mut impl Sink<Self>) {
        let anomaly = Some(Anomaly::RequestDuringStartTls);
        self.conversation.go_opaque(OpaqueCause::LostSync, direction, STARTING_TLS, anomaly, sink);
        self.free_if_opaque();
    }

    fn waited(&mut self, direction: Direction, octets: u64, _: Timestamp, sink: &mut impl Sink<Self>) {
        let accepted = match self.conversation.sight {
            Sight::Clear => false,
            Sight::StartingTls => true,
            Sight::Opaque(_) => return,
        };
        if octets > 0 {
            if accepted {
                sink.event(LdapEvent::Smuggled { octets });
            }
            self.conversation.anomaly(Anomaly::RequestDuringStartTls, direction, sink);
        }
        if accepted {
            let (cause, direction) = (OpaqueCause::Starttls, Direction::ToClient);
            self.conversation.go_opaque(cause, direction, STARTING_TLS, None, sink);
        }
    }

    /// A half-close ends no operation by itself: the other side may still answer everything.
    fn half_close(
        &mut self,
        direction: Direction,
        unfinished: usize,
        _: Timestamp,
        sink: &mut impl Sink<Self>,
    ) {
        self.direction_ended(direction, unfinished, sink);
    }

    fn end(&mut self, cause: CloseCause, _: Timestamp, sink: &mut impl Sink<Self>) {
        self.direction_ended(Direction::ToServer, 0, sink);
        self.direction_ended(Direction::ToClient, 0, sink);
        self.conversation.end(cause, sink);
    }

    fn transport(&mut self, transport: Transport) {
        self.conversation.transport = transport;
    }

    fn unseen(&self) -> Option<OpaqueCause> {
        self.sealed.then_some(OpaqueCause::SaslSealed)
    }
}

/// What the session does while StartTLS waits for its answer.
const STARTING_TLS: &str = "starting_tls";

/// What was kept of an operation's contents.
fn kept<'a>(contents: Contents<'a>) -> Option<&'a [u8]> {
    match contents {
        Contents::Whole(octets) | Contents::Start(octets) => Some(octets),
        Contents::Skipped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: Wanted = Wanted { events: true, identities: true };

    #[test]
    fn an_idle_session_takes_few_octets() {
        assert!(size_of::<LdapSession>() <= 600, "{} octets", size_of::<LdapSession>());
    }

    #[test]
    fn who_looks_at_nothing_any_more_keeps_nothing() {
        let mut session = LdapSession::new(&LdapLimits::default(), EVERYTHING);
        let mut sink = |_: LdapEvent<'_>| {};
        // The start of a bind request, and then something that is no message from the other side.
        session.feed(Direction::ToServer, b"\x30\x19\x02\x01\x01\x60", Timestamp(0), &mut sink);
        assert!(session.client.is_inside_message());
        session.feed(Direction::ToClient, b"GET /", Timestamp(0), &mut sink);
        assert!(matches!(session.need(Direction::ToServer), Need::Opaque(OpaqueCause::LostSync)));
        assert!(!session.client.is_inside_message());
    }

    #[test]
    fn printing_a_session_shows_no_octets_of_its_peers() {
        let mut session = LdapSession::new(&LdapLimits::default(), EVERYTHING);
        let mut sink = |_: LdapEvent<'_>| {};
        let said: [(Direction, &[u8]); 4] = [
            (Direction::ToServer, b"\x30\x19\x02\x01\x01\x60\x14\x02\x01\x03\x04\x06secret\x80\x07hunter2"),
            (Direction::ToClient, b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            (Direction::ToServer, b"\x30\x2e\x02\x01\x02\x63\x29\x04\x06secret\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\xa3\x0d\x04\x03uid\x04\x06secret\x30\x02\x04\x00"),
            (Direction::ToServer, b"\x30\x30\x02\x01\x03\x77secret"),
        ];
        for (direction, octets) in said {
            let mut rest = octets;
            while let Need::Exact(wanted) = session.need(direction)
                && let Some((piece, behind)) = rest.split_at_checked(wanted)
            {
                session.feed(direction, piece, Timestamp(0), &mut sink);
                rest = behind;
            }
        }
        let printed = format!("{session:?}");
        for secret in ["secret", "hunter2", "115, 101, 99", "73, 65, 63"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains("Named(kept: true)"), "{printed}");
    }
}
