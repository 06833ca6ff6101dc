//! The SMTP demo: an application that mails its errors, and a small SMTP server.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;

use super::ledger::{Counts, Entry, Ledger, Unseen};
use super::server::Certificate;
use super::smtp_server::{Rules, SmtpServer};
use super::{Cast, DemoServer};

/// Who plays in the SMTP demo.
pub(super) const CAST: Cast = Cast {
    filter: "smtp",
    about: "An application mails its errors through Envoy to a small SMTP server",
    application: "log-by-mail",
    server_option: "--smtp",
    server: "SMTP server",
    start: |certificate| Ok(Box::new(start(certificate)?)),
};

fn start(certificate: &Certificate) -> io::Result<SmtpServer> {
    SmtpServer::start(Rules::default(), certificate)
}

impl DemoServer for SmtpServer {
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
        let entry = |what: &str, filter: u64, server: u64, application: &str| {
            Entry::visible(what, filter, server, counts.application(application))
        };
        let transactions = |outcome: &str| counts.filter("transactions_total", &[("outcome", outcome)]);
        let recipients = counts.filter("recipients_total", &[]);
        let recipients_accepted = counts.filter("recipients_total", &[("outcome", "accepted")]);
        let mut visible = vec![
            entry(
                "connections",
                counts.filter("connections_opened_total", &[]),
                server.connections,
                "/total/connections",
            ),
            entry(
                "connections with STARTTLS",
                counts.filter("connections_total", &[("visibility", "starttls")]),
                server.starttls_sessions,
                "/starttls/connections",
            ),
            entry(
                "mails accepted",
                transactions("accepted"),
                clear.transactions_accepted,
                "/clear/mails_accepted",
            ),
            entry(
                "mails rejected",
                transactions("rejected"),
                clear.transactions_rejected.total(),
                "/clear/mails_rejected",
            ),
            entry(
                "mails begun",
                counts.filter("transactions_started_total", &[]),
                clear.transactions_started,
                "/clear/mails_tried",
            ),
            entry(
                "recipients accepted",
                recipients_accepted,
                clear.recipients_accepted,
                "/clear/recipients_accepted",
            ),
            entry(
                "recipients refused",
                recipients.saturating_sub(recipients_accepted),
                clear.recipients_refused,
                "/clear/recipients_refused",
            ),
        ];
        for (verb, count) in &clear.commands {
            let commands = counts.filter("commands_total", &[("verb", verb)]);
            visible.push(Entry::visible(format!("{verb} commands"), commands, *count, None));
        }
        for (class, count) in &clear.replies {
            let all = counts.filter("replies_total", &[("class", class)]);
            let greetings = counts.filter("replies_total", &[("class", class), ("verb", "greeting")]);
            visible.push(Entry::visible(
                format!("{class} replies"),
                all.saturating_sub(greetings),
                *count,
                None,
            ));
        }
        for (what, direction, octets) in [
            ("octets to the server", "to_server", server.octets_received),
            ("octets to the client", "to_client", server.octets_sent),
        ] {
            let bytes = counts.filter("bytes_total", &[("direction", direction)]);
            visible.push(Entry::visible(what, bytes, octets, None));
        }
        let rejected = starttls.transactions_rejected.total();
        let opaque = [
            ("mails accepted", starttls.transactions_accepted, "/starttls/mails_accepted"),
            ("mails rejected", rejected, "/starttls/mails_rejected"),
            ("recipients refused", starttls.recipients_refused, "/starttls/recipients_refused"),
        ];
        let opaque = opaque.map(|(what, server, said)| Entry::opaque(what, server, counts.application(said)));
        let unseen = Unseen { count: starttls.transactions_accepted + rejected, what: "mails" };
        Ledger::new(visible, opaque.into(), unseen)
    }
}
