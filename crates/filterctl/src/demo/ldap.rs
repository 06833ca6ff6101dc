//! The LDAP demo: a portal that logs its users in, and a small directory.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;

use super::directory_server::{self as server, DirectoryServer};
use super::ledger::{Counts, Entry, Ledger, Unseen};
use super::server::Certificate;
use super::{Cast, DemoServer};

/// Who plays in the LDAP demo.
pub(super) const CAST: Cast = Cast {
    filter: "ldap",
    about: "A portal logs its users in, through Envoy, with a small directory",
    application: "directory-logins",
    server_option: "--ldap",
    server: "directory",
    start: |certificate| Ok(Box::new(start(certificate)?)),
};

fn start(certificate: &Certificate) -> io::Result<DirectoryServer> {
    DirectoryServer::start(certificate)
}

/// A counter whose label's values the server has counted, and perhaps the application too.
struct Split {
    metric: &'static str,
    label: &'static str,
    server: fn(&server::Leg) -> &server::Counts,
    /// Where the application's counts are in its leg.
    application: Option<&'static str>,
    /// What all rows together are called.
    all: &'static str,
    /// What a row is called, around the value of the label.
    before: &'static str,
    after: &'static str,
}

const SPLITS: &[Split] = &[
    Split {
        metric: "requests_total",
        label: "operation",
        server: |leg| &leg.requests,
        application: Some("requests"),
        all: "requests",
        before: "",
        after: " requests",
    },
    Split {
        metric: "responses_total",
        label: "operation",
        server: |leg| &leg.responses,
        application: None,
        all: "responses",
        before: "",
        after: " responses",
    },
    Split {
        metric: "results_total",
        label: "result",
        server: |leg| &leg.results,
        application: Some("results"),
        all: "results",
        before: "result ",
        after: "",
    },
    Split {
        metric: "bind_failures_total",
        label: "reason",
        server: |leg| &leg.bind_failures,
        application: None,
        all: "bind failures",
        before: "bind failure ",
        after: "",
    },
    Split {
        metric: "search_scopes_total",
        label: "scope",
        server: |leg| &leg.search_scopes,
        application: None,
        all: "searches by scope",
        before: "searches of scope ",
        after: "",
    },
    Split {
        metric: "search_kinds_total",
        label: "kind",
        server: |leg| &leg.search_kinds,
        application: None,
        all: "searches by kind",
        before: "",
        after: " searches",
    },
    Split {
        metric: "extended_requests_total",
        label: "extended",
        server: |leg| &leg.extended,
        application: None,
        all: "extended requests by name",
        before: "extended ",
        after: "",
    },
];

impl DemoServer for DirectoryServer {
    fn address(&self) -> SocketAddr {
        self.address()
    }

    fn open_connections(&self) -> usize {
        self.open_connections()
    }

