//! The dashboard of the SDK's own health: how the modules are, whatever they count.

use common_metrics::Metric;
use envoy_sdk::catalogue::*;

use super::observer;
use super::overview::every_filter;
use super::panel::{Dashboard, Panel, Row, Unit};
use super::query::{Query, Series, of_envoy, series};
use super::variables::{envoys, extension, reporter, stat_prefix};
use crate::metrics::envoy::{
    CONFIGURATION_MISSING, ECDS_REJECTED, ECDS_RELOADS, EnvoyMetric, FETCH_FAILURES, LDS_REJECTED,
    VM_RELOAD_BACKOFFS, VM_RELOAD_FAILURES, VM_RELOADS, VMS_ACTIVE,
};
use crate::metrics::families;

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    let started = families::VM.name(&VM_STARTS);
    let filters = every_filter();
    let [instance, pod] = envoys(&started);
    Dashboard {
        name: "sdk",
        title: "Envoy filters: SDK and modules",
        description: "The health of the modules themselves: errors, panics, connections that went on without their filter, lost VMs, \
                      versions, refused configurations.",
        variables: vec![extension(&started), instance, pod, reporter(&filters), stat_prefix(&filters)],
        rows: vec![seen(), failures(), versions(), configuration(), log()],
    }
}

fn of_sdk(metric: &impl Metric) -> Series {
    series(families::SDK, metric)
}

fn starts() -> Series {
    series(families::VM, &VM_STARTS)
}

fn by_name(metric: &EnvoyMetric) -> Query {
    of_envoy(metric).increase_by_name(metric)
}

fn seen() -> Row {
    Row::new(
        "What was seen",
        vec![
            observer::share_panel(&[(families::SMTP, "SMTP"), (families::LDAP, "LDAP")]),
            Panel::numbers(
                "Connections without their filter",
                "The filter failed, and the connection went on (error policy `bypass`). Normal is 0: each is a bug.",
            )
            .never()
            .query(of_sdk(&CONNECTIONS_BYPASSED).increase(), "connections"),
            Panel::numbers(
                "Connections closed on error",
                "The filter failed, and the connection was closed (error policy `close`). Normal is 0.",
            )
            .never()
            .query(of_sdk(&CONNECTIONS_CLOSED_ON_ERROR).increase(), "connections"),
            Panel::numbers(
                "Filters refused",
                "Connections and requests that got no filter, because 1,000 filters in a row had panicked. Normal is 0; the plugin has \
                 to be configured anew.",
            )
            .never()
            .query(of_sdk(&FILTERS_REFUSED).increase(), "filters"),
        ],
    )
}

fn failures() -> Row {
    const NONE: &str = "no callback failed";
    Row::new(
        "Errors and panics",
        vec![
            Panel::lines(
                "Errors by callback",
                "Callbacks that returned an error, a minute. The log has the error. Normal is 0.",
            )
            .unit(Unit::PerMinute)
            .query(of_sdk(&ERRORS).rate_by(&["extension", "callback"]).times(60), "{{extension}} {{callback}}")
            .expected_empty(NONE),
            Panel::lines(
                "Panics by callback",
                "Callbacks that panicked, a minute. Each was caught and cost its own connection at most; the log has file and line. \
                 Normal is 0.",
            )
            .unit(Unit::PerMinute)
            .query(of_sdk(&PANICS).rate_by(&["extension", "callback"]).times(60), "{{extension}} {{callback}}")
            .expected_empty(NONE),
            Panel::lines(
                "HTTP filters that failed",
                "Requests answered with 500 and streams reset, a minute. Only modules with HTTP filters have them.",
            )
            .unit(Unit::PerMinute)
            .query(of_sdk(&REQUESTS_FAILED).rate().times(60), "answered 500")
            .expected_empty("no module has an HTTP filter that failed")
            .query(of_sdk(&STREAMS_RESET_ON_ERROR).rate().times(60), "reset")
            .expected_empty("no module has an HTTP filter that failed"),
            Panel::lines(
                "VMs lost and started again",
                "By plugin, in the time shown. A VM is lost to a trap: its stack or memory was full, or it was built without unwinding \
                 and panicked. All its connections were closed. Normal is 0.",
            )
            .query(by_name(&VM_RELOADS), "{{name}}: started again")
            .query(by_name(&VM_RELOAD_FAILURES), "{{name}}: could not be")
            .query(by_name(&VM_RELOAD_BACKOFFS), "{{name}}: waits"),
        ],
    )
}

