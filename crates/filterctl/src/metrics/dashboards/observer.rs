//! What the dashboards of all protocol filters have in common: what was seen, connections, and how the filter itself is.

use session_driver::{
    BYTES, CLOCK_ANOMALIES, CONFIG_FIELDS_IGNORED, CONNECTIONS, CONNECTIONS_OPENED, EVENTS, EVENTS_DROPPED,
    INTERNAL_ERRORS, PROXY_HEADERS, Visibility,
};

use super::panel::{Colour, Panel, Row, Unit};
use super::query::{Query, Series, of_envoy, series};
use crate::metrics::envoy::LISTENER_CONNECTIONS;
use crate::metrics::families::Family;

/// Of what passed, how much was looked into. The first panel of every dashboard says it, because all others are about
/// that share alone.
const SHARE: &str = "The share of octets that the filter could look into. Everything else on this dashboard is about that share. \
    What is missing is in TLS, behind STARTTLS or in a sealed SASL layer, or the filter is off: see the panel beside. \
    Normal is what your servers offer: between mail servers that use STARTTLS little is seen, behind a listener that ends TLS nearly all.";

/// Colours of visibilities: what was seen, what nobody can see, what should not be.
const VISIBILITIES: &[(&str, Colour)] = &[
    ("parsed", Colour::Good),
    ("starttls", Colour::Unseen),
    ("tls", Colour::Unseen),
    ("sasl_sealed", Colour::Unseen),
    ("off", Colour::Neutral),
    ("lost_sync", Colour::Odd),
    ("internal_error", Colour::Bad),
];

/// The share of octets that were looked into, over the time that is shown.
pub(super) fn share_seen(family: Family) -> Query {
    let octets = series(family, &BYTES);
    octets.clone().only(Visibility::Parsed).increase().or_zero().over(&octets.increase())
}

/// The panel that is first on every dashboard.
pub(super) fn share_panel(families: &[(Family, &str)]) -> Panel {
    let panel = Panel::numbers("Share seen", SHARE).unit(Unit::Share).plain().tall();
    families.iter().fold(panel, |panel, (family, legend)| panel.query(share_seen(*family), legend))
}

/// Octets a second by whether they were looked into.
pub(super) fn octets_panel(family: Family, title: &str) -> Panel {
    Panel::lines(
        title,
        "Octets a second, both directions, by whether the filter looked into them. `lost_sync` means that the filter met \
         something that is not the protocol; `internal_error` that it failed and let the connection pass unmeasured. Both are \
         normally absent.",
    )
    .unit(Unit::OctetsPerSecond)
    .stacked()
    .query(series(family, &BYTES).rate_by(&["visibility"]), "{{visibility}}")
    .colours(VISIBILITIES)
}

/// What was seen: the first row of a filter's dashboard.
pub(super) fn seen(family: Family) -> Row {
    let ended = series(family, &CONNECTIONS);
    let seen = ended.clone().only(Visibility::Parsed);
    Row::new(
        "What was seen",
        vec![
            share_panel(&[(family, "octets")])
                .query(seen.increase().or_zero().over(&ended.increase()), "connections"),
            octets_panel(family, "Octets by visibility").width(9),
            Panel::lines(
                "Connections that ended, by visibility and transport",
                "A connection counts once, when it ends, with what it had become. `transport` is how the client's leg was \
                 protected: `plain` and `parsed` together are conversations in clear text.",
            )
            .unit(Unit::PerSecond)
            .width(9)
            .query(ended.rate_by(&["visibility", "transport"]), "{{visibility}}, {{transport}}"),
        ],
    )
}

/// Connections that are open now, as the filter counts them.
pub(super) fn open_now(family: Family, closed: &Series) -> Query {
    series(family, &CONNECTIONS_OPENED).now().minus(&closed.now())
}

/// Connections: opened, open, and how they ended.
pub(super) fn connections(family: Family, closed: &Series) -> Vec<Panel> {
    vec![
        Panel::lines(
            "Connections opened",
            "A second, by listener. A listener that falls to 0 while clients work is down or bypassed.",
        )
        .unit(Unit::PerSecond)
        .width(8)
        .query(series(family, &CONNECTIONS_OPENED).rate_by(&["stat_prefix"]), "{{stat_prefix}}"),
        Panel::lines(
            "Connections open now",
            "`counted` is what the filter has opened less what it has closed: too high after a VM was lost. The listeners' own \
             numbers are Envoy's, of all listeners, and always right; an Istio proxy exports them only where `statsInclusionRegexps` says so.",
        )
        .width(8)
        .query(open_now(family, closed), "counted")
        .query(
            of_envoy(&LISTENER_CONNECTIONS).now_by(LISTENER_CONNECTIONS.labels),
            "Envoy: {{envoy_listener_address}}{{listener_address}}",
        )
        .colour("counted", Colour::Neutral),
        Panel::lines(
            "Connections ended, by whom",
            "A second. `local` is Envoy itself: an idle time-out, a drain, or (Envoy 1.36) a reset by the server. Many ended by \
             `server` without a goodbye are servers that restart or limit.",
        )
        .unit(Unit::PerSecond)
        .stacked()
        .width(8)
        .query(closed.rate_by(&["ending"]), "{{ending}}"),
    ]
}

/// How the filter itself is: the last row of a filter's dashboard.
pub(super) fn health(family: Family) -> Row {
    Row::closed(
        "The filter itself",
        vec![
            Panel::numbers(
                "Connections unmeasured",
                "Connections on which the filter failed. They went on unmeasured (or were closed, where `on_internal_error` says \
                 so). Normal is 0: each is a bug, and the log names file and line.",
            )
            .never()
            .query(series(family, &INTERNAL_ERRORS).increase(), "connections"),
            Panel::numbers(
                "Intervals dropped",
                "Time intervals not recorded because the clock went backwards or jumped. Normal is 0; a few after the clock was set.",
            )
            .better_none()
            .query(series(family, &CLOCK_ANOMALIES).increase(), "intervals"),
            Panel::numbers(
                "Configuration fields ignored",
                "Fields that this version of the module does not know, with `strict: false`. Normal is 0 once module and \
                 configuration are of one version.",
            )
            .better_none()
            .query(series(family, &CONFIG_FIELDS_IGNORED).increase(), "fields"),
            Panel::numbers("Events not written", "Events that the rate limit held back. Metrics are not affected.")
                .better_none()
                .query(series(family, &EVENTS_DROPPED).increase(), "events"),
            Panel::lines("Events", "Events written to the log, and held back by the rate limit, a second. 0 where events are off.")
                .unit(Unit::PerSecond)
                .query(series(family, &EVENTS).rate(), "written")
                .query(series(family, &EVENTS_DROPPED).rate(), "held back")
                .colour("held back", Colour::Odd),
            Panel::lines(
                "PROXY protocol headers",
                "A second, by version. Where a load balancer in front sends them there is one per connection; anywhere else none.",
            )
            .unit(Unit::PerSecond)
            .query(series(family, &PROXY_HEADERS).rate_by(&["version"]), "{{version}}"),
        ],
    )
}
