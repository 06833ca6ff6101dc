//! AUTH exchanges.

use session_driver::{Direction, OpaqueCause, Sink, Timestamp};

use super::SmtpSession;
use super::client::{Client, Undecided};
use super::pipeline::{Asked, Pending};
use crate::anomaly::Anomaly;
use crate::event::{AuthOutcome, SmtpEvent};
use crate::protocol::auth::Mechanism;
use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::command::LineEnding;

/// An AUTH command and what follows it. Nothing of the credentials is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthExchange {
    pub(super) mechanism: Mechanism,
    /// When the AUTH command passed.
    pub(super) started: Timestamp,
    /// The client's last line was `*`.
    pub(super) cancelled: bool,
}

impl SmtpSession {
    // RFC 4954, 4: "If the client wishes to cancel the authentication exchange, it issues a line with a single
    // "*"." Whatever else stands there is no command, not even QUIT.
    /// A client's line within an exchange.
    pub(super) fn auth_line(&mut self, line: &[u8], now: Timestamp, sink: &mut impl Sink<Self>) {
        let (text, ending) = LineEnding::split(line);
        if ending == LineEnding::Missing {
            self.anomaly(Anomaly::CommandLineTooLong, Direction::ToServer, sink);
        }
        if let Some(exchange) = &mut self.auth {
            exchange.cancelled = text == b"*";
        }
        self.client = Client::Undecided(Undecided::Auth);
        self.push(Pending { at: now, octets: 0, request: Asked::AuthData }, sink);
    }

    /// The reply to AUTH, or to a line of the exchange.
    pub(super) fn auth_answered(
        &mut self,
        code: ReplyCode,
        latency: Option<u64>,
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) {
        sink.event(SmtpEvent::AuthRound { latency });
        if code.class() == ReplyClass::Intermediate {
            self.client = Client::AuthLine;
        } else {
            self.client = Client::Commands;
            if let Some(AuthExchange { mechanism, started, cancelled }) = self.auth.take() {
                let outcome = match code.class() {
                    ReplyClass::Completed => {
                        self.may_be_sealed |= can_seal(mechanism);
                        AuthOutcome::Succeeded
                    }
                    _ if cancelled => AuthOutcome::Cancelled,
                    _ => AuthOutcome::Failed,
                };
                let (transport, total) = (self.transport, now.since(started));
                sink.event(SmtpEvent::AuthEnded { mechanism, outcome, transport, total });
            }
        }
    }

    // RFC 4422, 3.7: each buffer of a security layer starts with its length in four octets, "bounded by a maximum
    // buffer size" of three. So the first one is 0, and no command or reply starts with that.
    /// A security layer hides what is said from here on.
    pub(super) fn sealed(&mut self, direction: Direction, sink: &mut impl Sink<Self>) {
        self.go_opaque(OpaqueCause::SaslSealed, direction, None, sink);
    }

    /// Nothing more will come of an exchange, if there is one.
    pub(super) fn auth_unfinished(&mut self, sink: &mut impl Sink<Self>) {
        if let Some(AuthExchange { mechanism, .. }) = self.auth.take() {
            let (outcome, transport) = (AuthOutcome::Unfinished, self.transport);
            sink.event(SmtpEvent::AuthEnded { mechanism, outcome, transport, total: None });
        }
    }
}

/// Mechanisms that can negotiate a security layer. Sendmail does; most other servers refuse to.
fn can_seal(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::Gssapi | Mechanism::GssSpnego | Mechanism::DigestMd5 | Mechanism::Other)
}
