//! The dashboard of the LDAP filter.

use common_metrics::Metric;
use ldap_filter::catalogue::*;
use ldap_filter::protocol::bind::BindKind;
use ldap_filter::protocol::result_code::ResultOutcome;
use session_driver::Transport;

use super::observer;
use super::panel::{Colour, Dashboard, Panel, Row, Unit};
use super::query::{Query, Series};
use super::smtp::quantiles;
use super::variables::{envoys, reporter, stat_prefix, with_reporter};
use crate::metrics::families::LDAP as FAMILY;

/// What becomes of an operation or a bind.
const OUTCOMES: &[(&str, Colour)] = &[
    ("success", Colour::Good),
    ("succeeded", Colour::Good),
    ("in_progress", Colour::Neutral),
    ("referral", Colour::Neutral),
    ("error", Colour::Bad),
    ("failed", Colour::Bad),
    ("unknown", Colour::Unseen),
];

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    let opened = FAMILY.name(&session_driver::CONNECTIONS_OPENED);
    let [instance, pod] = envoys(&with_reporter(&opened));
    Dashboard {
        name: "ldap",
        title: "Envoy filters: LDAP",
        description: "What the LDAP filter sees: operations and their results, binds and why they fail, searches, latencies, anomalies.",
        variables: vec![reporter(&opened), stat_prefix(&opened), instance, pod],
        rows: vec![
            observer::seen(FAMILY),
            operations(),
            binds(),
            searches(),
            connections(),
            protection(),
            detail(),
            observer::health(FAMILY),
        ],
    }
}

fn series(metric: &impl Metric) -> Series {
    super::query::series(FAMILY, metric)
}

/// Requests a second by operation.
pub(super) fn requests_panel() -> Panel {
    Panel::lines(
        "Requests by operation",
        "A second. Most directories are asked for binds and searches, and little else.",
    )
    .unit(Unit::PerSecond)
    .stacked()
    .query(series(&REQUESTS).rate_by(&["operation"]), "{{operation}}")
}

/// The share of final responses that are errors.
pub(super) fn error_share() -> Query {
    series(&RESPONSES).only(ResultOutcome::Error).increase().or_zero().over(&series(&RESPONSES).increase())
}

/// Latency of all operations.
pub(super) fn latency_panel() -> Panel {
    quantiles(
        Panel::lines(
            "Operation latency",
            "From a request's last octet to its final response's. Persistent searches are left out. Milliseconds are normal; binds \
             with strong password hashes and searches without an index take longer.",
        ),
        &series(&OPERATION_LATENCY),
    )
}

fn operations() -> Row {
    Row::new(
        "Operations",
        vec![
            Panel::numbers(
                "Errors",
                "The share of final responses that are errors. `compareFalse`, `compareTrue`, referrals and `saslBindInProgress` are \
                 none. Failed binds and searches for what does not exist make some.",
            )
            .unit(Unit::Share)
            .better_low(0.1, 0.5)
            .query(error_share(), "errors"),
            Panel::numbers("In flight", "Operations that wait for their answer now.")
                .plain()
                .query(series(&IN_FLIGHT).now(), "operations"),
            Panel::numbers(
                "Never answered",
                "Operations without a final response when their connection ended. A few are clients that hang up.",
            )
            .better_none()
            .query(series(&UNANSWERED).increase(), "operations"),
            Panel::numbers("Abandoned", "Operations that the client gave up: often its own time-out.")
                .better_none()
                .query(series(&ABANDONED).increase(), "operations"),
            requests_panel(),
            Panel::lines("Responses by outcome", "Final responses a second.")
                .unit(Unit::PerSecond)
                .stacked()
                .query(series(&RESPONSES).rate_by(&["outcome"]), "{{outcome}}")
                .colours(OUTCOMES),
            latency_panel(),
            Panel::lines("Latency by operation", "95 % are below.")
                .unit(Unit::Microseconds)
                .query(series(&OPERATION_LATENCY).quantile_by(0.95, &["operation"]), "{{operation}}"),
            Panel::lines(
                "Results other than success",
                "Final responses a second, by result code as RFC 4511 names it. `busy` and `unavailable` are a server in trouble.",
            )
            .unit(Unit::PerSecond)
            .query(
                series(&RESULTS).but(&[ldap_filter::protocol::result_code::ResultLabel::Success]).rate_by(&["result"]),
                "{{result}}",
            ),
            Panel::lines(
                "In flight",
                "Operations that wait now, by listener, and how many of one connection wait when another begins (95 % are below).",
            )
            .query(series(&IN_FLIGHT).now_by(&["stat_prefix"]), "{{stat_prefix}}")
            .query(series(&DEPTH).quantile(0.95), "of one connection, 95 % below"),
        ],
    )
}

/// Binds by how the client proved who it is.
pub(super) fn binds_panel() -> Panel {
    Panel::lines(
        "Binds by kind and outcome",
        "Answered binds a second, all rounds of one together. `unauthenticated` is a name with an empty password: most servers \
         treat it as anonymous, and programs that take it for a successful login can be entered by anybody.",
    )
    .unit(Unit::PerSecond)
    .query(series(&BINDS).rate_by(&["kind", "outcome"]), "{{kind}} {{outcome}}")
}

