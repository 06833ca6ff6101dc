//! What the client asks for.

use session_driver::{Direction, Sink, Timestamp};

use super::actor::Actor;
use super::conversation::Conversation;
use super::pending::{Asked, OpenSearch, Pending};
use super::{LdapSession, kept};
use crate::anomaly::Anomaly;
use crate::decode;
use crate::event::LdapEvent;
use crate::operation_summary::OperationOutcome;
use crate::protocol::control::Controls;
use crate::protocol::extended::ExtendedName;
use crate::protocol::message::{MessageId, MessageKind, abandoned};
use crate::protocol::operation::{Answered, Operation};
use crate::protocol::search::{SearchKind, SearchParameters};
use crate::reader::{Contents, Message};

impl Conversation {
    /// A message of the client has passed.
    pub(super) fn asks(&mut self, message: &Message<'_>, now: Timestamp, sink: &mut impl Sink<LdapSession>) {
        // RFC 4511, 4.3: nobody listens to what follows an unbind.
        if self.unbound {
            if !std::mem::replace(&mut self.said.after_unbind, true) {
                self.anomaly(Anomaly::AfterUnbind, Direction::ToServer, sink);
            }
            return;
        }
        let operation = match message.head.kind {
            MessageKind::Request(operation) => operation,
            MessageKind::Unknown => {
                self.anomaly(Anomaly::UnknownOperation, Direction::ToServer, sink);
                Operation::Other
            }
            MessageKind::Response(_)
            | MessageKind::Entry
            | MessageKind::Reference
            | MessageKind::Intermediate => {
                self.anomaly(Anomaly::WrongDirection, Direction::ToServer, sink);
                return;
            }
        };
        self.requests = self.requests.saturating_add(1);
        sink.event(LdapEvent::Request { operation, octets: message.head.total });
        let id = message.head.id;
        if id == MessageId::UNSOLICITED {
            self.anomaly(Anomaly::MessageIdZero, Direction::ToServer, sink);
        } else if !id.is_in_range() {
            self.anomaly(Anomaly::MessageIdOutOfRange, Direction::ToServer, sink);
        }
        // RFC 4511, 4.2.1: "the client MUST NOT send further LDAP PDUs until receiving a bind response".
        if self.pending.has_bind() && operation != Operation::Unbind {
            self.anomaly(Anomaly::RequestDuringBind, Direction::ToServer, sink);
        }
        let controls = self.controls(message, Direction::ToServer, sink);
        match operation {
            Operation::Unbind => self.unbound = true,
            Operation::Abandon => self.abandon(message, sink),
            Operation::Other => {}
            Operation::Bind => self.bind(message, now, sink),
            Operation::Search => self.search(message, controls, now, sink),
            Operation::Extended => self.extended(message, now, sink),
            Operation::Modify => self.plain(id, Answered::Modify, now, sink),
            Operation::Add => self.plain(id, Answered::Add, now, sink),
            Operation::Delete => self.plain(id, Answered::Delete, now, sink),
            Operation::ModifyDn => self.plain(id, Answered::ModifyDn, now, sink),
            Operation::Compare => self.plain(id, Answered::Compare, now, sink),
        }
    }

    /// The controls of a message of either side. Those that cannot be read are counted as undecoded.
    pub(super) fn controls(
        &self,
        message: &Message<'_>,
        direction: Direction,
        sink: &mut impl Sink<LdapSession>,
    ) -> Controls {
        match message.trailer.map(|trailer| decode::controls(trailer.controls)) {
            Some(Ok(controls)) => {
                if !controls.set.is_empty() {
                    sink.event(LdapEvent::Controls { controls: controls.set, direction });
                }
                controls
            }
            Some(Err(_)) => {
                self.undecoded(message.head.kind.operation(), sink);
                Controls::default()
            }
            None => Controls::default(),
        }
    }

    pub(super) fn undecoded(&self, operation: Operation, sink: &mut impl Sink<LdapSession>) {
        sink.event(LdapEvent::Undecoded { operation });
    }

    fn plain(
        &mut self,
        id: MessageId,
        operation: Answered,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) {
        self.begin(id, Asked::Plain(operation), self.actor.clone(), now, sink);
    }

