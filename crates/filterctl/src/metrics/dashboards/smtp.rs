//! The dashboard of the SMTP filter.

use common_metrics::Metric;
use session_driver::Transport;
use smtp_filter::catalogue::*;
use smtp_filter::event::{AuthOutcome, OutcomeLabel, StarttlsOutcome};
use smtp_filter::protocol::code::ReplyClass;

use super::observer;
use super::panel::{Colour, Dashboard, Panel, Row, Unit};
use super::query::{Query, Series};
use super::variables::{envoys, reporter, stat_prefix, with_reporter};
use crate::metrics::families::SMTP as FAMILY;

/// What becomes of a mail, a recipient or an exchange.
const OUTCOMES: &[(&str, Colour)] = &[
    ("accepted", Colour::Good),
    ("succeeded", Colour::Good),
    ("rejected", Colour::Bad),
    ("failed", Colour::Bad),
    ("rejected_5xx", Colour::Bad),
    ("rejected_4xx", Colour::Odd),
    ("aborted", Colour::Odd),
    ("reset", Colour::Neutral),
    ("unknown", Colour::Unseen),
];

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    let opened = FAMILY.name(&session_driver::CONNECTIONS_OPENED);
    let [instance, pod] = envoys(&with_reporter(&opened));
    Dashboard {
        name: "smtp",
        title: "Envoy filters: SMTP",
        description: "What the SMTP filter sees: mails and what becomes of them, refusals, latencies, clear text, anomalies.",
        variables: vec![reporter(&opened), stat_prefix(&opened), instance, pod],
        rows: vec![
            observer::seen(FAMILY),
            mails(),
            refusals(),
            times(),
            connections(),
            security(),
            conversation(),
            detail(),
            observer::health(FAMILY),
        ],
    }
}

fn series(metric: &impl Metric) -> Series {
    super::query::series(FAMILY, metric)
}

/// The share of transactions that had a final answer and were accepted.
pub(super) fn accepted_share() -> Query {
    let ended = series(&TRANSACTIONS);
    let accepted = ended.clone().only(OutcomeLabel::Accepted).increase();
    let answered = ended.any(&[OutcomeLabel::Accepted, OutcomeLabel::Rejected]).increase();
    accepted.or_zero().over(&answered)
}

/// Mails a minute by outcome.
pub(super) fn outcomes_panel() -> Panel {
    Panel::lines(
        "Mails by outcome",
        "Transactions that ended, a minute. `rejected` is an answer 4xx or 5xx, `reset` the client's own change of mind, \
         `aborted` a connection that ended in between, `unknown` what a change to TLS hid.",
    )
    .unit(Unit::PerMinute)
    .stacked()
    .query(series(&TRANSACTIONS).rate_by(&["outcome"]).times(60), "{{outcome}}")
    .colours(OUTCOMES)
}