/// Why binds failed.
pub(super) fn bind_failures_panel() -> Panel {
    Panel::lines(
        "Failed binds by reason",
        "A minute. `invalid_credentials` is all that most servers say; Active Directory and password policies say more. Many people \
         in the morning are normal; one steady line is a service with an old password.",
    )
    .unit(Unit::PerMinute)
    .stacked()
    .query(series(&BIND_FAILURES).rate_by(&["reason"]).times(60), "{{reason}}")
}

fn binds() -> Row {
    Row::new(
        "Binds",
        vec![
            Panel::numbers("Failed binds", "The share of answered binds that failed.")
                .unit(Unit::Share)
                .better_low(0.2, 0.5)
                .query(failed_share(), "failed"),
            Panel::numbers(
                "Passwords in clear text",
                "Simple binds on a leg without TLS: whoever is on the way reads the password. Behind `reporter=\"outbound\"` the leg is \
                 the loopback of a pod and no cause for alarm. Elsewhere normal is 0.",
            )
            .never()
            .query(clear_text_binds().increase().or_zero(), "binds"),
            Panel::numbers("Binds not finished", "Begun and never answered for good: clients that stop between two rounds.")
                .better_none()
                .query(series(&BINDS_UNFINISHED).increase(), "binds"),
            Panel::numbers("Bind failures", "In the time shown.")
                .plain()
                .query(series(&BIND_FAILURES).increase(), "binds"),
            binds_panel(),
            bind_failures_panel(),
            Panel::lines("Binds by transport", "Answered binds a second. `plain` is clear text.")
                .unit(Unit::PerSecond)
                .query(series(&BINDS).rate_by(&["transport"]), "{{transport}}"),
            quantiles(
                Panel::lines("Binds of several rounds", "From the first request to the last response, with the client's own pauses: SASL."),
                &series(&BIND_DURATION),
            ),
        ],
    )
}

fn failed_share() -> Query {
    series(&BINDS).only(BindResult::Failed).increase().or_zero().over(&series(&BINDS).increase())
}

/// Simple binds whose password anybody on the way could read.
pub(super) fn clear_text_binds() -> Series {
    series(&BINDS).only(BindKind::Simple).only(Transport::Plain)
}

fn searches() -> Row {
    Row::new(
        "Searches",
        vec![
            Panel::lines(
                "Searches by kind",
                "Begun a second. `paged_next` are further pages of one search; `sync` and `persistent` are replication and change \
                 notification.",
            )
            .unit(Unit::PerSecond)
            .width(8)
            .query(series(&SEARCH_KINDS).rate_by(&["kind"]), "{{kind}}"),
            Panel::lines("Searches by scope", "Begun a second. `sub` from the root of a directory is what costs servers most.")
                .unit(Unit::PerSecond)
                .width(8)
                .query(series(&SEARCH_SCOPES).rate_by(&["scope"]), "{{scope}}"),
            Panel::lines("Entries and references", "What searches brought, a second.")
                .unit(Unit::PerSecond)
                .width(8)
                .query(series(&ENTRIES).rate(), "entries")
                .query(series(&REFERENCES).rate(), "references")
                .query(series(&INTERMEDIATES).rate(), "intermediate responses"),
            quantiles(
                Panel::lines("Until the first entry", "From a search's last octet to the last octet of its first entry or reference."),
                &series(&FIRST_RESPONSE_LATENCY),
            ),
            Panel::lines(
                "Entries per search",
                "Half and 99 % of the searches brought fewer. Thousands in one search without paging are somebody who reads the whole \
                 directory.",
            )
            .query(series(&ENTRIES_PER_SEARCH).quantile(0.5), "half below")
            .query(series(&ENTRIES_PER_SEARCH).quantile(0.99), "99 % below"),
            Panel::lines("Octets per search", "All responses of a search together.")
                .unit(Unit::Octets)
                .query(series(&SEARCH_BYTES).quantile(0.5), "half below")
                .query(series(&SEARCH_BYTES).quantile(0.99), "99 % below"),
            Panel::lines("Searches cut by a limit", "A minute: the client got less than it asked for.")
                .unit(Unit::PerMinute)
                .width(6)
                .query(series(&LIMIT_HITS).rate_by(&["limit"]).times(60), "{{limit}}"),
            Panel::lines("Persistent searches", "Open now, by listener: replication and applications that wait for changes.")
                .width(6)
                .query(series(&PERSISTENT).now_by(&["stat_prefix"]), "{{stat_prefix}}"),
        ],
    )
}

