//! The filter: what the session reports, as metrics, events and a summary for access logs.

use std::fmt::Write as _;

use common_metrics::{Catalogue, Label as _, Recorder};
use envoy_sdk::Module;
use session_driver::{
    CloseCause, Event, Observation, ObserverFactory, Protocol, Redactor, Timestamp, Visibility, Wanted,
};

use crate::catalogue::{CONNECTIONS_CLOSED, SMTP};
use crate::count::count;
use crate::event::{Outcome, SmtpEvent, TransactionSummary};
use crate::limits::SmtpLimits;
use crate::session::SmtpSession;

/// Octets that a summary for access logs usually has room in.
const USUAL_SUMMARY: usize = 160;

/// What this module contains: the network filter `smtp`.
pub fn module() -> Module {
    Module::new().version(env!("CARGO_PKG_VERSION")).network_filter::<ObserverFactory<Smtp>>()
}

#[cfg(feature = "entry-point")]
envoy_sdk::entry_point!(module);

/// SMTP and LMTP, on one connection.
#[derive(Debug, Default)]
pub struct Smtp {
    summary: Summary,
}

impl Protocol for Smtp {
    const NAME: &'static str = "smtp";
    const IDENTITIES_HAVE_DOMAINS: bool = true;
    type Limits = SmtpLimits;
    type Session = SmtpSession;

    fn catalogue() -> &'static Catalogue {
        &SMTP
    }

    fn session(limits: &SmtpLimits, wanted: Wanted, opened: Timestamp) -> SmtpSession {
        SmtpSession::new(limits, wanted.identities, opened)
    }

    fn observe<R: Recorder>(&mut self, event: SmtpEvent<'_>, observation: &mut Observation<'_, R>) {
        count(&event, observation.metrics);
        match event {
            SmtpEvent::TransactionEnded(transaction) => {
                self.summary.add(&transaction);
                observation.summarise();
                observation.event("transaction", |event, redactor| describe(&transaction, event, redactor));
            }
            SmtpEvent::WentOpaque { cause, direction, state, anomaly } => {
                self.summary.visibility = Visibility::from(cause);
                observation.summarise();
                observation.went_opaque(
                    cause,
                    direction,
                    state,
                    anomaly.map_or("none", |kind| kind.as_str()),
                );
            }
            _ => {}
        }
    }

    fn summary(&self) -> String {
        let mut text = String::with_capacity(USUAL_SUMMARY);
        // Writing to a string cannot fail.
        let _written = write!(text, "{}", self.summary);
        text
    }

    fn closed_unseen<R: Recorder>(cause: CloseCause, metrics: &mut R) {
        metrics.add(&CONNECTIONS_CLOSED, cause.into(), 1);
    }
}

/// The fields of an event about a transaction.
fn describe(transaction: &TransactionSummary<'_>, event: &mut Event, redactor: &Redactor) {
    event.set("transaction", transaction.number);
    event.set("outcome", transaction.outcome.label().as_str());
    match transaction.outcome {
        Outcome::Accepted(method) => event.set("method", method.as_str()),
        Outcome::Rejected(refusal) => {
            event.set("stage", refusal.stage.as_str());
            event.set("class", refusal.class.as_str());
            event.set("code", refusal.code.get());
            event.set("reason", refusal.reason.as_str());
        }
        Outcome::Reset | Outcome::Aborted | Outcome::Unknown => {}
    }
    event.set("null_sender", transaction.null_sender);
    event.set("recipients_accepted", transaction.accepted_recipients);
    event.set("recipients_rejected_4xx", transaction.transient_recipients);
    event.set("recipients_rejected_5xx", transaction.permanent_recipients);
    for (name, value) in [
        ("message_bytes", transaction.octets),
        ("end_of_data_microseconds", transaction.end_of_data),
        ("duration_microseconds", transaction.wall),
        ("waiting_microseconds", transaction.waiting),
    ] {
        if let Some(value) = value {
            event.set(name, value);
        }
    }
    if let Some(sender) = transaction.sender.and_then(|sender| redactor.mail_address(sender)) {
        event.set("sender", sender);
    }
    let recipients: Vec<_> =
        transaction.recipients.iter().filter_map(|recipient| redactor.mail_address(recipient)).collect();
    if !recipients.is_empty() {
        event.set("recipients", recipients);
    }
}

/// What access logs print about a connection: `%FILTER_STATE(wasm.smtp:PLAIN)%`. Every word of it is the
/// filter's own, so it cannot break out of a log line.
#[derive(Debug)]
struct Summary {
    transactions: u64,
    accepted: u64,
    rejected: u64,
    last_outcome: &'static str,
    visibility: Visibility,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            transactions: 0,
            accepted: 0,
            rejected: 0,
            last_outcome: "none",
            visibility: Visibility::Parsed,
        }
    }
}

impl Summary {
    fn add(&mut self, transaction: &TransactionSummary<'_>) {
        self.transactions = self.transactions.saturating_add(1);
        match transaction.outcome {
            Outcome::Accepted(_) => self.accepted = self.accepted.saturating_add(1),
            Outcome::Rejected(_) => self.rejected = self.rejected.saturating_add(1),
            Outcome::Reset | Outcome::Aborted | Outcome::Unknown => {}
        }
        self.last_outcome = transaction.outcome.label().as_str();
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { transactions, accepted, rejected, last_outcome, .. } = self;
        let visibility = self.visibility.as_str();
        write!(
            f,
            "transactions={transactions};accepted={accepted};rejected={rejected};last={last_outcome};visibility={visibility}"
        )
    }
}