fn mails() -> Row {
    Row::new(
        "Mails",
        vec![
            Panel::numbers("Mails accepted", "Transactions that ended with a final 2xx and at least one accepted recipient.")
                .plain()
                .query(series(&TRANSACTIONS).only(OutcomeLabel::Accepted).increase(), "mails"),
            Panel::numbers(
                "Accepted of all answered",
                "Accepted transactions of those with an answer. In front of the internet low shares are normal; in front of \
                 applications of your own nearly all should be accepted.",
            )
            .unit(Unit::Share)
            .plain()
            .query(accepted_share(), "accepted"),
            Panel::numbers("Mails begun and not ended", "Transactions that are open now: started less ended.")
                .plain()
                .query(series(&TRANSACTIONS_STARTED).now().minus(&series(&TRANSACTIONS).now()), "mails"),
            Panel::numbers(
                "Null sender",
                "The share of transactions with the null sender: delivery reports. Normal is a few per cent; a rise is backscatter \
                 or a list of dead addresses.",
            )
            .unit(Unit::Share)
            .plain()
            .query(series(&NULL_SENDERS).increase().over(&series(&TRANSACTIONS_STARTED).increase()), "null sender"),
            outcomes_panel(),
            Panel::lines(
                "Mails rejected, by stage and class",
                "A minute. `rcpt_all`: every recipient was refused. `4xx` will be tried again, `5xx` is for good.",
            )
            .unit(Unit::PerMinute)
            .stacked()
            .query(series(&REJECTED_TRANSACTIONS).rate_by(&["stage", "class"]).times(60), "{{stage}} {{class}}"),
            Panel::lines("Recipients by outcome", "RCPT commands answered, a minute.")
                .unit(Unit::PerMinute)
                .stacked()
                .width(8)
                .query(series(&RECIPIENTS).rate_by(&["outcome"]).times(60), "{{outcome}}")
                .colours(OUTCOMES),
            Panel::lines(
                "Accepted mails by method",
                "A minute, by how the mail was brought: DATA, BDAT (CHUNKING) or BURL.",
            )
            .unit(Unit::PerMinute)
            .width(8)
            .query(series(&ACCEPTED_TRANSACTIONS).rate_by(&["method"]).times(60), "{{method}}"),
            Panel::lines(
                "Deliveries (LMTP, PRDR)",
                "Replies to a mail for one of its recipients each, a minute, by class. Only LMTP servers and PRDR give them.",
            )
            .unit(Unit::PerMinute)
            .width(8)
            .query(series(&DELIVERIES).rate_by(&["class"]).times(60), "{{class}}"),
        ],
    )
}

/// Refusals by reason, over time.
pub(super) fn refusals_panel() -> Panel {
    Panel::lines(
        "Refusals by reason",
        "Replies 4xx and 5xx to a connection, MAIL, RCPT, DATA, BDAT or a mail, a minute. `greylist` is normal at first \
         contact. `other` is what code and enhanced code do not tell: a bare 550 says no reason.",
    )
    .unit(Unit::PerMinute)
    .stacked()
    .query(series(&REFUSALS).rate_by(&["reason"]).times(60), "{{reason}}")
    .colour("greylist", Colour::Unseen)
}

fn refusals() -> Row {
    Row::new(
        "Refusals",
        vec![
            refusals_panel(),
            Panel::bars("Refusals in the time shown", "The same, counted.")
                .width(6)
                .query(series(&REFUSALS).increase_by(&["reason"]), "{{reason}}")
                .plain(),
            Panel::lines(
                "Greetings by class",
                "First replies of servers, a minute. Anything but 2xx is a server that takes no mail.",
            )
            .unit(Unit::PerMinute)
            .width(6)
            .query(series(&GREETINGS).rate_by(&["class"]).times(60), "{{class}}"),
        ],
    )
}

/// Median, 95 % and 99 % of a histogram.
pub(super) fn quantiles(panel: Panel, series: &Series) -> Panel {
    [(0.5, "half below"), (0.95, "95 % below"), (0.99, "99 % below")]
        .into_iter()
        .fold(panel.unit(Unit::Microseconds), |panel, (quantile, legend)| {
            panel.query(series.quantile(quantile), legend)
        })
}

/// What a mail waits for at its end.
pub(super) fn end_of_data_panel() -> Panel {
    quantiles(
        Panel::lines(
            "Answer to a mail",
            "From a mail's last octet to the server's answer: queueing, content filters, the disk. Seconds are normal behind a \
             virus scanner; a rise is a server that falls behind.",
        ),
        &series(&END_OF_DATA_LATENCY),
    )
}