    fn bind(&mut self, message: &Message<'_>, now: Timestamp, sink: &mut impl Sink<LdapSession>) {
        let octets = kept(message.contents);
        // Only the credentials at the end can be too long to be kept.
        let request = octets.and_then(|octets| decode::bind(octets).ok());
        if request.is_none() {
            self.undecoded(Operation::Bind, sink);
        }
        let round = self.next_round(request.as_ref(), now, sink);
        let names =
            request.map_or(Actor::Unknown, |request| Actor::named_by(&request, self.keeps.name.into()));
        self.begin(message.head.id, Asked::Bind(round), names, now, sink);
    }

    fn search(
        &mut self,
        message: &Message<'_>,
        controls: Controls,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) {
        let kind = SearchKind::of(&controls);
        let mut search = OpenSearch::new(kind);
        let most = u32::try_from(self.limits.max_filter_depth.get()).unwrap_or(u32::MAX);
        let request = match message.contents {
            Contents::Whole(octets) => decode::search(octets, most).ok(),
            Contents::Start(_) | Contents::Skipped => None,
        };
        let parameters = match request {
            Some(request) => {
                if request.filter.is_too_deep() {
                    self.anomaly(Anomaly::DeepFilter, Direction::ToServer, sink);
                }
                search.attributes = Some(request.attributes);
                search.filter = self.keeps.filters.then(|| Box::new(request.filter));
                Some(request.parameters)
            }
            None => {
                self.undecoded(Operation::Search, sink);
                kept(message.contents).and_then(|octets| SearchParameters::decode(octets).ok())
            }
        };
        if let Some(parameters) = parameters {
            search.scope = parameters.scope;
            search.size_limit = parameters.size_limit;
            search.time_limit = parameters.time_limit;
        }
        sink.event(LdapEvent::Search { scope: search.scope, kind });
        self.begin(message.head.id, Asked::Search(search), self.actor.clone(), now, sink);
    }

    fn extended(&mut self, message: &Message<'_>, now: Timestamp, sink: &mut impl Sink<LdapSession>) {
        let request = kept(message.contents).and_then(|octets| decode::extended(octets).ok());
        if request.is_none() {
            self.undecoded(Operation::Extended, sink);
        }
        let name = request.map_or(ExtendedName::Other, |request| request.name);
        sink.event(LdapEvent::Extended(name));
        self.begin(message.head.id, Asked::Extended(name), self.actor.clone(), now, sink);
    }

    // RFC 4511, 4.11: what cannot be abandoned, or is not known, is left as it is.
    fn abandon(&mut self, message: &Message<'_>, sink: &mut impl Sink<LdapSession>) {
        let Some(Ok(id)) = kept(message.contents).map(abandoned) else {
            self.undecoded(Operation::Abandon, sink);
            return;
        };
        if self.pending.get(id).is_some_and(|pending| pending.asked.can_be_abandoned())
            && let Some(pending) = self.pending.take(id)
        {
            self.abandoned.remember(id);
            self.ended_without_response(&pending, OperationOutcome::Abandoned, sink);
        }
    }

    /// A request that has an answer begins to wait for it.
    fn begin(
        &mut self,
        id: MessageId,
        asked: Asked,
        actor: Actor,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) {
        self.abandoned.forget(id);
        if let Some(before) = self.pending.take(id) {
            self.anomaly(Anomaly::MessageIdReused, Direction::ToServer, sink);
            self.ended_without_response(&before, OperationOutcome::Unanswered, sink);
        }
        if !self.has_room_for(&asked) {
            self.unpaired = self.unpaired.saturating_add(1);
            if !std::mem::replace(&mut self.said.too_many_pending, true) {
                self.anomaly(Anomaly::TooManyPending, Direction::ToServer, sink);
            }
            sink.event(LdapEvent::Unpaired { operation: asked.operation().operation() });
            if let Asked::Bind(round) = asked {
                self.round_unanswered(&actor, round, sink);
            }
            return;
        }
        let persistent = asked.is_persistent();
        self.open = self.open.saturating_add(1);
        self.pending.insert(id, Pending { number: self.requests, at: now, actor, asked });
        sink.event(LdapEvent::Began { persistent, depth: self.pending.in_flight() });
    }

    /// Whether one more may wait. There is always room for what changes what the octets are: StartTLS, behind which
    /// the client waits, and one bind.
    fn has_room_for(&self, asked: &Asked) -> bool {
        match asked {
            Asked::Extended(ExtendedName::StartTls) if !self.pending.has_start_tls() => true,
            Asked::Bind(_) if !self.pending.has_bind() => true,
            _ => self.pending.len() < self.limits.max_pending_operations.get(),
        }
    }
}
