//! From events to metrics.

use common_metrics::Recorder;
use session_driver::CLOCK_ANOMALIES;

use crate::bind_summary::BindSummary;
use crate::catalogue::*;
use crate::event::LdapEvent;
use crate::operation_summary::{OperationOutcome, OperationSummary, SearchSummary};
use crate::protocol::operation::Answered;
use crate::protocol::result_code::{ResultCode, ResultLabel, ResultOutcome};

/// Counts one event.
pub fn count<R: Recorder>(event: &LdapEvent<'_>, recorder: &mut R) {
    match *event {
        LdapEvent::Request { operation, .. } => recorder.add(&REQUESTS, operation, 1),
        LdapEvent::Controls { controls, direction } => {
            controls.iter().for_each(|control| recorder.add(&CONTROLS, (control, direction.into()), 1));
        }
        LdapEvent::Search { scope, kind } => {
            recorder.add(&SEARCH_SCOPES, scope, 1);
            recorder.add(&SEARCH_KINDS, kind, 1);
            recorder.add(&SEARCHES, (scope, kind), 1);
        }
        LdapEvent::Extended(name) => recorder.add(&EXTENDED, name, 1),
        LdapEvent::Undecoded { operation } => {
            recorder.add(&UNDECODED, (), 1);
            recorder.add(&UNDECODED_OPERATIONS, operation, 1);
        }
        LdapEvent::Began { persistent: true, .. } => recorder.shift(&PERSISTENT, (), 1),
        LdapEvent::Began { persistent: false, depth } => {
            recorder.shift(&IN_FLIGHT, (), 1);
            recorder.record(&DEPTH, (), depth.into());
        }
        LdapEvent::Unpaired { .. } => recorder.add(&UNPAIRED, (), 1),
        LdapEvent::Entry { octets } => {
            recorder.add(&ENTRIES, (), 1);
            recorder.record(&ENTRY_BYTES, (), octets);
        }
        LdapEvent::Reference => recorder.add(&REFERENCES, (), 1),
        LdapEvent::Intermediate => recorder.add(&INTERMEDIATES, (), 1),
        LdapEvent::FirstResponse { latency } => {
            if let Some(latency) = latency {
                recorder.record(&FIRST_RESPONSE_LATENCY, (), latency);
            }
        }
        LdapEvent::Response { operation, code } => count_response(operation, code, recorder),
        LdapEvent::OperationEnded(summary) => count_operation(&summary, recorder),
        LdapEvent::Unmatched { late: true } => recorder.add(&LATE, (), 1),
        LdapEvent::Unmatched { late: false } => recorder.add(&UNMATCHED, (), 1),
        LdapEvent::BindEnded(summary) => count_bind(&summary, recorder),
        LdapEvent::StartTls(outcome) => recorder.add(&START_TLS, outcome, 1),
        LdapEvent::Unsolicited(notice) => recorder.add(&UNSOLICITED, notice, 1),
        LdapEvent::SaslBuffer { protection, octets, .. } => {
            recorder.add(&SASL_BUFFERS, protection, 1);
            recorder.record(&SASL_BUFFER_BYTES, protection, octets);
        }
        LdapEvent::Smuggled { octets } => {
            recorder.add(&SMUGGLED_OCTETS, (), octets);
            recorder.add(&SMUGGLED_CONNECTIONS, (), 1);
        }
        LdapEvent::Anomaly { kind, .. } => recorder.add(&ANOMALIES, kind, 1),
        LdapEvent::IntervalDropped => recorder.add(&CLOCK_ANOMALIES, (), 1),
        LdapEvent::WentOpaque { anomaly, .. } => {
            if let Some(kind) = anomaly {
                recorder.add(&ANOMALIES, kind, 1);
            }
        }
        LdapEvent::ConnectionEnded { ending, operations, .. } => {
            recorder.add(&CONNECTIONS_CLOSED, ending, 1);
            recorder.record(&OPERATIONS_PER_CONNECTION, (), operations);
        }
    }
}

fn count_response<R: Recorder>(operation: Answered, code: Option<ResultCode>, recorder: &mut R) {
    let label = code.map_or(ResultLabel::Other, ResultCode::label);
    recorder.add(&RESPONSES, (operation, code.map_or(ResultOutcome::Unknown, ResultCode::outcome)), 1);
    recorder.add(&RESULTS, label, 1);
    recorder.add(&OPERATION_RESULTS, (operation, label), 1);
    if operation == Answered::Search
        && let Some(limit) = code.and_then(Limit::that_gave)
    {
        recorder.add(&LIMIT_HITS, limit, 1);
    }
}

fn count_operation<R: Recorder>(summary: &OperationSummary<'_>, recorder: &mut R) {
    let persistent = summary.is_persistent();
    recorder.shift(if persistent { &PERSISTENT } else { &IN_FLIGHT }, (), -1);
    match summary.outcome {
        OperationOutcome::Answered => {
            if let Some(latency) = summary.latency {
                recorder.record(&OPERATION_LATENCY, summary.operation, latency);
            }
            if let Some(SearchSummary { entries, octets, .. }) = summary.search {
                recorder.record(&ENTRIES_PER_SEARCH, (), entries);
                recorder.record(&SEARCH_BYTES, (), octets);
            }
        }
        _ if persistent => {}
        OperationOutcome::Abandoned => recorder.add(&ABANDONED, (), 1),
        OperationOutcome::Unanswered | OperationOutcome::Unknown => {
            recorder.add(&UNANSWERED, (), 1);
            recorder.add(&UNANSWERED_OPERATIONS, summary.operation, 1);
        }
    }
}

fn count_bind<R: Recorder>(summary: &BindSummary<'_>, recorder: &mut R) {
    let Some(result) = summary.outcome.answered() else {
        recorder.add(&BINDS_UNFINISHED, (), 1);
        return;
    };
    recorder.add(&BINDS, (summary.kind, result, summary.transport), 1);
    if let Some(mechanism) = summary.mechanism {
        recorder.add(&BIND_MECHANISMS, (mechanism, result, summary.transport), 1);
    }
    if let Some(reason) = summary.reason {
        recorder.add(&BIND_FAILURES, reason, 1);
    }
    if let Some(total) = summary.total {
        recorder.record(&BIND_DURATION, (), total);
    }
}

impl Limit {
    /// The limit that a result code tells of (RFC 4511, appendix A.2).
    const fn that_gave(code: ResultCode) -> Option<Self> {
        match code.0 {
            3 => Some(Self::Time),
            4 => Some(Self::Size),
            11 => Some(Self::Admin),
            _ => None,
        }
    }
}
