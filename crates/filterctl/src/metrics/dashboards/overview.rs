//! The dashboard that is looked at first: all filters, and the modules that carry them.

use envoy_sdk::catalogue as sdk;
use ldap_filter::catalogue as ldap_counts;
use session_driver::{CONNECTIONS_OPENED, INTERNAL_ERRORS};
use smtp_filter::catalogue as smtp_counts;

use super::panel::{Colour, Dashboard, Panel, Row, Unit};
use super::query::{of_all_extensions, of_envoy, series};
use super::variables::{envoys, reporter, stat_prefix, with_reporter};
use super::{ldap, observer, smtp};
use crate::metrics::envoy::{ECDS_REJECTED, LDS_REJECTED, VM_RELOADS};
use crate::metrics::families::{LDAP, SDK, SMTP, VM};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    let opened = every_filter();
    let [instance, pod] = envoys(&with_reporter(&opened));
    Dashboard {
        name: "overview",
        title: "Envoy filters: overview",
        description: "All filters of the suite on one page: what share is seen, what passes, what goes wrong, and how the modules are.",
        variables: vec![reporter(&opened), stat_prefix(&opened), instance, pod],
        rows: vec![seen(), traffic(), wrong(), times(), modules()],
    }
}

/// The series that each filter has from its first connection on.
pub(super) fn every_filter() -> String {
    let names = [SMTP, LDAP].map(|family| family.name(&CONNECTIONS_OPENED));
    format!("{{__name__=~\"{}\"}}", names.join("|"))
}

fn seen() -> Row {
    Row::new(
        "What was seen",
        vec![
            observer::share_panel(&[(SMTP, "SMTP"), (LDAP, "LDAP")]),
            observer::octets_panel(SMTP, "SMTP: octets by visibility").width(9),
            observer::octets_panel(LDAP, "LDAP: octets by visibility").width(9),
        ],
    )
}

fn traffic() -> Row {
    let opened = [SMTP, LDAP].map(|family| series(family, &CONNECTIONS_OPENED));
    let [smtp_opened, ldap_opened] = &opened;
    Row::new(
        "Traffic",
        vec![
            smtp::outcomes_panel().width(8),
            ldap::requests_panel().width(8),
            Panel::lines(
                "Connections opened, by listener",
                "A second. One that falls to 0 while clients work is down or bypassed.",
            )
            .unit(Unit::PerSecond)
            .width(8)
            .query(smtp_opened.rate_by(&["stat_prefix"]), "SMTP {{stat_prefix}}")
            .query(ldap_opened.rate_by(&["stat_prefix"]), "LDAP {{stat_prefix}}"),
            Panel::lines(
                "Connections open now",
                "What the filters have opened less what they have closed: too high after a VM was lost.",
            )
            .width(8)
            .query(observer::open_now(SMTP, &series(SMTP, &smtp_counts::CONNECTIONS_CLOSED)), "SMTP")
            .query(observer::open_now(LDAP, &series(LDAP, &ldap_counts::CONNECTIONS_CLOSED)), "LDAP"),
            ldap::binds_panel().width(8),
            Panel::lines(
                "Recipients and entries",
                "Accepted and refused recipients, and entries that searches brought, a second.",
            )
            .unit(Unit::PerSecond)
            .width(8)
            .query(series(SMTP, &smtp_counts::RECIPIENTS).rate(), "recipients")
            .query(series(LDAP, &ldap_counts::ENTRIES).rate(), "entries"),
        ],
    )
}

