//! What the filter counts, declared once.

use common_metrics::{catalogue, label};
use session_driver::{Flow, Transport};

use crate::anomaly::Anomaly;
use crate::event::{BindKind, BindOutcome, Ending, Notice, Protection, StartTlsOutcome};
use crate::protocol::bind_failure::BindFailure;
use crate::protocol::control::Control;
use crate::protocol::extended::ExtendedName;
use crate::protocol::mechanism::Mechanism;
use crate::protocol::operation::{Answered, Operation};
use crate::protocol::result_code::{ResultLabel, ResultOutcome};
use crate::protocol::search::{Scope, SearchKind};

label! {
    /// A limit that ended a search before it was complete.
    pub enum Limit: "limit" {
        /// `sizeLimitExceeded`.
        Size = "size",
        /// `timeLimitExceeded`.
        Time = "time",
        /// `adminLimitExceeded`.
        Admin = "admin",
    }
}

label! {
    /// A bind's end that an answer gives.
    pub enum BindResult: "outcome" {
        /// The client is in.
        Succeeded = "succeeded",
        /// The client is not in.
        Failed = "failed",
    }
}

catalogue! {
    /// What the LDAP filter counts.
    pub static LDAP: "ldap" sharing session_driver::OBSERVER {
        /// Connections that have ended, by who ended them; `unbind` when that was the client's last request.
        counter CONNECTIONS_CLOSED: Ending = "connections_closed_total", Summary, FromStart;
        /// Requests of connections that have ended.
        histogram OPERATIONS_PER_CONNECTION: () = "operations_per_connection", Summary, OnUse;

        /// Requests seen, by operation.
        counter REQUESTS: Operation = "requests_total", Summary, FromStart;
        /// Final responses, by operation and what they mean.
        counter RESPONSES: (Answered, ResultOutcome) = "responses_total", Summary, OnUse;
        /// Final responses, by result code.
        counter RESULTS: ResultLabel = "results_total", Summary, OnUse;
        /// Final responses, by operation and result code.
        counter OPERATION_RESULTS: (Answered, ResultLabel) = "operation_results_total", Detailed, OnUse;
        /// From the last octet of a request to the last octet of its final response, by operation. Persistent
        /// searches are left out.
        histogram OPERATION_LATENCY: Answered = "operation_latency_microseconds", Summary, OnUse;
        /// From the last octet of a search to the last octet of its first entry, reference or intermediate
        /// response.
        histogram FIRST_RESPONSE_LATENCY: () = "first_response_latency_microseconds", Summary, OnUse;
        /// Operations that wait for their answer now. Persistent searches are left out.
        gauge IN_FLIGHT: () = "operations_in_flight", Summary, FromStart;
        /// Operations of a connection in flight, seen by each that begins, itself included.
        histogram DEPTH: () = "in_flight_depth", Summary, OnUse;
        /// Operations that the client abandoned. Persistent searches are left out: that is how they end.
        counter ABANDONED: () = "abandoned_operations_total", Summary, FromStart;
        /// Operations without a final response when the connection ended or went opaque. Persistent searches are
        /// left out.
        counter UNANSWERED: () = "unanswered_operations_total", Summary, FromStart;
        /// Operations without a final response, by operation.
        counter UNANSWERED_OPERATIONS: Answered = "unanswered_by_operation_total", Detailed, OnUse;
        /// Requests that were not paired with their answers, because too many were waiting.
        counter UNPAIRED: () = "unpaired_requests_total", Summary, FromStart;
        /// Responses that answer nothing.
        counter UNMATCHED: () = "unmatched_responses_total", Summary, FromStart;
        /// Responses to what had been abandoned.
        counter LATE: () = "late_responses_total", Summary, FromStart;

        /// Binds that were answered, all rounds of one together, by how the client proved who it is, result, and
        /// how its leg was protected.
        counter BINDS: (BindKind, BindResult, Transport) = "binds_total", Summary, OnUse;
        /// SASL binds that were answered, by mechanism, result, and how the client's leg was protected.
        counter BIND_MECHANISMS: (Mechanism, BindResult, Transport) = "bind_mechanisms_total", Detailed, OnUse;
        /// Binds that were begun and never answered for good.
        counter BINDS_UNFINISHED: () = "unfinished_binds_total", Summary, FromStart;
        /// Binds that failed, by reason.
        counter BIND_FAILURES: BindFailure = "bind_failures_total", Summary, FromStart;
        /// A bind of several rounds, think time of the client included.
        histogram BIND_DURATION: () = "bind_duration_microseconds", Summary, OnUse;

        /// Searches begun, by how far they look.
        counter SEARCH_SCOPES: Scope = "search_scopes_total", Summary, OnUse;
        /// Searches begun, by kind.
        counter SEARCH_KINDS: SearchKind = "search_kinds_total", Summary, FromStart;
        /// Searches begun, by how far they look and by kind.
        counter SEARCHES: (Scope, SearchKind) = "searches_total", Detailed, OnUse;
        /// Persistent searches that are open now.
        gauge PERSISTENT: () = "persistent_searches", Summary, FromStart;
        /// Entries that searches brought.
        counter ENTRIES: () = "entries_total", Summary, FromStart;
        /// Continuation references that searches brought.
        counter REFERENCES: () = "references_total", Summary, FromStart;
        /// Intermediate responses.
        counter INTERMEDIATES: () = "intermediate_responses_total", Summary, FromStart;
        /// Octets of one entry.
        histogram ENTRY_BYTES: () = "entry_bytes", Detailed, OnUse;
        /// Entries of one search that was answered.
        histogram ENTRIES_PER_SEARCH: () = "entries_per_search", Summary, OnUse;
        /// Octets of all responses of one search that was answered, the final one included.
        histogram SEARCH_BYTES: () = "search_bytes", Summary, OnUse;
        /// Searches that a limit ended before they were complete.
        counter LIMIT_HITS: Limit = "search_limit_hits_total", Summary, FromStart;

        /// Extended requests, by name.
        counter EXTENDED: ExtendedName = "extended_requests_total", Summary, OnUse;
        /// Controls of requests and responses, by name.
        counter CONTROLS: (Control, Flow) = "controls_total", Detailed, OnUse;
        /// StartTLS requests, by outcome.
        counter START_TLS: StartTlsOutcome = "start_tls_total", Summary, FromStart;
        /// Octets between StartTLS and the answer that accepted it: injected requests.
        counter SMUGGLED_OCTETS: () = "smuggled_octets_total", Summary, FromStart;
        /// Connections with octets between StartTLS and the answer that accepted it.
        counter SMUGGLED_CONNECTIONS: () = "smuggled_connections_total", Summary, FromStart;
        /// Unsolicited notifications.
        counter UNSOLICITED: Notice = "unsolicited_notifications_total", Summary, FromStart;
        /// Buffers of SASL security layers, by whether they could be looked into.
        counter SASL_BUFFERS: Protection = "sasl_buffers_total", Summary, OnUse;
        /// Octets of one buffer of a SASL security layer, without its length.
        histogram SASL_BUFFER_BYTES: Protection = "sasl_buffer_bytes", Summary, OnUse;

        /// Messages whose inside could not be understood, or was too long to be looked at.
        counter UNDECODED: () = "undecoded_messages_total", Summary, FromStart;
        /// Messages whose inside could not be understood, by operation.
        counter UNDECODED_OPERATIONS: Operation = "undecoded_by_operation_total", Detailed, OnUse;
        /// Things that RFC 4511 does not foresee, by kind.
        counter ANOMALIES: Anomaly = "anomalies_total", Summary, OnUse;
    }
}

impl BindOutcome {
    /// The same as a label of what was answered; `None` for what was not.
    pub(crate) const fn answered(self) -> Option<BindResult> {
        match self {
            Self::Succeeded => Some(BindResult::Succeeded),
            Self::Failed => Some(BindResult::Failed),
            Self::Unfinished => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use common_metrics::Level;

    use super::*;

    #[test]
    fn the_catalogue_keeps_the_rules() {
        assert_eq!(LDAP.violations(&["stat_prefix", "reporter"]), []);
    }

    #[test]
    fn the_series_stay_within_the_budget() {
        let (summary, detailed) = (LDAP.series(Level::Summary), LDAP.series(Level::Detailed));
        assert!(summary <= 300, "{summary} series at summary");
        assert!(detailed <= 1_500, "{detailed} series at detailed");
    }
}
