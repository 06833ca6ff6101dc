//! What is shown of the `smtp-filter`.

use super::overview::{CountPanel, LatencyRows, Layout};

/// Verbs and other things that get a reply, in the order of a conversation.
const REQUESTS: &[&str] = &[
    "greeting",
    "EHLO",
    "HELO",
    "LHLO",
    "STARTTLS",
    "AUTH",
    "auth_data",
    "MAIL",
    "RCPT",
    "DATA",
    "BDAT",
    "end_of_data",
    "RSET",
    "NOOP",
    "QUIT",
];

/// The panels of the `smtp-filter`.
pub const SMTP: Layout = Layout {
    filter: "smtp",
    columns: &[
        &[
            CountPanel {
                title: "Transactions",
                metric: "transactions_total",
                labels: &["outcome"],
                always: &["accepted", "rejected"],
                then: &[],
            },
            CountPanel {
                title: "Rejected at",
                metric: "rejected_transactions_total",
                labels: &["stage", "class"],
                always: &[],
                then: &[],
            },
            CountPanel {
                title: "Recipients",
                metric: "recipients_total",
                labels: &["outcome"],
                always: &["accepted"],
                then: &[],
            },
        ],
        &[
            CountPanel {
                title: "Commands",
                metric: "commands_total",
                labels: &["verb"],
                always: &["EHLO", "MAIL"],
                then: REQUESTS,
            },
            CountPanel {
                title: "STARTTLS",
                metric: "starttls_total",
                labels: &["outcome"],
                always: &[],
                then: &[],
            },
        ],
        &[
            CountPanel {
                title: "Replies",
                metric: "replies_total",
                labels: &["class"],
                always: &["2xx", "3xx", "4xx", "5xx"],
                then: &[],
            },
            CountPanel {
                title: "Refusals",
                metric: "refusals_total",
                labels: &["reason"],
                always: &[],
                then: &[],
            },
            CountPanel {
                title: "Anomalies",
                metric: "anomalies_total",
                labels: &["kind"],
                always: &[],
                then: &[],
            },
        ],
    ],
    latencies: &[
        LatencyRows { title: "greeting", metric: "greeting_latency_microseconds", label: None, order: &[] },
        LatencyRows {
            title: "end of data",
            metric: "end_of_data_latency_microseconds",
            label: None,
            order: &[],
        },
        LatencyRows {
            title: "mail",
            metric: "transaction_duration_microseconds",
            label: Some("outcome"),
            order: &[],
        },
        LatencyRows { title: "AUTH", metric: "auth_duration_microseconds", label: None, order: &[] },
        LatencyRows {
            title: "reply to",
            metric: "reply_latency_microseconds",
            label: Some("verb"),
            order: REQUESTS,
        },
    ],
};