fn connections() -> Row {
    let mut panels = observer::connections(FAMILY, &series(&CONNECTIONS_CLOSED));
    panels.extend([
        Panel::lines("Operations per connection", "95 % of the connections that ended had fewer. Pools live for days and have many.")
            .width(8)
            .query(series(&OPERATIONS_PER_CONNECTION).quantile(0.5), "half below")
            .query(series(&OPERATIONS_PER_CONNECTION).quantile(0.95), "95 % below"),
        Panel::lines("Answers that came too late or for nothing", "A minute. Normal is 0.")
            .unit(Unit::PerMinute)
            .width(8)
            .query(series(&LATE).rate().times(60), "to abandoned operations")
            .query(series(&UNMATCHED).rate().times(60), "to nothing")
            .query(series(&UNPAIRED).rate().times(60), "requests not paired: too many waiting"),
        Panel::lines(
            "Unsolicited notifications",
            "A minute. `disconnection`: the server announces that it closes, because it stops, is idle for too long or refuses.",
        )
        .unit(Unit::PerMinute)
        .width(8)
        .query(series(&UNSOLICITED).rate_by(&["notice"]).times(60), "{{notice}}"),
    ]);
    Row::new("Connections", panels)
}

fn protection() -> Row {
    Row::new(
        "Protection",
        vec![
            Panel::numbers(
                "Connections with smuggled requests",
                "Clients that sent octets behind StartTLS before the answer: an attack or a broken client. Normal is 0.",
            )
            .never()
            .query(series(&SMUGGLED_CONNECTIONS).increase(), "connections"),
            Panel::numbers("Octets smuggled behind StartTLS", "Of the same. Normal is 0.")
                .never()
                .unit(Unit::Octets)
                .query(series(&SMUGGLED_OCTETS).increase(), "octets"),
            Panel::numbers(
                "Messages not understood",
                "Messages whose inside could not be decoded, or was too long to be looked at. They are counted as operations all the \
                 same. Normal is few.",
            )
            .better_none()
            .query(series(&UNDECODED).increase(), "messages"),
            Panel::lines("StartTLS by outcome", "Requests a minute. What follows an accepted one is not seen.")
                .unit(Unit::PerMinute)
                .width(6)
                .query(series(&START_TLS).rate_by(&["outcome"]).times(60), "{{outcome}}"),
            Panel::lines(
                "Anomalies by kind",
                "Things that RFC 4511 does not foresee, a minute; docs/metrics.md says what each kind is. `not_ldap`, `http` and \
                 `tls_hello` are clients at the wrong port.",
            )
            .unit(Unit::PerMinute)
            .query(series(&ANOMALIES).rate_by(&["kind"]).times(60), "{{kind}}"),
            Panel::lines(
                "SASL buffers by protection",
                "A second. `sealed` ones hide what is in them; Windows clients and SSSD with GSSAPI often seal.",
            )
            .unit(Unit::PerSecond)
            .query(series(&SASL_BUFFERS).rate_by(&["protection"]), "{{protection}}"),
            Panel::lines("Extended requests", "By name, a minute.")
                .unit(Unit::PerMinute)
                .query(series(&EXTENDED).rate_by(&["extended"]).times(60), "{{extended}}"),
            Panel::lines("Size of SASL buffers", "95 % are below.")
                .unit(Unit::Octets)
                .query(series(&SASL_BUFFER_BYTES).quantile_by(0.95, &["protection"]), "{{protection}}"),
        ],
    )
}

fn detail() -> Row {
    Row::closed(
        "Detail",
        vec![
            Panel::lines("Results by operation", "Final responses a second.").unit(Unit::PerSecond).query(
                series(&OPERATION_RESULTS).rate_by(&["operation", "result"]),
                "{{operation}} {{result}}",
            ),
            Panel::lines("Binds by mechanism", "Answered SASL binds a second, by outcome.")
                .unit(Unit::PerSecond)
                .query(
                    series(&BIND_MECHANISMS).rate_by(&["mechanism", "outcome"]),
                    "{{mechanism}} {{outcome}}",
                ),
            Panel::lines("Searches by scope and kind", "Begun a second.")
                .unit(Unit::PerSecond)
                .query(series(&SEARCHES).rate_by(&["scope", "kind"]), "{{scope}} {{kind}}"),
            Panel::lines("Controls", "A second, by direction.")
                .unit(Unit::PerSecond)
                .query(series(&CONTROLS).rate_by(&["control", "direction"]), "{{control}} {{direction}}"),
            Panel::lines("Size of entries", "Octets of one entry.")
                .unit(Unit::Octets)
                .width(8)
                .query(series(&ENTRY_BYTES).quantile(0.5), "half below")
                .query(series(&ENTRY_BYTES).quantile(0.99), "99 % below"),
            Panel::lines("Never answered, by operation", "A minute.")
                .unit(Unit::PerMinute)
                .width(8)
                .query(series(&UNANSWERED_OPERATIONS).rate_by(&["operation"]).times(60), "{{operation}}"),
            Panel::lines("Not understood, by operation", "A minute.")
                .unit(Unit::PerMinute)
                .width(8)
                .query(series(&UNDECODED_OPERATIONS).rate_by(&["operation"]).times(60), "{{operation}}"),
        ],
    )
}
