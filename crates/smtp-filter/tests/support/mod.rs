//! SMTP under test: its session, its counts, and what must hold for every conversation.
#![allow(dead_code)] // Every test binary uses its own part of this.

pub(crate) mod expected;

use std::collections::BTreeMap;

use common_metrics::{Label as _, Tally};
use session_driver::Timestamp;
use session_test::{Conditions, Record, Subject};
use smtp_filter::event::{Anomaly, Request, SmtpEvent};
use smtp_filter::{SmtpLimits, SmtpSession, count};

pub(crate) type Talk = session_test::Talk<Smtp>;
pub(crate) type Seen = session_test::Seen<Notes>;

/// A conversation that starts with these lines.
pub(crate) fn talk(text: &str) -> Talk {
    Talk::new(text)
}

/// A conversation in which greeting and EHLO are done: 4 ms have passed.
pub(crate) fn greeted(text: &str) -> Talk {
    talk("S: 220 mx.example ESMTP\nC: EHLO client.example\nS: 250-mx.example\nS: 250 HELP").then(text)
}

/// Plays records through a session, to the end of the connection.
pub(crate) fn play(records: &[Record], conditions: &Conditions<Setup>) -> Seen {
    session_test::play::play::<Smtp>(records, conditions)
}

/// SMTP and LMTP.
pub(crate) struct Smtp;

/// What a session is made with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) limits: SmtpLimits,
    pub(crate) keep_identities: bool,
}

impl Setup {
    pub(crate) fn limited(limits: SmtpLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) fn with_identities() -> Self {
        Self { keep_identities: true, ..Self::default() }
    }
}

/// What the counts do not tell.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Commands, and lines and mails that own a reply without being one.
    requests: usize,
    /// Replies after which nothing more answers the same request, blank lines' ones included.
    answered: usize,
    unanswered: usize,
    blank_lines: usize,
    /// How often each request was answered, by code: `MAIL 250`.
    pub(crate) pairs: BTreeMap<String, u64>,
    /// Senders and recipients that summaries named.
    pub(crate) identities: Vec<(String, Vec<String>)>,
}

impl Subject for Smtp {
    type Session = SmtpSession;
    type Setup = Setup;
    type Notes = Notes;

    fn session(setup: &Setup, opened: Timestamp) -> SmtpSession {
        SmtpSession::new(&setup.limits, setup.keep_identities, opened)
    }

    fn event(event: &SmtpEvent<'_>, tally: &mut Tally, notes: &mut Notes) {
        count(event, tally);
        notes.event(event);
    }

    /// One unfinished line of each side, or of the client what is undecided.
    fn most_buffered(Setup { limits, .. }: &Setup) -> usize {
        let client = limits.max_command_line.get().max(limits.max_undecided_octets.get());
        2 * (client + limits.max_reply_line.get())
    }

    fn check(seen: &Seen) {
        let started = seen.sum("transactions_started_total");
        assert_eq!(started, seen.sum("transactions_total"), "every transaction has one outcome");
        for (outcome, metric) in
            [("rejected", "rejected_transactions_total"), ("accepted", "accepted_transactions_total")]
        {
            assert_eq!(seen.sum(metric), seen.value(&format!("transactions_total{{outcome={outcome}}}")));
        }
        let Notes { requests, answered, unanswered, blank_lines, .. } = &seen.notes;
        assert!(
            (*requests..=requests + blank_lines).contains(&(answered + unanswered)),
            "{requests} requests, {answered} answered, {unanswered} unanswered, {blank_lines} blank lines",
        );
        let opaque = seen.events.iter().filter(|event| event.starts_with("WentOpaque")).count();
        assert!(opaque <= 1, "going opaque is said once");
    }
}

impl Notes {
    fn event(&mut self, event: &SmtpEvent<'_>) {
        let is_no_command = |request| matches!(request, Request::AuthData | Request::EndOfData);
        match event {
            SmtpEvent::Command { .. } => self.requests += 1,
            SmtpEvent::Reply { request, code, more, .. } => {
                self.answered += usize::from(!more);
                *self.pairs.entry(format!("{} {code}", request.as_str())).or_default() += 1;
                self.requests += usize::from(is_no_command(*request) && !more);
            }
            SmtpEvent::Unanswered { request } => {
                self.unanswered += 1;
                self.requests += usize::from(is_no_command(*request));
            }
            SmtpEvent::Anomaly { kind: Anomaly::BlankLine, .. } => self.blank_lines += 1,
            SmtpEvent::TransactionEnded(summary) => {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                if let Some(sender) = summary.sender {
                    let recipients = summary.recipients.iter().map(|recipient| text(recipient));
                    self.identities.push((text(sender), recipients.collect()));
                }
            }
            _ => {}
        }
    }
}
