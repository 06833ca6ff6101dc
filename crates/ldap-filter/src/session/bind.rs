//! Binds: the rounds of one together, and what they make of the client.

use session_driver::{Sink, Timestamp};

use super::actor::Actor;
use super::conversation::Conversation;
use super::pending::Pending;
use crate::bind_summary::{BindOutcome, BindSummary};
use crate::event::LdapEvent;
use crate::protocol::bind::{BindKind, BindMethod, BindRequest, Sicily};
use crate::protocol::bind_failure::BindFailure;
use crate::protocol::mechanism::Mechanism;
use crate::protocol::result_code::ResultCode;
use crate::session::LdapSession;

/// One request of a bind, and how far the bind has come with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) kind: BindKind,
    pub(super) mechanism: Option<Mechanism>,
    /// When the first request of the bind passed.
    started: Timestamp,
    /// Requests so far, this one included.
    rounds: u32,
    /// `success` means that another round follows: all but the last of Sicily.
    success_goes_on: bool,
}

/// A bind between two of its rounds: the server wants more, the client has not yet said it.
#[derive(Debug)]
pub(super) struct UnfinishedBind {
    round: Round,
    actor: Actor,
}

/// What the response to a round says.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundResult {
    /// `None` when it cannot be read, or is no bind response at all.
    pub(super) code: Option<ResultCode>,
    pub(super) reason: BindFailure,
    pub(super) at: Timestamp,
}

impl RoundResult {
    /// Why the bind has failed with it, if it has.
    pub(super) fn failure(self, round: Round) -> Option<BindFailure> {
        let failed = !self.goes_on(round) && self.code != Some(ResultCode::SUCCESS);
        failed.then_some(self.reason)
    }

    /// Whether another round follows.
    fn goes_on(self, round: Round) -> bool {
        match self.code {
            Some(ResultCode::SASL_BIND_IN_PROGRESS) => true,
            Some(ResultCode::SUCCESS) => round.success_goes_on,
            _ => false,
        }
    }
}

impl Round {
    /// The first round of a bind; `None` for a request that could not be decoded.
    fn first(request: Option<&BindRequest<'_>>, now: Timestamp) -> Self {
        Self {
            kind: request.map_or(BindKind::Other, BindRequest::kind),
            mechanism: request.and_then(BindRequest::mechanism),
            started: now,
            rounds: 1,
            success_goes_on: request.is_some_and(goes_on_after_success),
        }
    }

    /// Whether this can be the round after another one. A client that gives up and starts over with the same
    /// mechanism cannot be told from one that goes on.
    fn continues(&self, before: &Self) -> bool {
        self.kind == before.kind && self.mechanism == before.mechanism
    }
}

// MS-ADTS, 5.1.1.1.3: only the last of the three requests is answered with the final word; `success` to the first
// two carries the server's part of the exchange.
fn goes_on_after_success(request: &BindRequest<'_>) -> bool {
    matches!(request.method, BindMethod::Sicily(Sicily::PackageDiscovery | Sicily::Negotiate))
}

impl Conversation {
    /// A bind request has passed: a new bind, or the next round of the one that is under way.
    pub(super) fn next_round(
        &mut self,
        request: Option<&BindRequest<'_>>,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) -> Round {
        let mut round = Round::first(request, now);
        if let Some(unfinished) = self.unfinished_bind.take() {
            let before = unfinished.round;
            let starts_over =
                request.is_some_and(|it| it.method == BindMethod::Sicily(Sicily::PackageDiscovery));
            if round.continues(&before) && !starts_over {
                round.started = before.started;
                round.rounds = before.rounds.saturating_add(1);
            } else {
                self.bind_given_up(&unfinished, sink);
            }
        }
        round
    }

    /// The response to a round has come.
    pub(super) fn bind_answered(
        &mut self,
        pending: Pending,
        round: Round,
        result: RoundResult,
        sink: &mut impl Sink<LdapSession>,
    ) {
        if result.goes_on(round) {
            let unfinished = UnfinishedBind { round, actor: pending.actor };
            if let Some(other) = self.unfinished_bind.replace(unfinished) {
                self.bind_given_up(&other, sink);
            }
            return;
        }
        let total = if round.rounds > 1 { self.interval(round.started, result.at, sink) } else { None };
        let mut summary = self.bind_summary(round, &pending.actor);
        summary.code = result.code;
        summary.total = total;
        if result.code == Some(ResultCode::SUCCESS) {
            summary.outcome = BindOutcome::Succeeded;
            sink.event(LdapEvent::BindEnded(summary));
            self.binds = self.binds.saturating_add(1);
            // RFC 4513, 5.2.1.5 to 5.2.1.7: a layer takes effect behind this response, in both directions, and stays
            // until another one is agreed upon.
            self.may_be_wrapped |= can_wrap(round);
            self.actor = pending.actor;
        } else {
            summary.outcome = BindOutcome::Failed;
            summary.reason = Some(result.reason);
            sink.event(LdapEvent::BindEnded(summary));
            // RFC 4513, 4: a bind that fails leaves the client anonymous.
            self.actor = Actor::Anonymous;
        }
    }

    /// A round will not be answered.
    pub(super) fn round_unanswered(&self, actor: &Actor, round: Round, sink: &mut impl Sink<LdapSession>) {
        sink.event(LdapEvent::BindEnded(self.bind_summary(round, actor)));
    }

    /// Nothing more will come of a bind between two rounds.
    pub(super) fn bind_given_up(&self, unfinished: &UnfinishedBind, sink: &mut impl Sink<LdapSession>) {
        sink.event(LdapEvent::BindEnded(self.bind_summary(unfinished.round, &unfinished.actor)));
    }

    /// What is to be said of a bind without an end.
    fn bind_summary<'a>(&self, round: Round, actor: &'a Actor) -> BindSummary<'a> {
        BindSummary {
            kind: round.kind,
            mechanism: round.mechanism,
            outcome: BindOutcome::Unfinished,
            code: None,
            reason: None,
            transport: self.transport,
            rounds: round.rounds,
            total: None,
            identity: actor.identity(),
        }
    }
}

/// Whether what was bound can have agreed upon a security layer.
fn can_wrap(round: Round) -> bool {
    match round.kind {
        BindKind::Sicily | BindKind::Other => true,
        BindKind::Sasl => matches!(
            round.mechanism,
            Some(
                Mechanism::Gssapi
                    | Mechanism::GssSpnego
                    | Mechanism::DigestMd5
                    | Mechanism::Ntlm
                    | Mechanism::Srp
                    | Mechanism::Other
            )
        ),
        BindKind::Anonymous | BindKind::Unauthenticated | BindKind::Simple => false,
    }
}
