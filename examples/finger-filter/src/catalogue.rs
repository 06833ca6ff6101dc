//! What the filter counts, declared once.

use common_metrics::{catalogue, label};

use crate::protocol::Query;

session_driver::ending! {
    /// The server closed behind its answer.
    Answered = "answered"
}

label! {
    /// Something that RFC 1288 does not foresee.
    pub enum Anomaly: "kind" {
        /// An HTTP request. The session goes opaque.
        Http = "http",
        /// A query line beyond `max_query`.
        QueryTooLong = "query_too_long",
        /// More octets from the client behind its query.
        MoreThanAQuery = "more_than_a_query",
        /// The server spoke before it was asked.
        AnswerBeforeQuery = "answer_before_query",
    }
}

catalogue! {
    /// What the finger filter counts.
    pub static FINGER: "finger" sharing session_driver::OBSERVER {
        /// Connections that have ended, by who ended them.
        counter CONNECTIONS_CLOSED: Ending = "connections_closed_total", Summary, FromStart;
        /// Queries, by what they ask for.
        counter QUERIES: Query = "queries_total", Summary, FromStart;
        /// Queries without an answer when the connection ended.
        counter UNANSWERED: () = "unanswered_queries_total", Summary, FromStart;
        /// Octets of answers.
        histogram ANSWER_BYTES: () = "answer_bytes", Summary, OnUse;
        /// From the last octet of a query to the last octet of its answer.
        histogram ANSWER_LATENCY: () = "answer_latency_microseconds", Summary, OnUse;
        /// Things that RFC 1288 does not foresee, by kind.
        counter ANOMALIES: Anomaly = "anomalies_total", Summary, OnUse;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_keeps_the_rules() {
        assert_eq!(FINGER.violations(&["stat_prefix", "reporter"]), []);
    }
}