fn wrong() -> Row {
    Row::new(
        "What goes wrong",
        vec![
            Panel::numbers(
                "Accepted mails",
                "Of the transactions that had an answer. In front of the internet low shares are normal.",
            )
            .unit(Unit::Share)
            .plain()
            .query(smtp::accepted_share(), "accepted"),
            Panel::numbers("LDAP errors", "The share of final responses that are errors. Failed binds make some.")
                .unit(Unit::Share)
                .better_low(0.1, 0.5)
                .query(ldap::error_share(), "errors"),
            Panel::numbers(
                "Credentials in clear text",
                "AUTH and simple binds on legs without TLS. Behind `reporter=\"outbound\"` the leg is the loopback of a pod and no \
                 cause for alarm. Elsewhere normal is 0.",
            )
            .never()
            .query(smtp::clear_text_auth().increase().or_zero(), "SMTP")
            .query(ldap::clear_text_binds().increase().or_zero(), "LDAP"),
            Panel::numbers("Smuggling", "Connections with commands or requests behind STARTTLS, before its answer. Normal is 0.")
                .never()
                .query(series(SMTP, &smtp_counts::SMUGGLED_CONNECTIONS).increase(), "SMTP")
                .query(series(LDAP, &ldap_counts::SMUGGLED_CONNECTIONS).increase(), "LDAP"),
            smtp::refusals_panel(),
            ldap::bind_failures_panel(),
            Panel::lines(
                "Never answered",
                "Commands and operations without an answer when their connection ended, a minute; and connections on which the mail \
                 server said nothing. Normal is nearly 0.",
            )
            .unit(Unit::PerMinute)
            .query(series(SMTP, &smtp_counts::UNANSWERED).rate().times(60), "SMTP commands")
            .query(series(SMTP, &smtp_counts::GREETINGS_MISSING).rate().times(60), "SMTP greetings")
            .query(series(LDAP, &ldap_counts::UNANSWERED).rate().times(60), "LDAP operations"),
            Panel::lines("Anomalies", "Things that the protocols' RFCs do not foresee, a minute. The filters' own dashboards have the kinds.")
                .unit(Unit::PerMinute)
                .query(series(SMTP, &smtp_counts::ANOMALIES).rate().times(60), "SMTP")
                .query(series(LDAP, &ldap_counts::ANOMALIES).rate().times(60), "LDAP"),
        ],
    )
}

fn times() -> Row {
    Row::new("Time", vec![smtp::end_of_data_panel(), ldap::latency_panel()])
}

fn modules() -> Row {
    Row::new(
        "The modules",
        vec![
            Panel::numbers("Connections unmeasured", "Connections on which a filter failed. Normal is 0: each is a bug.")
                .never()
                .query(series(SMTP, &INTERNAL_ERRORS).increase(), "SMTP")
                .query(series(LDAP, &INTERNAL_ERRORS).increase(), "LDAP"),
            Panel::numbers("Errors and panics", "In callbacks of all extensions. Normal is 0; the SDK's dashboard has the callbacks.")
                .never()
                .query(of_all_extensions(SDK, &sdk::ERRORS).increase().or_zero(), "errors")
                .query(of_all_extensions(SDK, &sdk::PANICS).increase().or_zero(), "panics"),
            Panel::numbers("VMs lost", "VMs that were lost to a trap and started again. Each closed all its connections. Normal is 0.")
                .never()
                .query(of_envoy(&VM_RELOADS).increase_by_name(&VM_RELOADS), "{{name}}"),
            Panel::numbers("Configurations refused", "By ECDS, and as part of listeners. What was there before goes on. Normal is 0.")
                .never()
                .query(of_envoy(&ECDS_REJECTED).increase_by_name(&ECDS_REJECTED), "{{name}}")
                .query(of_envoy(&LDS_REJECTED).increase(), "listeners")
                .expected_empty("no listener comes by LDS"),
            Panel::table(
                "Versions that run",
                "Plugins started, by extension, version and kind of module, since each Envoy began. More than one version of an \
                 extension is normal only during an upgrade.",
            )
            .width(24)
            .query(of_all_extensions(VM, &sdk::VM_STARTS).now_by(&["extension", "version", "panic"]), "starts")
            .colour("starts", Colour::Neutral),
        ],
    )
}
