//! One SMTP or LMTP conversation, seen from the middle.
//!
//! - [`client`] and [`command`]: what the client says, and what its octets are at each point.
//! - [`server`] and [`answer`]: replies, and what each one does.
//! - [`pipeline`]: the requests in between.
//! - [`transaction`] and [`delivery`]: a mail on its way to its outcome.
//! - [`auth`]: AUTH exchanges; [`identities`]: whom an event may name.

mod answer;
mod auth;
mod client;
mod command;
mod delivery;
mod identities;
mod pipeline;
mod server;
mod transaction;

use session_driver::{
    CloseCause, Direction, Need, OpaqueCause, Opening, Session, Sink, Timestamp, Transport,
};

use self::auth::AuthExchange;
use self::client::Client;
use self::delivery::Delivery;
use self::identities::{Envelope, Identities};
use self::pipeline::{Asked, Pipeline};
use self::server::{Greeting, PartialReply};
use self::transaction::{GivenUp, Transaction, never_open};
use crate::anomaly::Anomaly;
use crate::event::{Ending, SmtpEvent, StarttlsOutcome};
use crate::limits::SmtpLimits;
use crate::protocol::verb::Verb;
use crate::transaction_summary::{Method, Outcome, TransactionSummary};

/// The state machine over both directions of one connection.
///
/// It takes about 330 octets, and a few dozen more for the commands that wait; what peers can add to that is
/// bounded by [`SmtpLimits`]. It keeps no octets of a mail, no credentials, and addresses only where they are
/// asked for.
///
/// Invariant, checked in debug builds: transactions started = transactions ended + open ones, where a
/// transaction is open while its MAIL waits for a reply or has been accepted.
#[derive(Debug)]
pub struct SmtpSession {
    limits: SmtpLimits,
    opened: Timestamp,
    transport: Transport,
    client: Client,
    greeting: Greeting,
    reply: PartialReply,
    pending: Pipeline,
    /// The mail that is being answered in several replies.
    delivery: Option<Delivery>,
    transaction: Option<Transaction>,
    auth: Option<AuthExchange>,
    identities: Option<Box<Identities>>,
    /// The client said LHLO, and the server agreed.
    lmtp: bool,
    /// A mechanism has succeeded that can seal what follows.
    may_be_sealed: bool,
    /// QUIT was the last command.
    quit: bool,
    transactions_started: u32,
    transactions_ended: u32,
}

impl SmtpSession {
    /// A session of a connection that was opened at `opened`.
    ///
    /// Addresses are kept only with `keep_identities`: the sender and the first recipients of a transaction,
    /// for its summary.
    pub fn new(limits: &SmtpLimits, keep_identities: bool, opened: Timestamp) -> Self {
        let identities = keep_identities.then(|| Box::new(Identities::new(limits.max_recipients_kept.get())));
        Self {
            limits: *limits,
            opened,
            transport: Transport::Plain,
            client: Client::Commands,
            greeting: Greeting::default(),
            reply: PartialReply::default(),
            pending: Pipeline::default(),
            delivery: None,
            transaction: None,
            auth: None,
            identities,
            lmtp: false,
            may_be_sealed: false,
            quit: false,
            transactions_started: 0,
            transactions_ended: 0,
        }
    }

    fn anomaly(&self, kind: Anomaly, direction: Direction, sink: &mut impl Sink<Self>) {
        sink.event(SmtpEvent::Anomaly { kind, direction });
    }

    fn is_opaque(&self) -> bool {
        matches!(self.client, Client::Opaque(_))
    }

    /// Stops looking at either direction, for good.
    fn go_opaque(
        &mut self,
        cause: OpaqueCause,
        direction: Direction,
        anomaly: Option<Anomaly>,
        sink: &mut impl Sink<Self>,
    ) {
        let state = self.client.name();
        self.wind_up(GivenUp::Unknown, sink);
        self.client = Client::Opaque(cause);
        self.identities = None;
        sink.event(SmtpEvent::WentOpaque { cause, direction, state, anomaly });
    }

    /// Nothing that is open will be answered any more: says so, and frees what it took.
    fn wind_up(&mut self, how: GivenUp, sink: &mut impl Sink<Self>) {
        if let Some(delivery) = self.delivery.take() {
            sink.event(SmtpEvent::Unanswered { request: delivery.mail.request.request() });
            self.conclude_delivery(&delivery, how, sink);
        }
        self.give_up(how, sink);
        let mut number = self.transactions_started.saturating_sub(self.pending.mails());
        for pending in self.pending.take() {
            match pending.request {
                Asked::Blank => continue,
                Asked::Mail { null_sender } => {
                    number = number.saturating_add(1);
                    let summary = never_open(number, how.into(), null_sender, None);
                    let envelope = self.identities.as_mut().and_then(|identities| identities.end_open());
                    self.transaction_ended(summary, envelope.as_ref(), sink);
                }
                Asked::Command(Verb::Starttls | Verb::XAnonymoustls) => {
                    sink.event(SmtpEvent::Starttls(StarttlsOutcome::Unanswered));
                }
                _ => {}
            }
            sink.event(SmtpEvent::Unanswered { request: pending.request.request() });
        }
        self.auth_unfinished(sink);
    }

