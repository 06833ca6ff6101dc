//! What a reply does, by what it answers.

use session_driver::{Direction, OpaqueCause, Sink};

use super::SmtpSession;
use super::client::{Client, Mail, Undecided};
use super::delivery::{Delivery, MailReply};
use super::pipeline::{Asked, Pending};
use super::server::Reply;
use super::transaction::{GivenUp, Transaction, TransactionClock, never_open, refusal};
use crate::anomaly::Anomaly;
use crate::event::{RecipientOutcome, SmtpEvent, StarttlsOutcome};
use crate::protocol::code::{ReplyClass, ReplyCode};
use crate::protocol::verb::Verb;
use crate::transaction_summary::{Outcome, Stage};

impl SmtpSession {
    /// A reply has come to the request that waited longest.
    pub(super) fn answered(&mut self, pending: Pending, reply: Reply, sink: &mut impl Sink<Self>) {
        if matches!(self.client, Client::Chunk { .. }) && self.pending.is_empty() {
            self.anomaly(Anomaly::EarlyReply, Direction::ToClient, sink);
        }
        if matches!(pending.request, Asked::EndOfData | Asked::LastChunk(_)) {
            self.mail_answered(pending, reply, sink);
            return;
        }
        let latency = self.report(pending, reply, false, sink);
        let done = reply.class() == ReplyClass::Completed;
        match pending.request {
            Asked::Mail { null_sender } => self.mail_command_answered(pending, null_sender, reply, sink),
            Asked::AuthData | Asked::Command(Verb::Auth | Verb::XExps) => {
                self.auth_answered(reply.code, latency, reply.at, sink);
            }
            Asked::Command(Verb::Rcpt) => self.rcpt_answered(pending, reply, sink),
            Asked::Command(Verb::Data) => self.data_answered(pending, reply, sink),
            Asked::Command(Verb::Bdat | Verb::Burl) => self.chunk_answered(pending, reply),
            Asked::Command(Verb::Starttls | Verb::XAnonymoustls) => self.starttls_answered(reply, sink),
            Asked::Command(verb @ (Verb::Helo | Verb::Ehlo | Verb::Lhlo)) if done => {
                // RFC 5321, 4.1.4: as if RSET had been issued. What is refused changes nothing.
                self.give_up(GivenUp::Reset, sink);
                self.lmtp = verb == Verb::Lhlo;
                if !reply.keywords.is_empty() {
                    sink.event(SmtpEvent::Offered(reply.keywords));
                }
            }
            Asked::Command(Verb::Rset) if done => self.give_up(GivenUp::Reset, sink),
            Asked::Command(Verb::Quit) if done => self.give_up(GivenUp::Aborted, sink),
            // Postfix, XCLIENT_README: the reply is a new greeting, and the session starts over.
            Asked::Command(Verb::Xclient) if reply.code == ReplyCode::READY => {
                self.give_up(GivenUp::Reset, sink);
                self.lmtp = false;
            }
            // RFC 2645, 5.2: from now on the server is the client.
            Asked::Command(Verb::Atrn | Verb::Turn) if done => {
                let anomaly = Some(Anomaly::RoleSwap);
                self.go_opaque(OpaqueCause::LostSync, Direction::ToClient, anomaly, sink);
            }
            // An extension that nobody here knows takes a payload now, as XEXCH50 did, and how long it is
            // nobody can tell.
            Asked::Command(Verb::Other) if reply.code == ReplyCode::START_MAIL_INPUT => {
                let anomaly = Some(Anomaly::UnknownPayload);
                self.go_opaque(OpaqueCause::LostSync, Direction::ToServer, anomaly, sink);
            }
            Asked::Command(_) | Asked::Blank | Asked::EndOfData | Asked::LastChunk(_) => {}
        }
    }

    fn report(
        &mut self,
        pending: Pending,
        reply: Reply,
        more: bool,
        sink: &mut impl Sink<Self>,
    ) -> Option<u64> {
        let request = pending.request.request();
        let latency = self.interval(pending.at, reply.at, sink);
        let refusal = reply.reason.filter(|_| request.carries_mail());
        sink.event(SmtpEvent::Reply { request, code: reply.code, latency, refusal, more });
        latency
    }

    fn mail_command_answered(
        &mut self,
        pending: Pending,
        null_sender: bool,
        reply: Reply,
        sink: &mut impl Sink<Self>,
    ) {
        // The one that is answered is no longer among those that wait.
        let number = self.transactions_started.saturating_sub(self.pending.mails());
        let nested = self.transaction.is_some();
        if nested {
            self.anomaly(Anomaly::NestedMail, Direction::ToServer, sink);
        }
        if reply.class() == ReplyClass::Completed {
            self.give_up(GivenUp::Reset, sink);
            self.transaction = Some(Transaction::new(number, null_sender, pending.at, reply.at));
            return;
        }
        let refusal = reply.reason.and_then(|reason| refusal(Stage::Mail, reply.code, reason));
        if refusal.is_none() {
            self.anomaly(Anomaly::UnexpectedReply, Direction::ToClient, sink);
        }
        let mut clock = TransactionClock::new(pending.at);
        clock.replied(pending.at, reply.at);
        let outcome = refusal.map_or(Outcome::Unknown, Outcome::Rejected);
        let envelope = self
            .identities
            .as_mut()
            .and_then(|identities| if nested { identities.end_nested() } else { identities.end_open() });
        let summary = never_open(number, outcome, null_sender, Some(clock));
        self.transaction_ended(summary, envelope.as_ref(), sink);
    }