    fn counted(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self.tally())
    }

    fn ledger(&self, counts: Counts<'_>) -> Ledger {
        let server = self.tally();
        let (clear, starttls) = (&server.clear, &server.starttls);
        let mut visible = connections(&server, counts);
        let mut opaque = vec![Entry::opaque(
            "connections",
            server.starttls_sessions,
            counts.application("/starttls/connections"),
        )];
        for Split { metric, label, server, application, all, before, after } in SPLITS {
            let said = |leg: &str, name: &str| {
                let counted = application.map(|counts_of| format!("/{leg}/{counts_of}/{name}"));
                counted.map(|pointer| counts.application(&pointer).unwrap_or_default())
            };
            // What only the filter has counted has no row of its own, but is in the sum.
            let sum = server(clear).values().sum();
            visible.push(Entry::visible(*all, counts.filter(metric, &[]), sum, None));
            for (name, count) in server(clear) {
                let filter = counts.filter(metric, &[(label, name)]);
                visible.push(Entry::visible(
                    format!("{before}{name}{after}"),
                    filter,
                    *count,
                    said("clear", name),
                ));
            }
            if application.is_some() {
                let rows = server(starttls).iter();
                opaque.extend(rows.map(|(name, count)| {
                    Entry::opaque(format!("{before}{name}{after}"), *count, said("starttls", name))
                }));
            }
        }
        visible.extend(binds(clear, counts));
        for (what, metric, server, application) in [
            ("entries", "entries_total", clear.entries, "/clear/entries"),
            ("references", "references_total", clear.references, "/clear/references"),
            ("operations abandoned", "abandoned_operations_total", clear.abandoned, "/clear/abandoned"),
        ] {
            let filter = counts.filter(metric, &[]);
            visible.push(Entry::visible(what, filter, server, counts.application(application)));
        }
        opaque.push(Entry::opaque("entries", starttls.entries, counts.application("/starttls/entries")));
        visible.extend(octets(&server, counts));
        // Neither end does what RFC 4511 does not foresee.
        for (what, metric) in [
            ("anomalies", "anomalies_total"),
            ("undecoded messages", "undecoded_messages_total"),
            ("unanswered operations", "unanswered_operations_total"),
        ] {
            visible.push(Entry::visible(what, counts.filter(metric, &[]), 0, None));
        }
        let unseen = Unseen { count: starttls.requests.values().sum(), what: "requests" };
        Ledger::new(visible, opaque, unseen)
    }
}

/// Connections, and who ended them. What is said at the end of one with StartTLS is unseen: the client closes it.
fn connections(server: &server::Tally, counts: Counts<'_>) -> Vec<Entry> {
    let (clear, starttls) = (&server.clear, &server.starttls);
    let of = |counts: &server::Counts, name: &str| counts.get(name).copied().unwrap_or_default();
    let said = |pointer: &str| counts.application(pointer).unwrap_or_default();
    let filter = |ending: &str| counts.filter("connections_closed_total", &[("ending", ending)]);
    let closed = of(&clear.endings, "client") + starttls.endings.values().sum::<u64>();
    let closed_by_application = said("/clear/endings/client") + said("/starttls/connections");
    vec![
        Entry::visible(
            "connections",
            counts.filter("connections_opened_total", &[]),
            server.connections,
            counts.application("/total/connections"),
        ),
        Entry::visible(
            "connections with StartTLS",
            counts.filter("connections_total", &[("visibility", "starttls")]),
            server.starttls_sessions,
            counts.application("/starttls/connections"),
        ),
        Entry::visible(
            "connections ended by unbind",
            filter("unbind"),
            of(&clear.endings, "unbind"),
            Some(said("/clear/endings/unbind")),
        ),
        Entry::visible("connections ended by client", filter("client"), closed, Some(closed_by_application)),
        Entry::visible(
            "connections ended by server",
            filter("server"),
            of(&clear.endings, "server"),
            Some(said("/clear/endings/server")),
        ),
        Entry::visible(
            "notices of disconnection",
            counts.filter("unsolicited_notifications_total", &[("notice", "disconnection")]),
            clear.notices,
            None,
        ),
    ]
}

/// Binds by kind and outcome.
fn binds(clear: &server::Leg, counts: Counts<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (outcome, of_server, of_application) in [
        ("succeeded", &clear.binds_succeeded, "binds_succeeded"),
        ("failed", &clear.binds_failed, "binds_failed"),
    ] {
        for (kind, count) in of_server {
            let filter = counts.filter("binds_total", &[("kind", kind), ("outcome", outcome)]);
            let application = counts.application(&format!("/clear/{of_application}/{kind}"));
            let application = Some(application.unwrap_or_default());
            entries.push(Entry::visible(format!("{kind} binds {outcome}"), filter, *count, application));
        }
    }
    entries
}

fn octets(server: &server::Tally, counts: Counts<'_>) -> [Entry; 2] {
    [
        ("octets to the server", "to_server", server.octets_received),
        ("octets to the client", "to_client", server.octets_sent),
    ]
    .map(|(what, direction, octets)| {
        Entry::visible(what, counts.filter("bytes_total", &[("direction", direction)]), octets, None)
    })
}
