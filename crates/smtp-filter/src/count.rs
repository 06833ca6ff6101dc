//! From events to metrics.

use common_metrics::Recorder;
use session_driver::CLOCK_ANOMALIES;

use crate::catalogue::*;
use crate::event::SmtpEvent;
use crate::protocol::code::ReplyCode;
use crate::transaction_summary::{Outcome, TransactionSummary};

/// Counts one event.
pub fn count<R: Recorder>(event: &SmtpEvent<'_>, recorder: &mut R) {
    match *event {
        SmtpEvent::Greeting { code, latency, refusal } => {
            recorder.add(&GREETINGS, code.class(), 1);
            count_code(code, recorder);
            if let Some(latency) = latency {
                recorder.record(&GREETING_LATENCY, (), latency);
            }
            if let Some(reason) = refusal {
                recorder.add(&REFUSALS, reason, 1);
            }
        }
        SmtpEvent::NoGreeting => recorder.add(&GREETINGS_MISSING, (), 1),
        SmtpEvent::Command { verb } => recorder.add(&COMMANDS, verb, 1),
        SmtpEvent::Reply { request, code, latency, refusal, more } => {
            recorder.add(&REPLIES, (request, code.class()), 1);
            count_code(code, recorder);
            if let Some(latency) = latency.filter(|_| !more) {
                recorder.record(&REPLY_LATENCY, request, latency);
            }
            if let Some(reason) = refusal {
                recorder.add(&REFUSALS, reason, 1);
            }
        }
        SmtpEvent::UnmatchedReply { code } => {
            recorder.add(&UNMATCHED_REPLIES, (), 1);
            count_code(code, recorder);
        }
        SmtpEvent::Unanswered { request } => {
            recorder.add(&UNANSWERED, (), 1);
            recorder.add(&UNANSWERED_REQUESTS, request, 1);
        }
        SmtpEvent::Offered(keywords) => {
            keywords.iter().for_each(|keyword| recorder.add(&EHLO_KEYWORDS, keyword, 1));
        }
        SmtpEvent::TransactionStarted { null_sender, parameters } => {
            recorder.add(&TRANSACTIONS_STARTED, (), 1);
            if null_sender {
                recorder.add(&NULL_SENDERS, (), 1);
            }
            parameters.iter().for_each(|parameter| recorder.add(&MAIL_PARAMETERS, parameter, 1));
        }
        SmtpEvent::RecipientParameters(parameters) => {
            parameters.iter().for_each(|parameter| recorder.add(&MAIL_PARAMETERS, parameter, 1));
        }
        SmtpEvent::Recipient(outcome) => recorder.add(&RECIPIENTS, outcome, 1),
        SmtpEvent::Delivery(class) => recorder.add(&DELIVERIES, class, 1),
        SmtpEvent::TransactionEnded(summary) => count_transaction(&summary, recorder),
        SmtpEvent::AuthRound { latency } => {
            if let Some(latency) = latency {
                recorder.record(&AUTH_ROUND_LATENCY, (), latency);
            }
        }
        SmtpEvent::AuthEnded { mechanism, outcome, transport, total } => {
            recorder.add(&AUTH, (outcome, transport), 1);
            recorder.add(&AUTH_MECHANISMS, (mechanism, outcome, transport), 1);
            if let Some(total) = total {
                recorder.record(&AUTH_DURATION, (), total);
            }
        }
        SmtpEvent::Starttls(outcome) => recorder.add(&STARTTLS, outcome, 1),
        SmtpEvent::Smuggled { octets } => {
            recorder.add(&SMUGGLED_OCTETS, (), octets);
            recorder.add(&SMUGGLED_CONNECTIONS, (), 1);
        }
        SmtpEvent::Anomaly { kind, .. } => recorder.add(&ANOMALIES, kind, 1),
        SmtpEvent::IntervalDropped => recorder.add(&CLOCK_ANOMALIES, (), 1),
        SmtpEvent::WentOpaque { anomaly, .. } => {
            if let Some(kind) = anomaly {
                recorder.add(&ANOMALIES, kind, 1);
            }
        }
        SmtpEvent::ConnectionEnded { ending, transactions } => {
            recorder.add(&CONNECTIONS_CLOSED, ending, 1);
            recorder.record(&TRANSACTIONS_PER_CONNECTION, (), u64::from(transactions));
        }
    }
}

fn count_code<R: Recorder>(code: ReplyCode, recorder: &mut R) {
    recorder.add(&REPLY_CODES, code.label(), 1);
    if code == ReplyCode::NOT_AVAILABLE {
        recorder.add(&CLOSING_REPLIES, (), 1);
    }
}

fn count_transaction<R: Recorder>(summary: &TransactionSummary<'_>, recorder: &mut R) {
    recorder.add(&TRANSACTIONS, summary.outcome.label(), 1);
    let timed = match summary.outcome {
        Outcome::Accepted(method) => {
            recorder.add(&ACCEPTED_TRANSACTIONS, method, 1);
            recorder.record(&RECIPIENTS_PER_TRANSACTION, (), u64::from(summary.accepted_recipients));
            if let Some(octets) = summary.octets {
                recorder.record(&MESSAGE_BYTES, (), octets);
            }
            TimedOutcome::Accepted
        }
        Outcome::Rejected(refusal) => {
            recorder.add(&REJECTED_TRANSACTIONS, (refusal.stage, refusal.class), 1);
            TimedOutcome::Rejected
        }
        Outcome::Reset | Outcome::Aborted | Outcome::Unknown => return,
    };
    if let Some(latency) = summary.end_of_data {
        recorder.record(&END_OF_DATA_LATENCY, (), latency);
    }
    if let Some(wall) = summary.wall {
        recorder.record(&TRANSACTION_DURATION, timed, wall);
    }
    if let Some(waiting) = summary.waiting {
        recorder.record(&TRANSACTION_WAITING, timed, waiting);
    }
}