    fn rcpt_answered(&mut self, pending: Pending, reply: Reply, sink: &mut impl Sink<Self>) {
        let outcome = match reply.class() {
            ReplyClass::Completed => RecipientOutcome::Accepted,
            ReplyClass::Transient => RecipientOutcome::RejectedTransient,
            ReplyClass::Permanent => RecipientOutcome::RejectedPermanent,
            ReplyClass::Intermediate | ReplyClass::Invalid => {
                self.anomaly(Anomaly::UnexpectedReply, Direction::ToClient, sink);
                return;
            }
        };
        sink.event(SmtpEvent::Recipient(outcome));
        if let Some(transaction) = &mut self.transaction {
            transaction.replied(pending.at, reply.at);
            transaction.recipient(reply.code, reply.reason);
        }
    }

    fn data_answered(&mut self, pending: Pending, reply: Reply, sink: &mut impl Sink<Self>) {
        let go_ahead = reply.class() == ReplyClass::Intermediate;
        if let Some(transaction) = &mut self.transaction {
            transaction.replied(pending.at, reply.at);
            match reply.reason {
                Some(reason) => transaction.data_refused(reply.code, reason),
                None if go_ahead => transaction.data_accepted(),
                None => {}
            }
        }
        if !go_ahead && reply.reason.is_none() {
            self.anomaly(Anomaly::UnexpectedReply, Direction::ToClient, sink);
        }
        // Behind a DATA that still decides nothing else can wait.
        let decides = matches!(self.client, Client::Undecided(Undecided::Data)) && self.pending.is_empty();
        if decides {
            self.client = if go_ahead { Client::Mail(Mail::new(reply.at)) } else { Client::Commands };
        } else if !go_ahead {
            // What was taken for the mail were commands to the server.
            let anomaly = Some(Anomaly::UndecidedTooLong);
            self.go_opaque(OpaqueCause::LostSync, Direction::ToServer, anomaly, sink);
        }
    }

    /// A chunk that is not the last.
    fn chunk_answered(&mut self, pending: Pending, reply: Reply) {
        if let Some(transaction) = &mut self.transaction {
            transaction.replied(pending.at, reply.at);
            match reply.reason {
                Some(reason) => transaction.data_refused(reply.code, reason),
                None => transaction.took(pending),
            }
        }
    }

    /// The first reply to a mail that is whole.
    fn mail_answered(&mut self, mail: Pending, reply: Reply, sink: &mut impl Sink<Self>) {
        let mut recipients = 0;
        if let Some(transaction) = &mut self.transaction {
            transaction.took(mail);
            recipients = transaction.recipients_to_answer();
        }
        let (is, delivery) = Delivery::first_reply(mail, reply.code, self.lmtp, recipients);
        self.delivery = delivery;
        self.mail_reply(mail, is, reply, sink);
    }

    /// A reply to a mail that is whole.
    pub(super) fn mail_reply(
        &mut self,
        mail: Pending,
        is: MailReply,
        reply: Reply,
        sink: &mut impl Sink<Self>,
    ) {
        self.report(mail, reply, is.more(), sink);
        if is.is_for_recipient() {
            sink.event(SmtpEvent::Delivery(reply.class()));
        }
        if !is.more() {
            self.delivery = None;
        }
        let Some(transaction) = &mut self.transaction else { return };
        transaction.replied(mail.at, reply.at);
        if is.is_for_recipient() {
            transaction.deliveries.add(reply.code, reply.reason);
        }
        let accepted = Outcome::Accepted(mail.request.method());
        let outcome = match (is, reply.reason) {
            (MailReply::Recipient | MailReply::Announcement, _) => return,
            (MailReply::LastRecipient, _) => transaction.delivered(accepted).unwrap_or(Outcome::Unknown),
            (MailReply::Whole, Some(reason)) => transaction.refused(reply.code, reason),
            (MailReply::Whole, None)
                if reply.class() == ReplyClass::Completed && transaction.accepted > 0 =>
            {
                accepted
            }
            (MailReply::Whole, None) => {
                self.anomaly(Anomaly::UnexpectedReply, Direction::ToClient, sink);
                Outcome::Unknown
            }
        };
        self.conclude(outcome, Some(mail.at), sink);
    }

    // RFC 3207, 4: after 220 TLS starts; 454 and 501 leave things as they are.
    fn starttls_answered(&mut self, reply: Reply, sink: &mut impl Sink<Self>) {
        let (next, outcome) = match reply.class() {
            ReplyClass::Completed => (Client::Encrypted, StarttlsOutcome::Accepted),
            _ => (Client::Commands, StarttlsOutcome::Refused),
        };
        self.client = next;
        sink.event(SmtpEvent::Starttls(outcome));
    }

    /// TLS starts. So many octets had come behind STARTTLS before it was accepted.
    pub(super) fn encrypted(&mut self, octets: u64, sink: &mut impl Sink<Self>) {
        if octets > 0 {
            self.smuggled(octets, sink);
        }
        self.go_opaque(OpaqueCause::Starttls, Direction::ToClient, None, sink);
    }

    /// Octets behind STARTTLS that the client could not send if it waited for the reply (CVE-2011-0411).
    pub(super) fn smuggled(&self, octets: u64, sink: &mut impl Sink<Self>) {
        sink.event(SmtpEvent::Smuggled { octets });
        self.anomaly(Anomaly::SmuggledBehindStarttls, Direction::ToServer, sink);
    }
}
