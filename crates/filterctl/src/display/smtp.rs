//! What is shown of the `smtp-filter`.

use super::layout::{Chart, CountPanel, LatencyRows, Layout};

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
            CountPanel::new("Transactions", "transactions_total", &["outcome"])
                .always(&["accepted", "rejected"]),
            CountPanel::new("Rejected at", "rejected_transactions_total", &["stage", "class"]),
            CountPanel::new("Recipients", "recipients_total", &["outcome"]).always(&["accepted"]),
        ],
        &[
            CountPanel::new("Commands", "commands_total", &["verb"]).always(&["EHLO", "MAIL"]).then(REQUESTS),
            CountPanel::new("STARTTLS", "starttls_total", &["outcome"]),
        ],
        &[
            CountPanel::new("Replies", "replies_total", &["class"]).always(&["2xx", "3xx", "4xx", "5xx"]),
            CountPanel::new("Refusals", "refusals_total", &["reason"]),
            CountPanel::new("Anomalies", "anomalies_total", &["kind"]),
            CountPanel::new("Endings", "connections_closed_total", &["ending"]).then(&["quit"]),
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
    charts: &[
        Chart::rate("Mails", "transactions_total", "outcome"),
        Chart::quantiles("Mail latency", "end_of_data_latency_microseconds"),
        Chart::rate("Replies", "replies_total", "class"),
        Chart::rate("Recipients", "recipients_total", "outcome"),
        Chart::OCTETS,
        Chart::CONNECTIONS,
    ],
};