fn versions() -> Row {
    Row::new(
        "Versions",
        vec![
            Panel::numbers(
                "Versions of an extension",
                "How many versions run in the Envoys selected. More than 1 is normal only during an upgrade.",
            )
            .better_low(1.5, 2.5)
            .query(starts().now_by(&["extension", "version"]).count_by(&["extension"]), "{{extension}}"),
            Panel::lines(
                "Plugins started",
                "In the time shown, by extension and version. A plugin starts once in each VM: with an Envoy, a configuration, or \
                 after a trap. One for each worker, one for the main thread and one to try the configuration.",
            )
            .width(9)
            .query(starts().increase_by(&["extension", "version"]), "{{extension}} {{version}}"),
            Panel::lines("VMs that run", "In each Envoy. It grows for a moment with each new configuration; if it stays higher, old connections \
                 hold old VMs.")
                .width(9)
                .query(of_envoy(&VMS_ACTIVE).now_by(&["instance", "pod"]), "{{instance}} {{pod}}"),
            Panel::table(
                "Where which version runs",
                "Plugins started since each Envoy began. `panic` is `unwind` where a panic costs one connection at most, `abort` where it \
                 costs the VM.",
            )
            .width(24)
            .query(starts().now_by(&["instance", "pod", "extension", "version", "panic"]), "starts"),
        ],
    )
}

fn configuration() -> Row {
    Row::new(
        "Configuration",
        vec![
            Panel::lines(
                "Configurations by ECDS",
                "In the time shown, by resource: taken, and refused. After a refusal the one before goes on, and Envoy's log says why. \
                 An Istio proxy exports these only where `statsInclusionRegexps` says so.",
            )
            .query(by_name(&ECDS_RELOADS), "{{name}}: taken")
            .query(by_name(&ECDS_REJECTED), "{{name}}: refused"),
            Panel::numbers(
                "Listener updates refused",
                "By LDS: a filter in it refused its configuration, or something else was wrong. Normal is 0.",
            )
            .never()
            .width(4)
            .query(of_envoy(&LDS_REJECTED).increase(), "updates")
            .expected_empty("no listener comes by LDS"),
            Panel::numbers("Modules not fetched", "That Envoy itself could not fetch. Under Istio the agent does, and its own metrics tell.")
                .never()
                .width(4)
                .query(of_envoy(&FETCH_FAILURES).increase(), "modules"),
            Panel::numbers("Connections without configuration", "Closed because the filter's configuration had not come yet. Normal is 0.")
                .never()
                .width(4)
                .query(of_envoy(&CONFIGURATION_MISSING).increase(), "connections"),
        ],
    )
}

fn log() -> Row {
    Row::closed(
        "Log and statistics",
        vec![
            Panel::lines("Log lines dropped", "By the SDK's rate limit, a second, by extension.")
                .unit(Unit::PerSecond)
                .query(of_sdk(&LOG_LINES_DROPPED).rate_by(&["extension"]), "{{extension}}")
                .expected_empty("no log line was dropped"),
            Panel::lines(
                "Statistics refused",
                "Host calls that Envoy refused, a second. Normal is 0: else metrics are missing.",
            )
            .unit(Unit::PerSecond)
            .query(of_sdk(&STATS_REFUSED).rate_by(&["extension"]), "{{extension}}")
            .expected_empty("Envoy refused nothing"),
        ],
    )
}