fn times() -> Row {
    let by_outcome = |title, description, metric: Series| {
        Panel::lines(title, description)
            .unit(Unit::Microseconds)
            .query(metric.quantile_by(0.5, &["outcome"]), "{{outcome}}, half below")
            .query(metric.quantile_by(0.95, &["outcome"]), "{{outcome}}, 95 % below")
    };
    Row::new(
        "Time",
        vec![
            end_of_data_panel(),
            Panel::heatmap("Answer to a mail, all of them", "How many answers took how long.")
                .unit(Unit::Microseconds)
                .query(series(&END_OF_DATA_LATENCY).buckets(), "{{le}}"),
            by_outcome(
                "A mail from MAIL to its last reply",
                "With the client's own pauses.",
                series(&TRANSACTION_DURATION),
            ),
            by_outcome(
                "Of it, waiting for the server",
                "The part during which the client waited for a reply: what the server accounts for. Compare with the panel beside: \
                 if that is high and this is not, the client or the network is slow.",
                series(&TRANSACTION_WAITING),
            ),
            quantiles(
                Panel::lines(
                    "Greeting",
                    "From the opening of the connection to the greeting. Servers that pause on purpose take seconds.",
                ),
                &series(&GREETING_LATENCY),
            ),
            Panel::lines(
                "Size of mails and recipients",
                "Octets of accepted mails as they were transferred.",
            )
            .unit(Unit::Octets)
            .query(series(&MESSAGE_BYTES).quantile(0.5), "half below")
            .query(series(&MESSAGE_BYTES).quantile(0.99), "99 % below"),
        ],
    )
}

fn connections() -> Row {
    let mut panels = observer::connections(FAMILY, &series(&CONNECTIONS_CLOSED));
    panels.extend([
        Panel::numbers(
            "No greeting",
            "Connections that ended before the server said anything: it is down, overloaded, or refuses by silence. A client that \
             only looks whether the port is open counts too.",
        )
        .better_none()
        .query(series(&GREETINGS_MISSING).increase(), "connections"),
        Panel::numbers(
            "Closed with 421",
            "Replies 421: the server closes, because it is overloaded, restarts or limits the client.",
        )
        .better_none()
        .query(series(&CLOSING_REPLIES).increase(), "replies"),
        Panel::numbers(
            "Commands never answered",
            "Requests without a reply when the connection ended. A few are clients that hang up.",
        )
        .better_none()
        .query(series(&UNANSWERED).increase(), "commands"),
        Panel::lines("Mails per connection and recipients per mail", "95 % are below. Clients that keep connections send many.")
            .width(6)
            .query(series(&TRANSACTIONS_PER_CONNECTION).quantile(0.95), "mails")
            .query(series(&RECIPIENTS_PER_TRANSACTION).quantile(0.95), "recipients"),
    ]);
    Row::new("Connections", panels)
}

/// AUTH exchanges whose octets anybody on the way could read.
pub(super) fn clear_text_auth() -> Series {
    series(&AUTH).only(Transport::Plain)
}

fn security() -> Row {
    Row::new(
        "Protection",
        vec![
            Panel::numbers(
                "AUTH in clear text",
                "Exchanges of credentials on a leg without TLS. Behind `reporter=\"outbound\"` the leg is the loopback of a pod and \
                 no cause for alarm. Elsewhere normal is 0.",
            )
            .never()
            .query(clear_text_auth().increase().or_zero(), "exchanges"),
            Panel::numbers(
                "Connections with smuggled commands",
                "Clients that sent octets behind STARTTLS before the answer: an attack (CVE-2011-0411) or a broken client. Normal is 0.",
            )
            .never()
            .query(series(&SMUGGLED_CONNECTIONS).increase(), "connections"),
            Panel::numbers(
                "Failed AUTH",
                "The share of AUTH exchanges that failed, of those that were answered. A rise is guessing or a changed password.",
            )
            .unit(Unit::Share)
            .better_low(0.2, 0.5)
            .query(failed_auth_share(), "failed"),
            Panel::numbers("STARTTLS accepted", "The share of STARTTLS commands that were accepted. Normal is 1.")
                .unit(Unit::Share)
                .better_high(0.99)
                .query(
                    series(&STARTTLS).only(StarttlsOutcome::Accepted).increase().over(&series(&STARTTLS).increase()),
                    "accepted",
                ),
            Panel::lines("AUTH by outcome and transport", "Exchanges a minute. `plain` is clear text.")
                .unit(Unit::PerMinute)
                .query(series(&AUTH).rate_by(&["outcome", "transport"]).times(60), "{{outcome}}, {{transport}}"),
            Panel::lines("STARTTLS by outcome", "Commands a minute. What follows an accepted one is not seen.")
                .unit(Unit::PerMinute)
                .query(series(&STARTTLS).rate_by(&["outcome"]).times(60), "{{outcome}}"),
            Panel::lines(
                "Anomalies by kind",
                "Things that RFC 5321 does not foresee, a minute; docs/metrics.md says what each kind is. `bare_lf_end_of_data` and \
                 `smuggled_behind_starttls` are how mails are smuggled; most others are old clients.",
            )
            .unit(Unit::PerMinute)
            .query(series(&ANOMALIES).rate_by(&["kind"]).times(60), "{{kind}}"),
            quantiles(
                Panel::lines("AUTH, whole exchange", "From the AUTH command to the last reply, with the client's own pauses."),
                &series(&AUTH_DURATION),
            ),
        ],
    )
}

