//! The overview as a few lines of text.

use std::fmt;

use super::overview::{Latency, Overview, Share};
use super::units;

/// An overview, written as lines of at most about 110 characters.
pub(crate) struct Snapshot<'a>(pub(crate) &'a Overview);

/// Where the names end and the numbers begin.
const INDENT: usize = 14;

/// From here on a line is broken.
const WIDTH: usize = 100;

impl fmt::Display for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(overview) = self;
        for panel in overview.panels() {
            let rows = panel.rows.iter().filter(|(_, value)| *value > 0.0);
            line(f, panel.title, rows.map(|(name, value)| format!("{name} {}", units::count(*value))))?;
        }
        line(f, "Latency", overview.latencies.iter().map(latency))?;
        line(f, "Connections", overview.connections.iter().map(|share| seen(share, units::count)))?;
        line(f, "Octets", overview.octets.iter().map(|share| seen(share, units::octets)))
    }
}

fn latency(latency: &Latency) -> String {
    let Latency { name, p50, p99, .. } = latency;
    format!("{name} p50 {} p99 {}", units::microseconds(*p50), units::microseconds(*p99))
}

fn seen(share: &Share, unit: fn(f64) -> String) -> String {
    format!("{} {} ({})", share.name, unit(share.count), units::percent(share.share))
}

fn line(f: &mut fmt::Formatter<'_>, title: &str, items: impl Iterator<Item = String>) -> fmt::Result {
    let mut column = 0;
    for item in items {
        if column == 0 {
            write!(f, "  {title:INDENT$}{item}")?;
        } else if column + item.len() > WIDTH {
            write!(f, ",\n  {:INDENT$}{item}", "")?;
            column = 0;
        } else {
            write!(f, ", {item}")?;
        }
        column += item.len() + 2;
    }
    if column > 0 { writeln!(f) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Panel;

    #[test]
    fn empty_panels_and_zeroes_are_left_out() {
        let row = |name: &str, value| (name.to_owned(), value);
        let overview = Overview {
            columns: vec![
                vec![Panel {
                    title: "Transactions",
                    metric: String::new(),
                    rows: vec![row("accepted", 1_200.0), row("aborted", 0.0), row("reset", 2.0)],
                }],
                vec![Panel { title: "Anomalies", metric: String::new(), rows: vec![row("bare_lf", 0.0)] }],
            ],
            latencies: vec![Latency {
                name: "reply to MAIL".to_owned(),
                metric: String::new(),
                count: 3.0,
                p50: 80.0,
                p90: 990.0,
                p99: 1_500.0,
            }],
            connections: vec![Share { name: "parsed".to_owned(), count: 3.0, share: 0.75 }],
            ..Overview::default()
        };
        let expected = "  Transactions  accepted 1,200, reset 2\n  \
                          Latency       reply to MAIL p50 80 µs p99 1.5 ms\n  \
                          Connections   parsed 3 (75 %)\n";
        assert_eq!(Snapshot(&overview).to_string(), expected);
    }

    #[test]
    fn long_lines_are_broken() {
        let rows = (0..30).map(|number| (format!("name{number}"), 1.0)).collect();
        let panel = Panel { title: "Many", metric: String::new(), rows };
        let overview = Overview { columns: vec![vec![panel]], ..Overview::default() };
        let text = Snapshot(&overview).to_string();
        assert!(text.lines().count() > 1 && text.lines().all(|line| line.len() < 120), "{text}");
    }
}
