//! Alerts on what every filter counts.

use common_metrics::Counter;
use session_driver::{BYTES, CLOCK_ANOMALIES, CONFIG_FIELDS_IGNORED, EVENTS_DROPPED, INTERNAL_ERRORS};

use super::alert::{Alert, Limit, Severity};
use super::case::Case;
use super::series::{LISTENER, Series};
use super::threshold::{self, BYTES as ENOUGH_BYTES, CLOCK, FIELDS_IGNORED, Threshold, VISIBLE};
use crate::metrics::families::{Family, LDAP, SMTP};

/// The alerts that are one for all filters: the label `filter` says which.
pub(super) fn alerts() -> Vec<Alert> {
    vec![visible_share(), internal_errors(), events_dropped(), fields_ignored(), clock()]
}

fn visible_share() -> Alert {
    let share = |family: Family, offset: &str| {
        let total = |series: &Series| format!("sum by ({LISTENER}) (increase({series}[30m]{offset}))");
        let seen = Series::of(family, &BYTES).is("visibility", "parsed");
        format!("{} / {}", total(&seen), total(&Series::of(family, &BYTES)))
    };
    let volume = |family: Family| Series::of(family, &BYTES).increase_by("30m", &[]);
    let seen =
        |visibility| Series::of(SMTP, &BYTES).is("visibility", visibility).is("direction", "to_server");
    let of_ldap =
        |visibility| Series::of(LDAP, &BYTES).is("visibility", visibility).is("direction", "to_server");
    Alert::new(
        "EnvoyFilterVisibleShareFalling",
        Severity::Ticket,
        "30m",
        across_filters(|family| format!("({}) / ({})", share(family, ""), share(family, " offset 1d"))),
        Limit::Below(VISIBLE),
    )
    .and(&format!("{LISTENER}, filter"), across_filters(volume), Limit::AtLeast(ENOUGH_BYTES))
    .tells(
        "The {{ $labels.filter }} filter at {{ $labels.stat_prefix }} sees {{ $value | humanizePercentage }} of what it saw yesterday",
        "More octets than a day ago pass where it cannot look: encrypted, out of step, or switched off. What the other \
         metrics say covers that much less.",
    )
    .tested(vec![
        Case::fires(
            "from all to a quarter",
            "25%",
            [(seen("parsed"), "0+8000x1440 11520000+2000x200"), (seen("starttls"), "0x1440 0+6000x200")],
        )
        .label("filter", "smtp")
        .at("1560m"),
        Case::fires(
            "the same for LDAP",
            "25%",
            [(of_ldap("parsed"), "0+8000x1440 11520000+2000x200"), (of_ldap("sasl_sealed"), "0x1440 0+6000x200")],
        )
        .label("filter", "ldap")
        .at("1560m"),
        Case::silent(
            "hardly any octets",
            [(seen("parsed"), "0+8000x1440 11520000+2x200"), (seen("starttls"), "0x1440 0+6x200")],
        )
        .at("1560m"),
        Case::silent("little, as always", [(seen("parsed"), "0+2000x1700"), (seen("starttls"), "0+6000x1700")])
            .at("1560m"),
    ])
}

fn internal_errors() -> Alert {
    counted("EnvoyFilterInternalErrors", Severity::Ticket, "1h", &INTERNAL_ERRORS, threshold::INTERNAL_ERRORS).tells(
        "The {{ $labels.filter }} filter failed on {{ $value | printf \"%.0f\" }} connections of {{ $labels.stat_prefix }}",
        "Something went wrong inside the filter. With `on_internal_error: passthrough`, the default, these connections went \
         on unmeasured; with `close` they were closed.",
    )
}

fn events_dropped() -> Alert {
    counted("EnvoyFilterEventsDropped", Severity::Ticket, "15m", &EVENTS_DROPPED, threshold::EVENTS_DROPPED).tells(
        "{{ $value | printf \"%.0f\" }} events of {{ $labels.stat_prefix }} are not in the log",
        "The {{ $labels.filter }} filter had more events than `events.per_second` allows. The metrics are complete.",
    )
}

fn fields_ignored() -> Alert {
    counted("EnvoyFilterConfigFieldsIgnored", Severity::Ticket, "1h", &CONFIG_FIELDS_IGNORED, FIELDS_IGNORED).tells(
        "The {{ $labels.filter }} filter at {{ $labels.stat_prefix }} does not know all of its configuration",
        "With `strict: false` it ignores fields that it does not know. They have no effect.",
    )
}

fn clock() -> Alert {
    counted("EnvoyFilterClockAnomalies", Severity::Ticket, "1h", &CLOCK_ANOMALIES, CLOCK).tells(
        "The clock behind {{ $labels.stat_prefix }} has been set",
        "{{ $value | printf \"%.0f\" }} intervals were dropped because the clock went backwards or jumped. Latencies of that \
         time are incomplete.",
    )
}

/// More of it than the threshold, in the window; at any listener of any filter.
fn counted(
    name: &'static str,
    severity: Severity,
    window: &str,
    counter: &Counter<()>,
    most: Threshold,
) -> Alert {
    let of = |family: Family| Series::of(family, counter);
    let value = across_filters(|family| of(family).events_by(window, &[]));
    Alert::new(name, severity, "0m", value, Limit::Above(most)).tested(vec![
        Case::fires("some in one of the filters", "30", [(of(SMTP), "0x10 30x40")])
            .label("filter", "smtp")
            .at("20m"),
        Case::fires("some in the other one, from the first sample on", "30", [(of(LDAP), "_x10 30x40")])
            .label("filter", "ldap")
            .at("20m"),
        Case::silent("none since long ago", [(of(SMTP), "0x10 30x200"), (of(LDAP), "30x200")]).at("120m"),
    ])
}

/// What is measured at each filter, with the label `filter`.
fn across_filters(value: impl Fn(Family) -> String) -> String {
    let one = |family: Family| {
        let filter = family.catalogue.filter;
        format!("label_replace({}, \"filter\", \"{filter}\", \"\", \"\")", value(family))
    };
    [SMTP, LDAP].map(one).join("\n  or ")
}
