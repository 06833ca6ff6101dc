//! What is shown of the `ldap-filter`.

use super::layout::{Chart, CountPanel, LatencyRows, Layout};

/// Operations in the order of a conversation.
const OPERATIONS: &[&str] =
    &["bind", "search", "compare", "add", "modify", "modify_dn", "delete", "extended", "abandon", "unbind"];

/// The panels of the `ldap-filter`.
pub const LDAP: Layout = Layout {
    filter: "ldap",
    columns: &[
        &[
            CountPanel::new("Requests", "requests_total", &["operation"])
                .always(&["bind", "search"])
                .then(OPERATIONS),
            CountPanel::new("Extended", "extended_requests_total", &["extended"]),
            CountPanel::new("StartTLS", "start_tls_total", &["outcome"]),
        ],
        &[
            CountPanel::new("Results", "results_total", &["result"])
                .always(&["success"])
                .then(&["compareTrue", "compareFalse"]),
            CountPanel::new("Limits hit", "search_limit_hits_total", &["limit"]),
        ],
        &[
            CountPanel::new("Binds", "binds_total", &["kind", "outcome"])
                .always(&["simple succeeded", "simple failed"])
                .then(&["sasl succeeded", "sasl failed"]),
            CountPanel::new("Bind failures", "bind_failures_total", &["reason"])
                .then(&["wrong_password", "unknown_user"]),
        ],
        &[
            CountPanel::new("Searches", "search_kinds_total", &["kind"])
                .always(&["normal"])
                .then(&["paged_first", "paged_next"])
                .also(&[
                    ("entries", "entries_total"),
                    ("references", "references_total"),
                    ("abandoned", "abandoned_operations_total"),
                ]),
            CountPanel::new("Search scopes", "search_scopes_total", &["scope"]).then(&["base", "one", "sub"]),
            CountPanel::new("Anomalies", "anomalies_total", &["kind"]).also(&[
                ("unanswered", "unanswered_operations_total"),
                ("undecoded", "undecoded_messages_total"),
                ("notices", "unsolicited_notifications_total"),
            ]),
            CountPanel::new("Endings", "connections_closed_total", &["ending"]).then(&["unbind"]),
        ],
    ],
    latencies: &[
        LatencyRows {
            title: "answer to",
            metric: "operation_latency_microseconds",
            label: Some("operation"),
            order: OPERATIONS,
        },
        LatencyRows {
            title: "first entry",
            metric: "first_response_latency_microseconds",
            label: None,
            order: &[],
        },
        LatencyRows {
            title: "bind in rounds",
            metric: "bind_duration_microseconds",
            label: None,
            order: &[],
        },
    ],
    charts: &[
        Chart::rate("Binds", "binds_total", "outcome"),
        Chart::quantiles("Latency", "operation_latency_microseconds"),
        Chart::rate("Requests", "requests_total", "operation"),
        Chart::rate("Answers", "responses_total", "outcome"),
        Chart::OCTETS,
        Chart::CONNECTIONS,
    ],
};
