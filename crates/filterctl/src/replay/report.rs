//! What a replay found out.

use std::fmt;

use envoy_runner::Scrape;
use serde::Serialize;

use super::comparison::Comparison;
use super::player::Arrival;
use super::{Conversation, Cutting, Delivered, Direction};
use crate::display::{MetricDocument, metrics};

/// A conversation that was played once.
#[derive(Debug)]
pub(super) struct Played<'a> {
    pub(super) conversation: &'a Conversation,
    pub(super) cutting: Cutting,
    pub(super) delivered: Delivered,
}

/// What a replay found out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    envoy: String,
    filter: &'static str,
    conversations: Vec<Said>,
    comparison: Vec<Comparison>,
    metrics: Vec<MetricDocument>,
}

/// One conversation.
#[derive(Debug, Serialize)]
struct Said {
    name: String,
    records: usize,
    /// Octets that the recording lacks.
    missing: u64,
    octets_to_server: usize,
    octets_to_client: usize,
    played: Vec<Outcome>,
}

/// What arrived of it in one cutting.
#[derive(Debug, Serialize)]
struct Outcome {
    cutting: Cutting,
    unchanged: bool,
    arrived_at_server: usize,
    arrived_at_client: usize,
    /// The direction and the offset of the first octet that differs.
    first_difference: Option<(Direction, usize)>,
    broken_off: Option<String>,
}

impl Report {
    /// `played` holds all cuttings of a conversation together.
    pub(super) fn new(envoy: String, filter: &'static str, played: &[Played<'_>], scrape: &Scrape) -> Self {
        let mut conversations: Vec<Said> = Vec::new();
        for one in played.chunk_by(|a, b| std::ptr::eq(a.conversation, b.conversation)) {
            let Some(Played { conversation, delivered, .. }) = one.first() else { continue };
            conversations.push(Said {
                name: conversation.name.clone(),
                records: conversation.records.len(),
                missing: conversation.missing(),
                octets_to_server: delivered.to_server.sent.len(),
                octets_to_client: delivered.to_client.sent.len(),
                played: one.iter().map(Outcome::new).collect(),
            });
        }
        Self {
            envoy,
            filter,
            conversations,
            comparison: Comparison::all(scrape, filter),
            metrics: metrics(scrape, filter),
        }
    }

    /// What is wrong, if something is: octets that changed, or metrics that depend on the cutting.
    pub(super) fn problem(&self) -> Option<String> {
        let all = || self.conversations.iter().flat_map(|said| &said.played);
        let changed = all().filter(|outcome| !outcome.unchanged).count();
        if changed > 0 {
            return Some(format!(
                "octets did not arrive as they were sent in {changed} of {} replays",
                all().count()
            ));
        }
        let differing: Vec<String> =
            self.comparison.iter().filter(|one| !one.is_equal()).map(Comparison::to_string).collect();
        (!differing.is_empty()).then(|| format!("metrics depend on the cutting: {}", differing.join(", ")))
    }
}

impl Outcome {
    fn new(played: &Played<'_>) -> Self {
        let Delivered { to_server, to_client, broken_off } = &played.delivered;
        let count = |arrival: &Arrival| arrival.received.len();
        Self {
            cutting: played.cutting,
            unchanged: played.delivered.is_unchanged(),
            arrived_at_server: count(to_server),
            arrived_at_client: count(to_client),
            first_difference: played.delivered.first_difference(),
            broken_off: broken_off.clone(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.cutting.name().replace('_', " "))?;
        match (&self.broken_off, self.first_difference) {
            (Some(reason), _) => write!(f, "broken off: {reason}"),
            (None, Some((direction, offset))) => write!(f, "differs {direction} at octet {offset}"),
            (None, None) => f.write_str("unchanged"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for said in &self.conversations {
            let Said { name, records, missing, octets_to_server, octets_to_client, .. } = said;
            write!(
                f,
                "{name}: {records} records, {octets_to_server} octets to the server, {octets_to_client} to the client"
            )?;
            if *missing > 0 {
                write!(f, ", {missing} octets are missing in the recording")?;
            }
            let outcomes: Vec<String> = said.played.iter().map(Outcome::to_string).collect();
            writeln!(f, "\n  {}", outcomes.join("; "))?;
        }
        if self.comparison.is_empty() {
            return writeln!(f, "\nThe filter counted nothing.");
        }
        let width = self.comparison.iter().map(|one| one.to_string().chars().count()).max().unwrap_or(0);
        writeln!(f, "\n{:width$}{:>14}{:>16}{:>12}", "", "as recorded", "octet by octet", "coalesced")?;
        for one in &self.comparison {
            let value = |cutting| one.values.get(&cutting).copied().unwrap_or_default();
            let [recorded, octets, coalesced] = Cutting::ALL.map(|cutting| number(value(cutting)));
            let mark = if one.is_equal() { "" } else { "  ← differs" };
            writeln!(f, "{:width$}{recorded:>14}{octets:>16}{coalesced:>12}{mark}", one.to_string())?;
        }
        Ok(())
    }
}

/// Counts are whole; Envoy's sums of a histogram are not quite.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Record;

    fn report(received: &[u8], octet_count: u32) -> Report {
        let records =
            vec![Record { direction: Direction::ToServer, octets: b"QUIT\r\n".to_vec(), gap_before: 3 }];
        let conversation = Conversation { name: "one".to_owned(), records };
        let played = Cutting::ALL.map(|cutting| Played {
            conversation: &conversation,
            cutting,
            delivered: Delivered {
                to_server: Arrival { sent: b"QUIT\r\n".to_vec(), received: received.to_vec() },
                to_client: Arrival::default(),
                broken_off: None,
            },
        });
        let scrape = Scrape::parse(&format!(
            "# TYPE smtp_quits_total counter\nsmtp_quits_total{{stat_prefix=\"as_recorded\"}} 1\n\
             smtp_quits_total{{stat_prefix=\"octet_by_octet\"}} {octet_count}\nsmtp_quits_total{{stat_prefix=\"coalesced\"}} 1\n"
        ))
        .unwrap();
        Report::new("1.40.0".to_owned(), "smtp", &played, &scrape)
    }

    #[test]
    fn a_good_replay_has_no_problem() {
        let report = report(b"QUIT\r\n", 1);
        assert_eq!(report.problem(), None);
        let text = report.to_string();
        assert!(
            text.contains("one: 1 records, 6 octets to the server, 0 to the client, 3 octets are missing"),
            "{text}"
        );
        assert!(
            text.contains("as recorded: unchanged; octet by octet: unchanged; coalesced: unchanged"),
            "{text}"
        );
        assert!(text.contains("smtp_quits_total"), "{text}");
    }

    #[test]
    fn changed_octets_and_differing_metrics_are_problems() {
        let changed = report(b"QUIt\r\n", 1);
        assert_eq!(changed.problem().unwrap(), "octets did not arrive as they were sent in 3 of 3 replays");
        assert!(changed.to_string().contains("differs to the server at octet 3"), "{changed}");
        let differing = report(b"QUIT\r\n", 2);
        assert_eq!(differing.problem().unwrap(), "metrics depend on the cutting: smtp_quits_total");
        assert!(differing.to_string().contains("← differs"), "{differing}");
        let json = serde_json::to_value(&changed).unwrap();
        assert_eq!(
            json.pointer("/conversations/0/played/0/first_difference"),
            Some(&serde_json::json!(["to_server", 3]))
        );
        assert_eq!(json.pointer("/comparison/0/values/coalesced"), Some(&serde_json::json!(1.0)));
    }
}
