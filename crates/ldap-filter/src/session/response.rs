//! What the server answers.

use session_driver::{Direction, Sink, Timestamp};

use super::bind::RoundResult;
use super::conversation::{Conversation, Sight};
use super::pending::{Asked, Pending};
use super::{LdapSession, kept};
use crate::anomaly::Anomaly;
use crate::event::{LdapEvent, Notice, StartTlsOutcome};
use crate::operation_summary::OperationOutcome;
use crate::protocol::bind_failure::BindFailure;
use crate::protocol::extended::{ExtendedName, is_notice_of_disconnection};
use crate::protocol::message::{MessageId, MessageKind};
use crate::protocol::operation::{Answered, Operation};
use crate::protocol::result::{LdapResult, result_code};
use crate::protocol::result_code::ResultCode;
use crate::reader::Message;

/// A response that is not the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Partial {
    Entry,
    Reference,
    Intermediate,
}

impl Conversation {
    /// A message of the server has passed.
    pub(super) fn answers(
        &mut self,
        message: &Message<'_>,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) {
        match message.head.kind {
            MessageKind::Response(operation) => self.final_response(message, operation, now, sink),
            MessageKind::Entry => self.partial_response(message, Partial::Entry, now, sink),
            MessageKind::Reference => self.partial_response(message, Partial::Reference, now, sink),
            MessageKind::Intermediate => self.partial_response(message, Partial::Intermediate, now, sink),
            MessageKind::Unknown => self.anomaly(Anomaly::UnknownOperation, Direction::ToClient, sink),
            MessageKind::Request(_) => self.anomaly(Anomaly::WrongDirection, Direction::ToClient, sink),
        }
    }

    fn partial_response(
        &mut self,
        message: &Message<'_>,
        partial: Partial,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) {
        let octets = message.head.total;
        sink.event(match partial {
            Partial::Entry => LdapEvent::Entry { octets },
            Partial::Reference => LdapEvent::Reference,
            Partial::Intermediate => LdapEvent::Intermediate,
        });
        self.controls(message, Direction::ToClient, sink);
        let id = message.head.id;
        let Some(pending) = self.pending.get_mut(id) else {
            self.unmatched(id, false, sink);
            return;
        };
        let (began, persistent) = (pending.at, pending.asked.is_persistent());
        let Asked::Search(search) = &mut pending.asked else {
            // RFC 4511, 4.13: intermediate responses are any operation's.
            if partial != Partial::Intermediate {
                self.anomaly(Anomaly::MismatchedResponse, Direction::ToClient, sink);
            }
            return;
        };
        search.octets = search.octets.saturating_add(octets);
        match partial {
            Partial::Entry => search.entries = search.entries.saturating_add(1),
            Partial::Reference => search.references = search.references.saturating_add(1),
            Partial::Intermediate => {}
        }
        if !std::mem::replace(&mut search.responded, true) && !persistent {
            search.first_response = now.since(began);
            let latency = search.first_response;
            if latency.is_none() {
                sink.event(LdapEvent::IntervalDropped);
            }
            sink.event(LdapEvent::FirstResponse { latency });
        }
    }

    fn final_response(
        &mut self,
        message: &Message<'_>,
        operation: Answered,
        now: Timestamp,
        sink: &mut impl Sink<LdapSession>,
    ) {
        let octets = kept(message.contents);
        let id = message.head.id;
        if id == MessageId::UNSOLICITED && operation == Answered::Extended && self.pending.get(id).is_none() {
            self.unsolicited(message, sink);
            self.controls(message, Direction::ToClient, sink);
            return;
        }
        let code = octets.and_then(|octets| result_code(octets).ok());
        if code.is_none() {
            self.undecoded(operation.operation(), sink);
        }
        sink.event(LdapEvent::Response { operation, code });
        let controls = self.controls(message, Direction::ToClient, sink);
        let Some(pending) = self.pending.take(id) else {
            self.unmatched(id, true, sink);
            return;
        };
        let matches = pending.asked.operation() == operation;
        if !matches {
            self.anomaly(Anomaly::MismatchedResponse, Direction::ToClient, sink);
        }
        // What the response to something else says is no word on StartTLS or on a bind.
        let result = if matches { code } else { None };
        match pending.asked {
            Asked::Bind(round) => {
                let reason = octets
                    .and_then(|octets| LdapResult::decode(octets, operation).ok())
                    .filter(|_| matches)
                    .map_or(BindFailure::Other, |result| BindFailure::of(&result, &controls));
                let result = RoundResult { code: result, reason, at: now };
                self.answered(&pending, code, message.head.total, now, result.failure(round), sink);
                self.bind_answered(pending, round, result, sink);
            }
            Asked::Extended(ExtendedName::StartTls) => {
                self.answered(&pending, code, message.head.total, now, None, sink);
                // RFC 4511, 4.14.2: any other result leaves things as they are.
                let accepted = result == Some(ResultCode::SUCCESS);
                sink.event(LdapEvent::StartTls(if accepted {
                    StartTlsOutcome::Accepted
                } else {
                    StartTlsOutcome::Refused
                }));
                if accepted {
                    self.sight = Sight::StartingTls;
                }
            }
            Asked::Search(_) | Asked::Extended(_) | Asked::Plain(_) => {
                self.answered(&pending, code, message.head.total, now, None, sink);
            }
        }
    }

    /// The final response of an operation has come.
    fn answered(
        &mut self,
        pending: &Pending,
        code: Option<ResultCode>,
        octets: u64,
        now: Timestamp,
        bind_failure: Option<BindFailure>,
        sink: &mut impl Sink<LdapSession>,
    ) {
        let mut summary = pending.summary(OperationOutcome::Answered);
        summary.code = code;
        summary.bind_failure = bind_failure;
        if !summary.is_persistent() {
            summary.latency = self.interval(pending.at, now, sink);
        }
        if let Some(search) = &mut summary.search {
            search.octets = search.octets.saturating_add(octets);
        }
        self.operation_ended(summary, sink);
    }

    /// A response to nothing that waits. While there are requests that were not remembered it is taken for theirs.
    fn unmatched(&mut self, id: MessageId, last: bool, sink: &mut impl Sink<LdapSession>) {
        if self.abandoned.contains(id) {
            sink.event(LdapEvent::Unmatched { late: true });
            if last {
                self.abandoned.forget(id);
            }
        } else if self.unpaired > 0 {
            self.unpaired = self.unpaired.saturating_sub(last.into());
        } else {
            sink.event(LdapEvent::Unmatched { late: false });
        }
    }

    // RFC 4511, 4.4: "an LDAPMessage [...] in which the messageID is zero (0) and protocolOp is set to the
    // extendedResp". Active Directory puts the name behind the operation.
    fn unsolicited(&self, message: &Message<'_>, sink: &mut impl Sink<LdapSession>) {
        let octets = kept(message.contents);
        let result = octets.and_then(|octets| LdapResult::decode(octets, Answered::Extended).ok());
        if result.is_none() {
            self.undecoded(Operation::Extended, sink);
        }
        let behind = message.trailer.and_then(|trailer| trailer.response_name);
        let name = result.and_then(|result| result.response_name).or(behind);
        let disconnection = name.is_some_and(is_notice_of_disconnection);
        sink.event(LdapEvent::Unsolicited(if disconnection { Notice::Disconnection } else { Notice::Other }));
    }
}