fn failed_auth_share() -> Query {
    let answered = series(&AUTH).any(&[AuthOutcome::Succeeded, AuthOutcome::Failed]).increase();
    series(&AUTH).only(AuthOutcome::Failed).increase().or_zero().over(&answered)
}

fn conversation() -> Row {
    Row::closed(
        "Commands and replies",
        vec![
            Panel::lines("Commands by verb", "A second.")
                .unit(Unit::PerSecond)
                .query(series(&COMMANDS).rate_by(&["verb"]), "{{verb}}"),
            Panel::lines("Replies by class", "A second.")
                .unit(Unit::PerSecond)
                .query(series(&REPLIES).rate_by(&["class"]), "{{class}}"),
            Panel::lines("Refusing replies by what they answer", "Replies 4xx and 5xx a minute, by command.")
                .unit(Unit::PerMinute)
                .query(refusing_replies().rate_by(&["verb", "class"]).times(60), "{{verb}} {{class}}"),
            Panel::lines(
                "Extensions offered",
                "Keywords in answers to EHLO, a minute. One that stops while EHLO goes on is news: a relay that no longer offers \
                 STARTTLS or AUTH.",
            )
            .unit(Unit::PerMinute)
            .query(series(&EHLO_KEYWORDS).rate_by(&["keyword"]).times(60), "{{keyword}}"),
            Panel::numbers("Replies to nothing", "Replies that answer no command. Normal is 0.")
                .better_none()
                .query(series(&UNMATCHED_REPLIES).increase(), "replies"),
            Panel::numbers("Octets smuggled behind STARTTLS", "See the panel on smuggled commands. Normal is 0.")
                .never()
                .unit(Unit::Octets)
                .query(series(&SMUGGLED_OCTETS).increase(), "octets"),
            quantiles(
                Panel::lines("AUTH, one round", "From the client's line to the reply."),
                &series(&AUTH_ROUND_LATENCY),
            ),
        ],
    )
}

fn refusing_replies() -> Series {
    series(&REPLIES).any(&[ReplyClass::Transient, ReplyClass::Permanent])
}

fn detail() -> Row {
    Row::closed(
        "Detail",
        vec![
            Panel::lines("Replies by code", "A second.")
                .unit(Unit::PerSecond)
                .query(series(&REPLY_CODES).rate_by(&["code"]), "{{code}}"),
            Panel::lines(
                "Reply latency by command",
                "95 % are below, queueing behind pipelined commands included.",
            )
            .unit(Unit::Microseconds)
            .query(series(&REPLY_LATENCY).quantile_by(0.95, &["verb"]), "{{verb}}"),
            Panel::lines("Commands never answered, by command", "A minute.")
                .unit(Unit::PerMinute)
                .width(8)
                .query(series(&UNANSWERED_REQUESTS).rate_by(&["verb"]).times(60), "{{verb}}"),
            Panel::lines("Parameters of MAIL and RCPT", "A minute.")
                .unit(Unit::PerMinute)
                .width(8)
                .query(series(&MAIL_PARAMETERS).rate_by(&["parameter"]).times(60), "{{parameter}}"),
            Panel::lines(
                "AUTH by mechanism",
                "Exchanges a minute, by outcome. PLAIN and LOGIN show the password to whoever sees the leg.",
            )
            .unit(Unit::PerMinute)
            .width(8)
            .query(
                series(&AUTH_MECHANISMS).rate_by(&["mechanism", "outcome"]).times(60),
                "{{mechanism}} {{outcome}}",
            ),
        ],
    )
}
