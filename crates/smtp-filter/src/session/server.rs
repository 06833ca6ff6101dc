//! What the server says: replies, line by line, and the greeting.

use session_driver::{Direction, OpaqueCause, Sink, Timestamp};

use super::SmtpSession;
use super::client::Client;
use super::pipeline::{Asked, Pending};
use crate::anomaly::Anomaly;
use crate::event::SmtpEvent;
use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::command::LineEnding;
use crate::protocol::ehlo::{Keyword, KeywordSet};
use crate::protocol::enhanced::EnhancedCode;
use crate::protocol::refusal::RefusalReason;
use crate::protocol::reply::reply_line;
use crate::protocol::verb::Verb;

/// Whether the server has spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// Not yet. `client_talked` if the client has.
    Awaited { client_talked: bool },
    /// The first reply has come, be it a greeting or not.
    Seen,
}

impl Default for Greeting {
    fn default() -> Self {
        Self::Awaited { client_talked: false }
    }
}

impl Greeting {
    pub(super) fn is_awaited(self) -> bool {
        matches!(self, Self::Awaited { .. })
    }

    /// The client says something: whether that is its first word, and before the greeting.
    pub(super) fn client_talks(&mut self) -> bool {
        match self {
            Self::Awaited { client_talked } => !std::mem::replace(client_talked, true),
            Self::Seen => false,
        }
    }
}

/// The lines of a reply that is not complete yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartialReply {
    /// The last line's code; `None` before the first line.
    code: Option<ReplyCode>,
    /// The last enhanced code.
    enhanced: Option<EnhancedCode>,
    /// Octets so far.
    octets: usize,
    /// What is offered, in a reply to EHLO or LHLO.
    keywords: KeywordSet,
}

/// A complete reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) code: ReplyCode,
    /// Why the server refuses, with 4xx and 5xx.
    pub(super) reason: Option<RefusalReason>,
    pub(super) keywords: KeywordSet,
    /// When its last octet passed.
    pub(super) at: Timestamp,
}

impl Reply {
    pub(super) fn class(&self) -> ReplyClass {
        self.code.class()
    }
}

impl SmtpSession {
    /// One line of a reply, complete with its LF unless it was too long.
    pub(super) fn reply_line(&mut self, line: &[u8], now: Timestamp, sink: &mut impl Sink<Self>) {
        if self.may_be_sealed && line.starts_with(&[0]) {
            self.sealed(Direction::ToClient, sink);
            return;
        }
        if LineEnding::split(line).1 == LineEnding::Missing {
            self.anomaly(Anomaly::ReplyLineTooLong, Direction::ToClient, sink);
        }
        let parsed = reply_line(line);
        let first = self.reply.code.is_none();
        if parsed.code.is_none() {
            self.anomaly(Anomaly::ReplyWithoutCode, Direction::ToClient, sink);
            if first {
                return;
            }
        }
        self.reply.octets = self.reply.octets.saturating_add(line.len());
        if self.reply.octets > self.limits.max_reply_octets.get() {
            let anomaly = Some(Anomaly::ReplyTooLong);
            self.go_opaque(OpaqueCause::LostSync, Direction::ToClient, anomaly, sink);
            return;
        }
        let Some(code) = parsed.code else { return };
        if self.reply.code.is_some_and(|before| before != code) {
            self.anomaly(Anomaly::ReplyCodeChanged, Direction::ToClient, sink);
        }
        let asked = if self.delivery.is_none() { self.pending.next() } else { None };
        if !first && matches!(asked, Some(Asked::Command(Verb::Ehlo | Verb::Lhlo))) {
            self.reply.keywords.insert(Keyword::of_reply_text(parsed.text));
        }
        self.reply.code = Some(code);
        self.reply.enhanced = parsed.enhanced.or(self.reply.enhanced);
        if parsed.last {
            if first && parsed.text.is_empty() {
                self.anomaly(Anomaly::ReplyWithoutText, Direction::ToClient, sink);
            }
            let PartialReply { enhanced, keywords, .. } = std::mem::take(&mut self.reply);
            let refuses = matches!(code.class(), ReplyClass::Transient | ReplyClass::Permanent);
            let reason = refuses.then(|| RefusalReason::of(code, enhanced));
            self.reply(Reply { code, reason, keywords, at: now }, sink);
        }
    }

    fn reply(&mut self, reply: Reply, sink: &mut impl Sink<Self>) {
        if self.greeting.is_awaited() {
            self.greeting = Greeting::Seen;
            if reply.code == ReplyCode::READY || reply.reason.is_some() {
                self.greeted(reply, sink);
                return;
            }
            self.anomaly(Anomaly::JoinedMidStream, Direction::ToClient, sink);
        }
        if let Some(delivery) = &mut self.delivery {
            let mail = delivery.mail;
            let is = delivery.next_reply();
            self.mail_reply(mail, is, reply, sink);
            return;
        }
        match self.pending.answered_by(reply.code) {
            Some(pending) => self.answered(pending, reply, sink),
            None => self.unasked(reply, sink),
        }
    }

    fn greeted(&mut self, reply: Reply, sink: &mut impl Sink<Self>) {
        let latency = self.interval(self.opened, reply.at, sink);
        sink.event(SmtpEvent::Greeting { code: reply.code, latency, refusal: reply.reason });
        if reply.code != ReplyCode::READY {
            self.anomaly(Anomaly::GreetingNotReady, Direction::ToClient, sink);
        }
    }

    /// A reply while nothing waits for one.
    fn unasked(&mut self, reply: Reply, sink: &mut impl Sink<Self>) {
        if let Client::Mail(mail) = &mut self.client
            && !mail.answered
            && reply.code != ReplyCode::NOT_AVAILABLE
            && (reply.class() == ReplyClass::Completed || reply.reason.is_some())
        {
            let octets = u32::try_from(mail.octets).unwrap_or(u32::MAX);
            let pending = Pending { at: mail.at, octets, request: Asked::EndOfData };
            if mail.may_have_ended() || reply.class() == ReplyClass::Completed {
                // The server takes the mail to be over; from here on, so must we.
                self.mail_over(sink);
            } else {
                mail.answered = true;
            }
            self.anomaly(Anomaly::EarlyReply, Direction::ToClient, sink);
            self.answered(pending, reply, sink);
            return;
        }
        sink.event(SmtpEvent::UnmatchedReply { code: reply.code });
        let kind = if reply.code == ReplyCode::NOT_AVAILABLE {
            Anomaly::UnsolicitedClosing
        } else {
            Anomaly::UnmatchedReply
        };
        self.anomaly(kind, Direction::ToClient, sink);
    }

    /// The time between two moments; what cannot be is reported and dropped.
    pub(super) fn interval(&self, from: Timestamp, to: Timestamp, sink: &mut impl Sink<Self>) -> Option<u64> {
        let interval = to.since(from);
        if interval.is_none() {
            sink.event(SmtpEvent::IntervalDropped);
        }
        interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_talks_first_only_once_and_only_before_the_greeting() {
        let mut greeting = Greeting::default();
        assert!(greeting.client_talks());
        assert!(!greeting.client_talks());
        assert!(greeting.is_awaited());
        assert!(!Greeting::Seen.client_talks());
    }
}
