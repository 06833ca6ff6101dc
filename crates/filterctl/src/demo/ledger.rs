//! Compares what the filter counted with what the server and the application counted themselves.

use std::fmt;

use envoy_runner::Scrape;
use serde::Serialize;
use serde_json::Value;

use super::smtp_server::Tally;

/// What three parties counted of the same thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Entry {
    /// What was counted.
    pub(super) what: String,
    /// By the filter, on the way.
    pub(super) filter: u64,
    /// By the server, if it can know.
    pub(super) server: Option<u64>,
    /// By the application, if it can know.
    pub(super) application: Option<u64>,
}

/// All comparisons.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Ledger {
    /// What went over the connections whose inside the filter can see, and the connections themselves.
    pub(super) visible: Vec<Entry>,
    /// What went over connections after STARTTLS: the filter's number is what it cannot have seen, 0.
    pub(super) opaque: Vec<Entry>,
}

impl Entry {
    /// Whether all that counted agree.
    pub(super) fn is_equal(&self) -> bool {
        [self.server, self.application].iter().flatten().all(|count| *count == self.filter)
    }
}

impl Ledger {
    /// Compares counts that were taken when all connections had ended.
    pub(super) fn new(scrape: &Scrape, server: &Tally, application: &Value) -> Self {
        let filter =
            |metric: &str, labels: &[(&str, &str)]| scrape.counter(&format!("smtp_{metric}"), labels) as u64;
        let said = |path: &str| application.pointer(path).and_then(Value::as_u64);
        let (clear, starttls) = (&server.clear, &server.starttls);
        let entry = |what: &str, filter: u64, server: u64, application: Option<u64>| Entry {
            what: what.to_owned(),
            filter,
            server: Some(server),
            application,
        };
        let mut visible = vec![
            entry(
                "connections",
                filter("connections_opened_total", &[]),
                server.connections,
                said("/total/connections"),
            ),
            entry(
                "connections with STARTTLS",
                filter("connections_total", &[("visibility", "starttls")]),
                server.starttls_sessions,
                said("/starttls/connections"),
            ),
            entry(
                "mails accepted",
                filter("transactions_total", &[("outcome", "accepted")]),
                clear.transactions_accepted,
                said("/clear/mails_accepted"),
            ),
            entry(
                "mails rejected",
                filter("transactions_total", &[("outcome", "rejected")]),
                clear.transactions_rejected.total(),
                said("/clear/mails_rejected"),
            ),
            entry(
                "mails begun",
                filter("transactions_started_total", &[]),
                clear.transactions_started,
                said("/clear/mails_tried"),
            ),
            entry(
                "recipients accepted",
                filter("recipients_total", &[("outcome", "accepted")]),
                clear.recipients_accepted,
                said("/clear/recipients_accepted"),
            ),
            entry(
                "recipients refused",
                filter("recipients_total", &[]) - filter("recipients_total", &[("outcome", "accepted")]),
                clear.recipients_refused,
                said("/clear/recipients_refused"),
            ),
        ];
        for (verb, count) in &clear.commands {
            visible.push(entry(
                &format!("{verb} commands"),
                filter("commands_total", &[("verb", verb)]),
                *count,
                None,
            ));
        }
        for (class, count) in &clear.replies {
            let of_class =
                |verb: &[(&str, &str)]| filter("replies_total", &[verb, &[("class", class)]].concat());
            let replies = of_class(&[]) - of_class(&[("verb", "greeting")]);
            visible.push(entry(&format!("{class} replies"), replies, *count, None));
        }
        visible.push(entry(
            "octets to the server",
            filter("bytes_total", &[("direction", "to_server")]),
            server.octets_received,
            None,
        ));
        visible.push(entry(
            "octets to the client",
            filter("bytes_total", &[("direction", "to_client")]),
            server.octets_sent,
            None,
        ));
        let opaque = vec![
            entry("mails accepted", 0, starttls.transactions_accepted, said("/starttls/mails_accepted")),
            entry(
                "mails rejected",
                0,
                starttls.transactions_rejected.total(),
                said("/starttls/mails_rejected"),
            ),
            entry("recipients refused", 0, starttls.recipients_refused, said("/starttls/recipients_refused")),
        ];
        Self { visible, opaque }
    }

