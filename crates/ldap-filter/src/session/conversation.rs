//! What requests and responses mean for each other, once they have been found in the octets.

use session_driver::{CloseCause, Direction, OpaqueCause, Sink, Timestamp, Transport};

use super::LdapSession;
use super::actor::Actor;
use super::bind::UnfinishedBind;
use super::pending::{Abandoned, Asked, Pending, PendingOperations};
use crate::anomaly::Anomaly;
use crate::event::{Ending, LdapEvent, StartTlsOutcome};
use crate::limits::LdapLimits;
use crate::operation_summary::{OperationOutcome, OperationSummary};
use crate::protocol::extended::ExtendedName;

/// Both sides of a conversation.
///
/// Invariant, checked in debug builds: operations begun = operations ended + those that wait.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) limits: LdapLimits,
    pub(super) keeps: Keeps,
    pub(super) transport: Transport,
    pub(super) pending: PendingOperations,
    pub(super) abandoned: Abandoned,
    /// Requests that should wait and were not remembered, less the final responses that belong to none that was.
    pub(super) unpaired: u32,
    pub(super) actor: Actor,
    pub(super) unfinished_bind: Option<UnfinishedBind>,
    /// A bind has succeeded that can have agreed upon a security layer.
    pub(super) may_be_wrapped: bool,
    pub(super) sight: Sight,
    /// The client has said that it leaves.
    pub(super) unbound: bool,
    /// Anomalies that are said once per connection, and have been.
    pub(super) said: Said,
    /// Requests so far.
    pub(super) requests: u64,
    /// Binds that were accepted.
    pub(super) binds: u32,
    /// Operations that have begun, less those that have ended.
    pub(super) open: u32,
}

/// What is remembered of peers for events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Keeps {
    /// Octets of a name; 0 for none. At most 4096.
    pub(super) name: u16,
    /// What filters look like.
    pub(super) filters: bool,
}

/// Whether the conversation can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It can.
    Clear,
    /// The server has accepted StartTLS, and what stood between request and response is still to be counted.
    StartingTls,
    /// Not any more.
    Opaque(OpaqueCause),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) too_many_pending: bool,
    pub(super) after_unbind: bool,
    pub(super) client_truncated: bool,
    pub(super) server_truncated: bool,
}

impl Conversation {
    pub(super) fn new(limits: &LdapLimits, keeps: Keeps) -> Self {
        Self {
            limits: *limits,
            keeps,
            transport: Transport::Plain,
            pending: PendingOperations::default(),
            abandoned: Abandoned::default(),
            unpaired: 0,
            actor: Actor::default(),
            unfinished_bind: None,
            may_be_wrapped: false,
            sight: Sight::Clear,
            unbound: false,
            said: Said::default(),
            requests: 0,
            binds: 0,
            open: 0,
        }
    }

    pub(super) fn anomaly(&self, kind: Anomaly, direction: Direction, sink: &mut impl Sink<LdapSession>) {
        sink.event(LdapEvent::Anomaly { kind, direction });
    }

    /// The time between two moments, if the clock makes sense of it.
    pub(super) fn interval(
        &self,
        from: Timestamp,
        to: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) -> Option<u64> {
        let interval = to.since(from);
        if interval.is_none() {
            sink.event(LdapEvent::IntervalDropped);
        }
        interval
    }

    /// An operation has come to its end. `summary` is its own, completed.
    pub(super) fn operation_ended(
        &mut self,
        summary: OperationSummary<'_>,
        sink: &mut impl Sink<LdapSession>,
    ) {
        self.open = self.open.saturating_sub(1);
        sink.event(LdapEvent::OperationEnded(summary));
    }

    /// An operation has come to its end without a final response.
    pub(super) fn ended_without_response(
        &mut self,
        pending: &Pending,
        outcome: OperationOutcome,
        sink: &mut impl Sink<LdapSession>,
    ) {
        self.operation_ended(pending.summary(outcome), sink);
        match pending.asked {
            Asked::Bind(round) => self.round_unanswered(&pending.actor, round, sink),
            Asked::Extended(ExtendedName::StartTls) => {
                sink.event(LdapEvent::StartTls(StartTlsOutcome::Unanswered));
            }
            Asked::Search(_) | Asked::Extended(_) | Asked::Plain(_) => {}
        }
    }

    /// Stops looking at either direction, for good.
    pub(super) fn go_opaque(
        &mut self,
        cause: OpaqueCause,
        direction: Direction,
        state: &'static str,
        anomaly: Option<Anomaly>,
        sink: &mut impl Sink<LdapSession>,
    ) {
        self.wind_up(OperationOutcome::Unknown, sink);
        self.sight = Sight::Opaque(cause);
        self.actor = Actor::Unknown;
        sink.event(LdapEvent::WentOpaque { cause, direction, state, anomaly });
    }

    /// What waits will not be answered any more: says so, and frees what it took.
    fn wind_up(&mut self, outcome: OperationOutcome, sink: &mut impl Sink<LdapSession>) {
        while let Some(pending) = self.pending.take_any() {
            self.ended_without_response(&pending, outcome, sink);
        }
        self.pending = PendingOperations::default();
        if let Some(unfinished) = self.unfinished_bind.take() {
            self.bind_given_up(&unfinished, sink);
        }
    }

    /// The connection is over.
    pub(super) fn end(&mut self, cause: CloseCause, sink: &mut impl Sink<LdapSession>) {
        let unknown = cause == CloseCause::Unknown && !self.unbound;
        let outcome = if unknown { OperationOutcome::Unknown } else { OperationOutcome::Unanswered };
        self.wind_up(outcome, sink);
        self.check_sums();
        let ending = if self.unbound { Ending::Unbind } else { cause.into() };
        sink.event(LdapEvent::ConnectionEnded { ending, operations: self.requests, binds: self.binds });
    }

    pub(super) fn check_sums(&self) {
        debug_assert_eq!(self.open as usize, self.pending.len());
    }
}
