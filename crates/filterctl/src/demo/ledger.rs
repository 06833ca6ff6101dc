//! Compares what the filter counted with what the server and the application counted themselves.

use std::fmt;

use envoy_runner::Scrape;
use serde::Serialize;
use serde_json::Value;

/// What three parties counted of the same thing. Who cannot know does not disagree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Entry {
    /// What was counted.
    pub(super) what: String,
    /// By the filter, on the way; nothing of what it cannot see.
    pub(super) filter: Option<u64>,
    /// By the server.
    pub(super) server: Option<u64>,
    /// By the application.
    pub(super) application: Option<u64>,
}

/// All comparisons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Ledger {
    /// What went over the connections whose inside the filter can see, and the connections themselves.
    pub(super) visible: Vec<Entry>,
    /// What went over connections after STARTTLS: only the two ends can count it.
    pub(super) opaque: Vec<Entry>,
    #[serde(skip)]
    unseen: Unseen,
}

/// How much no filter can see: 7 mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unseen {
    pub(super) count: u64,
    pub(super) what: &'static str,
}

/// The counts of the filter and of the application, to be asked by name.
#[derive(Clone, Copy)]
pub(super) struct Counts<'a> {
    pub(super) filter: &'static str,
    pub(super) scrape: &'a Scrape,
    pub(super) application: &'a Value,
}

impl Counts<'_> {
    /// The sum of a counter, named without the filter's name, over all series with these labels.
    pub(super) fn filter(&self, metric: &str, labels: &[(&str, &str)]) -> u64 {
        self.scrape.counter(&format!("{}_{metric}", self.filter), labels) as u64
    }

    /// The application's number at this JSON pointer.
    pub(super) fn application(&self, pointer: &str) -> Option<u64> {
        self.application.pointer(pointer).and_then(Value::as_u64)
    }
}

impl Entry {
    /// What was counted of what the filter can see.
    pub(super) fn visible(
        what: impl Into<String>,
        filter: u64,
        server: u64,
        application: Option<u64>,
    ) -> Self {
        Self { what: what.into(), filter: Some(filter), server: Some(server), application }
    }

    /// What was counted of what it cannot see.
    pub(super) fn opaque(what: impl Into<String>, server: u64, application: Option<u64>) -> Self {
        Self { what: what.into(), filter: None, server: Some(server), application }
    }

    /// Whether all that counted agree.
    fn is_equal(&self) -> bool {
        let mut counts = [self.filter, self.server, self.application].into_iter().flatten();
        let first = counts.next();
        counts.all(|count| Some(count) == first)
    }
}

impl Ledger {
    /// Compares counts that were taken when all connections had ended.
    pub(super) fn new(visible: Vec<Entry>, opaque: Vec<Entry>, unseen: Unseen) -> Self {
        Self { visible, opaque, unseen }
    }

    /// Where somebody counted something else.
    pub(super) fn differences(&self) -> impl Iterator<Item = &Entry> {
        self.visible.iter().chain(&self.opaque).filter(|entry| !entry.is_equal())
    }

    /// One line that says whether the counts agree, and what no filter can see.
    pub(super) fn verdict(&self) -> String {
        let differing: Vec<String> = self.differences().map(Entry::to_string).collect();
        let verdict = if differing.is_empty() {
            format!(
                "equal: filter, server and application agree in all {} counts of what passed in clear text",
                self.visible.len()
            )
        } else {
            format!("NOT equal: {}", differing.join(", "))
        };
        let Unseen { count, what } = self.unseen;
        format!("{verdict}; {count} further {what} went over TLS, where only the two ends can count them")
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.filter.is_none() { f.write_str(" over TLS") } else { Ok(()) }
    }
}

impl fmt::Display for Ledger {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = || self.visible.iter().chain(&self.opaque);
        let width = entries().map(|entry| entry.what.chars().count()).max().unwrap_or(0).max(26) + 2;
        writeln!(f, "{:width$}{:>12}{:>12}{:>13}", "", "filter", "server", "application")?;
        let told = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
        let line = |f: &mut fmt::Formatter<'_>, indent: usize, entry: &Entry| {
            let Entry { what, filter, server, application } = entry;
            let [filter, server, application] = [*filter, *server, *application].map(told);
            let (name, mark) = (width - indent, if entry.is_equal() { "" } else { "  ← differs" });
            writeln!(f, "{:indent$}{what:name$}{filter:>12}{server:>12}{application:>13}{mark}", "")
        };
        self.visible.iter().try_for_each(|entry| line(f, 0, entry))?;
        writeln!(f, "over TLS, unseen by the filter:")?;
        self.opaque.iter().try_for_each(|entry| line(f, 2, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(visible: Entry, opaque: Entry) -> Ledger {
        Ledger::new(vec![visible], vec![opaque], Unseen { count: 2, what: "mails" })
    }

    #[test]
    fn equal_counts_are_said_to_be_equal() {
        let ledger = ledger(
            Entry::visible("mails accepted", 5, 5, Some(5)),
            Entry::opaque("mails accepted", 2, Some(2)),
        );
        assert_eq!(ledger.differences().count(), 0, "{ledger}");
        let verdict = ledger.verdict();
        assert!(
            verdict.starts_with("equal: ") && verdict.contains("; 2 further mails went over TLS"),
            "{verdict}"
        );
        assert!(!ledger.to_string().contains("differs"), "{ledger}");
    }

    #[test]
    fn a_difference_is_named_also_where_the_filter_sees_nothing() {
        let ledger = ledger(
            Entry::visible("mails accepted", 4, 5, Some(5)),
            Entry::opaque("mails rejected", 2, Some(1)),
        );
        assert!(
            ledger.verdict().starts_with("NOT equal: mails accepted, mails rejected over TLS; "),
            "{}",
            ledger.verdict()
        );
        assert_eq!(ledger.to_string().matches("← differs").count(), 2, "{ledger}");
    }

    #[test]
    fn who_cannot_know_does_not_disagree() {
        assert!(Entry::visible("", 3, 3, None).is_equal());
        assert!(!Entry::visible("", 3, 2, None).is_equal());
        assert!(!Entry::visible("", 3, 3, Some(4)).is_equal());
        assert!(Entry::opaque("", 3, None).is_equal());
        assert!(!Entry::opaque("", 3, Some(4)).is_equal());
    }

    #[test]
    fn counts_are_found_by_name() {
        let scrape = Scrape::parse(
            "# TYPE smtp_mails_total counter\nsmtp_mails_total{outcome=\"a\",class=\"x\"} 3\n\
             smtp_mails_total{outcome=\"b\",class=\"x\"} 4\n",
        )
        .unwrap();
        let application = serde_json::json!({"clear": {"mails": 7}});
        let counts = Counts { filter: "smtp", scrape: &scrape, application: &application };
        assert_eq!(
            (counts.filter("mails_total", &[]), counts.filter("mails_total", &[("outcome", "b")])),
            (7, 4)
        );
        assert_eq!((counts.application("/clear/mails"), counts.application("/clear/other")), (Some(7), None));
    }
}