    /// Where somebody counted something else.
    pub(super) fn differences(&self) -> impl Iterator<Item = &Entry> {
        self.visible.iter().filter(|entry| !entry.is_equal())
    }

    /// One line that says whether the counts agree, and what no filter can see.
    pub(super) fn verdict(&self) -> String {
        let differing: Vec<&str> = self.differences().map(|entry| entry.what.as_str()).collect();
        let verdict = if differing.is_empty() {
            format!(
                "equal: filter, server and application agree in all {} counts of what passed in clear text",
                self.visible.len()
            )
        } else {
            format!("NOT equal: {}", differing.join(", "))
        };
        let unseen: u64 = self
            .opaque
            .iter()
            .filter(|entry| entry.what.starts_with("mails"))
            .filter_map(|entry| entry.server)
            .sum();
        format!("{verdict}; {unseen} further mails went over TLS, where only the two ends can count them")
    }
}

impl fmt::Display for Ledger {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:28}{:>12}{:>12}{:>13}", "", "filter", "server", "application")?;
        let told = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
        for Entry { what, filter, server, application } in &self.visible {
            let entry =
                Entry { what: what.clone(), filter: *filter, server: *server, application: *application };
            let mark = if entry.is_equal() { "" } else { "  ← differs" };
            writeln!(f, "{what:28}{filter:>12}{:>12}{:>13}{mark}", told(*server), told(*application))?;
        }
        writeln!(f, "over TLS, unseen:")?;
        for Entry { what, server, application, .. } in &self.opaque {
            writeln!(f, "  {what:26}{:>12}{:>12}{:>13}", "–", told(*server), told(*application))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(filter_accepted: u64) -> Ledger {
        let scrape = Scrape::parse(&format!(
            "# TYPE smtp_transactions_total counter\n\
             smtp_transactions_total{{outcome=\"accepted\",class=\"2xx\"}} {filter_accepted}\n\
             smtp_transactions_started_total{{}} 5\n\
             smtp_commands_total{{verb=\"MAIL\"}} 5\nsmtp_replies_total{{class=\"2xx\",verb=\"MAIL\"}} 5\n\
             smtp_replies_total{{class=\"2xx\",verb=\"greeting\"}} 2\n",
        ))
        .unwrap();
        let mut server = Tally::default();
        server.clear.transactions_accepted = 5;
        server.clear.transactions_started = 5;
        server.clear.commands.insert("MAIL", 5);
        server.clear.replies.insert("2xx", 5);
        server.starttls.transactions_accepted = 2;
        let application = serde_json::json!({"clear": {"mails_accepted": 5, "mails_tried": 5}});
        Ledger::new(&scrape, &server, &application)
    }

    #[test]
    fn equal_counts_are_said_to_be_equal() {
        let ledger = ledger(5);
        assert_eq!(ledger.differences().count(), 0, "{ledger}");
        let verdict = ledger.verdict();
        assert!(
            verdict.starts_with("equal: ") && verdict.contains("; 2 further mails went over TLS"),
            "{verdict}"
        );
    }

    #[test]
    fn a_difference_is_named() {
        let ledger = ledger(4);
        let differing: Vec<&str> = ledger.differences().map(|entry| entry.what.as_str()).collect();
        assert_eq!(differing, ["mails accepted"]);
        assert!(ledger.verdict().starts_with("NOT equal: mails accepted; "));
        assert!(ledger.to_string().contains("← differs"));
    }

    #[test]
    fn who_cannot_know_does_not_disagree() {
        let entry = |server, application| Entry { what: String::new(), filter: 3, server, application };
        assert!(entry(Some(3), None).is_equal());
        assert!(!entry(Some(2), None).is_equal());
        assert!(!entry(Some(3), Some(4)).is_equal());
    }
}
