//! What the filter counts, declared once.

use common_metrics::{catalogue, label};
use session_driver::Transport;

use crate::anomaly::Anomaly;
use crate::event::{AuthOutcome, Ending, RecipientOutcome, Request, StarttlsOutcome};
use crate::protocol::auth::Mechanism;
use crate::protocol::code::{CodeLabel, ReplyClass};
use crate::protocol::ehlo::Keyword;
use crate::protocol::parameter::Parameter;
use crate::protocol::refusal::RefusalReason;
use crate::protocol::verb::Verb;
use crate::transaction_summary::{Method, OutcomeLabel, RefusalClass, Stage};

label! {
    /// An outcome that a final reply gives, so that there is a time to measure.
    pub enum TimedOutcome: "outcome" {
        /// The mail was taken.
        Accepted = "accepted",
        /// It was refused.
        Rejected = "rejected",
    }
}

catalogue! {
    /// What the SMTP filter counts.
    pub static SMTP: "smtp" sharing session_driver::OBSERVER {
        /// Connections that have ended, by who ended them; `quit` when QUIT was the client's last command.
        counter CONNECTIONS_CLOSED: Ending = "connections_closed_total", Summary, FromStart;
        /// First replies of servers, by class.
        counter GREETINGS: ReplyClass = "greetings_total", Summary, FromStart;
        /// Connections that ended before the server had said anything.
        counter GREETINGS_MISSING: () = "greetings_missing_total", Summary, FromStart;
        /// From the opening of the connection to the greeting's last octet.
        histogram GREETING_LATENCY: () = "greeting_latency_microseconds", Summary, OnUse;
        /// Extensions offered in accepted replies to EHLO and LHLO.
        counter EHLO_KEYWORDS: Keyword = "ehlo_keywords_total", Summary, OnUse;

        /// Commands seen, by verb.
        counter COMMANDS: Verb = "commands_total", Summary, FromStart;
        /// Replies that answer something, by what they answer and class. Rare verbs count as `other`.
        counter REPLIES: (Request, ReplyClass) = "replies_total", Summary, OnUse;
        /// All replies, by code, unmatched ones and greetings included.
        counter REPLY_CODES: CodeLabel = "reply_codes_total", Detailed, OnUse;
        /// Replies that answer nothing.
        counter UNMATCHED_REPLIES: () = "unmatched_replies_total", Summary, FromStart;
        /// Replies with 421, the announcement that the server closes, answering something or not.
        counter CLOSING_REPLIES: () = "closing_replies_total", Summary, FromStart;
        /// Requests without a reply when the connection ended or went opaque.
        counter UNANSWERED: () = "unanswered_commands_total", Summary, FromStart;
        /// Requests without a reply, by what was not answered.
        counter UNANSWERED_REQUESTS: Request = "unanswered_requests_total", Detailed, OnUse;
        /// From the last octet of a request to the last octet of its reply, queueing behind pipelined requests
        /// included.
        histogram REPLY_LATENCY: Request = "reply_latency_microseconds", Detailed, OnUse;

        /// Transactions begun: MAIL commands.
        counter TRANSACTIONS_STARTED: () = "transactions_started_total", Summary, FromStart;
        /// Transactions ended, each with one outcome.
        counter TRANSACTIONS: OutcomeLabel = "transactions_total", Summary, FromStart;
        /// Rejected transactions, by where and whether for good.
        counter REJECTED_TRANSACTIONS: (Stage, RefusalClass) = "rejected_transactions_total", Summary, FromStart;
        /// Accepted transactions, by how the mail was brought.
        counter ACCEPTED_TRANSACTIONS: Method = "accepted_transactions_total", Summary, FromStart;
        /// Refusing replies (4xx and 5xx) to a connection, MAIL, RCPT, DATA, BDAT or a mail, by reason.
        counter REFUSALS: RefusalReason = "refusals_total", Summary, FromStart;
        /// RCPT commands answered, by outcome.
        counter RECIPIENTS: RecipientOutcome = "recipients_total", Summary, FromStart;
        /// Replies to a mail for one of its recipients each (LMTP, PRDR), by class.
        counter DELIVERIES: ReplyClass = "deliveries_total", Summary, OnUse;
        /// Transactions with the null sender: delivery reports and the like.
        counter NULL_SENDERS: () = "null_senders_total", Summary, FromStart;
        /// MAIL and RCPT commands that used an extension's parameter.
        counter MAIL_PARAMETERS: Parameter = "mail_parameters_total", Detailed, OnUse;
        /// Octets of accepted mails as they were transferred.
        histogram MESSAGE_BYTES: () = "message_bytes", Summary, OnUse;
        /// Accepted recipients of accepted transactions.
        histogram RECIPIENTS_PER_TRANSACTION: () = "recipients_per_transaction", Summary, OnUse;
        /// Transactions of connections that have ended.
        histogram TRANSACTIONS_PER_CONNECTION: () = "transactions_per_connection", Summary, OnUse;
        /// From the last octet of a mail to the last octet of its final reply.
        histogram END_OF_DATA_LATENCY: () = "end_of_data_latency_microseconds", Summary, OnUse;
        /// From the MAIL command to the last reply of the transaction.
        histogram TRANSACTION_DURATION: TimedOutcome = "transaction_duration_microseconds", Summary, OnUse;
        /// The part of a transaction's duration during which the client waited for at least one reply: what the server
        /// accounts for.
        histogram TRANSACTION_WAITING: TimedOutcome = "transaction_waiting_microseconds", Summary, OnUse;

        /// AUTH exchanges, by outcome and how the client's leg was protected.
        counter AUTH: (AuthOutcome, Transport) = "auth_total", Summary, OnUse;
        /// AUTH exchanges, by mechanism too.
        counter AUTH_MECHANISMS: (Mechanism, AuthOutcome, Transport) = "auth_mechanisms_total", Detailed, OnUse;
        /// One round of an AUTH exchange: from the client's line to the reply.
        histogram AUTH_ROUND_LATENCY: () = "auth_round_latency_microseconds", Summary, OnUse;
        /// A whole AUTH exchange, think time of the client included.
        histogram AUTH_DURATION: () = "auth_duration_microseconds", Summary, OnUse;
        /// STARTTLS commands, by outcome.
        counter STARTTLS: StarttlsOutcome = "starttls_total", Summary, FromStart;
        /// Octets between STARTTLS and the reply that accepted it: injected commands (CVE-2011-0411).
        counter SMUGGLED_OCTETS: () = "smuggled_octets_total", Summary, FromStart;
        /// Connections with octets between STARTTLS and the reply that accepted it.
        counter SMUGGLED_CONNECTIONS: () = "smuggled_connections_total", Summary, FromStart;

        /// Things that RFC 5321 does not foresee, by kind.
        counter ANOMALIES: Anomaly = "anomalies_total", Summary, OnUse;
    }
}

#[cfg(test)]
mod tests {
    use common_metrics::Level;

    use super::*;

    #[test]
    fn the_catalogue_keeps_the_rules() {
        assert_eq!(SMTP.violations(&["stat_prefix", "reporter"]), []);
    }

    #[test]
    fn the_series_stay_within_the_budget() {
        let (summary, detailed) = (SMTP.series(Level::Summary), SMTP.series(Level::Detailed));
        assert!(summary <= 300, "{summary} series at summary");
        assert!(detailed <= 1_500, "{detailed} series at detailed");
    }
}