    /// Ends a transaction that was answered for some of its recipients: one that has got the mail is enough.
    fn conclude_delivery(&mut self, delivery: &Delivery, how: GivenUp, sink: &mut impl Sink<Self>) {
        let Some(transaction) = &self.transaction else { return };
        let accepted = Outcome::Accepted(delivery.mail.request.method());
        let outcome = transaction.delivered(accepted).unwrap_or_else(|| transaction.given_up(how));
        self.conclude(outcome, Some(delivery.mail.at), sink);
    }

    /// Ends the open transaction, if there is one, without a final reply.
    fn give_up(&mut self, how: GivenUp, sink: &mut impl Sink<Self>) {
        if let Some(transaction) = &self.transaction {
            let outcome = transaction.given_up(how);
            self.conclude(outcome, None, sink);
        }
    }

    /// Ends the open transaction. `whole` is when the last octet of its mail passed, if it did.
    fn conclude(&mut self, outcome: Outcome, whole: Option<Timestamp>, sink: &mut impl Sink<Self>) {
        if let Some(transaction) = self.transaction.take() {
            let envelope = self.identities.as_mut().and_then(|identities| identities.end_open());
            let summary = transaction.summary(outcome, whole);
            if summary.wall.is_none() || summary.waiting.is_none() {
                sink.event(SmtpEvent::IntervalDropped);
            }
            self.transaction_ended(summary, envelope.as_ref(), sink);
        }
    }

    fn transaction_ended(
        &mut self,
        summary: TransactionSummary<'_>,
        envelope: Option<&Envelope>,
        sink: &mut impl Sink<Self>,
    ) {
        self.transactions_ended = self.transactions_ended.saturating_add(1);
        let summary = match envelope {
            Some(Envelope { sender, recipients }) => {
                TransactionSummary { sender: Some(sender), recipients, ..summary }
            }
            None => summary,
        };
        sink.event(SmtpEvent::TransactionEnded(summary));
    }

    fn check_transactions(&self) {
        debug_assert_eq!(
            self.transactions_started,
            self.transactions_ended + self.pending.mails() + u32::from(self.transaction.is_some()),
        );
    }
}

impl Session for SmtpSession {
    type Event<'e> = SmtpEvent<'e>;

    fn need(&self, direction: Direction) -> Need {
        match (self.client_need(), direction) {
            (need @ Need::Opaque(_), _) | (need, Direction::ToServer) => need,
            (_, Direction::ToClient) => Need::Line { max: self.limits.max_reply_line.get() },
        }
    }

    fn opens(&mut self, opening: Opening, _: Timestamp, sink: &mut impl Sink<Self>) {
        self.client_opens(opening, sink);
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        let taken = match direction {
            Direction::ToServer => self.client_octets(octets, now, sink),
            Direction::ToClient => {
                self.reply_line(octets, now, sink);
                octets.len()
            }
        };
        self.check_transactions();
        taken
    }

    fn skipped(&mut self, direction: Direction, octets: u64, now: Timestamp, _: &mut impl Sink<Self>) {
        if direction == Direction::ToServer {
            self.client_skipped(octets, now);
        }
    }

    fn overflow(&mut self, _: Direction, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.undecided_too_long(now, sink);
    }

    fn waited(&mut self, _: Direction, octets: u64, _: Timestamp, sink: &mut impl Sink<Self>) {
        if matches!(self.client, Client::Encrypted) {
            self.encrypted(octets, sink);
        }
    }

    /// A half-close changes nothing by itself: the other side may still answer everything.
    fn half_close(&mut self, _: Direction, _: usize, _: Timestamp, _: &mut impl Sink<Self>) {}

    fn end(&mut self, cause: CloseCause, _: Timestamp, sink: &mut impl Sink<Self>) {
        if !self.is_opaque() {
            self.client_left(sink);
            if self.greeting.is_awaited() {
                sink.event(SmtpEvent::NoGreeting);
            }
            let unknown = cause == CloseCause::Unknown && !self.quit;
            self.wind_up(if unknown { GivenUp::Unknown } else { GivenUp::Aborted }, sink);
        }
        self.check_transactions();
        let ending = if self.quit { Ending::Quit } else { cause.into() };
        sink.event(SmtpEvent::ConnectionEnded { ending, transactions: self.transactions_started });
    }

    fn transport(&mut self, transport: Transport) {
        self.transport = transport;
    }
}

impl Asked {
    /// How a mail comes that this brings to its end.
    fn method(self) -> Method {
        match self {
            Self::LastChunk(Verb::Burl) => Method::Burl,
            Self::LastChunk(_) => Method::Bdat,
            _ => Method::Data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_session_takes_few_octets() {
        assert!(size_of::<SmtpSession>() <= 352, "{} octets", size_of::<SmtpSession>());
    }

    #[test]
    fn printing_a_session_shows_no_octets_of_its_peers() {
        let mut session = SmtpSession::new(&SmtpLimits::default(), true, Timestamp(0));
        let mut sink = |_: SmtpEvent<'_>| {};
        let said: [&[u8]; 3] =
            [b"MAIL FROM:<secret@b>\r\n", b"RCPT TO:<secret@b>\r\n", b"AUTH PLAIN secret\r\n"];
        for line in said {
            session.feed(Direction::ToServer, line, Timestamp(0), &mut sink);
        }
        let printed = format!("{session:?}");
        assert!(!printed.contains("115, 101, 99") && !printed.contains("secret"), "{printed}");
    }
}
