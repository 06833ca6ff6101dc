//! What is shown of a filter's metrics at one moment: a few panels of numbers.

use std::collections::BTreeMap;

use envoy_runner::Scrape;

use super::layout::{CountPanel, LatencyRows, Layout};

/// All panels at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// Counts, in the columns of the layout.
    pub columns: Vec<Vec<Panel>>,
    /// Latencies with at least one observation.
    pub latencies: Vec<Latency>,
    /// Connections that ended, by what could be seen of them.
    pub connections: Vec<Share>,
    /// Octets that passed, by whether they could be looked into.
    pub octets: Vec<Share>,
    /// Connections that began.
    pub opened: f64,
    /// Those of them that have not ended.
    pub open: f64,
}

/// A title and rows of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What the numbers count.
    pub title: &'static str,
    /// The metric that they are from.
    pub metric: String,
    /// Names and numbers.
    pub rows: Vec<(String, f64)>,
}

/// How long something took.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// What took so long.
    pub name: String,
    /// The metric that it is from.
    pub metric: String,
    /// How often.
    pub count: f64,
    /// The median in microseconds.
    pub p50: f64,
    /// The value in microseconds that 90 % stay below.
    pub p90: f64,
    /// The value in microseconds that 99 % stay below.
    pub p99: f64,
}

/// A part of a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Which part.
    pub name: String,
    /// How many.
    pub count: f64,
    /// Of all: 0 to 1.
    pub share: f64,
}

impl Overview {
    /// Picks from a scrape what the layout shows.
    pub fn new(layout: &Layout, scrape: &Scrape) -> Self {
        let name = |metric: &str| format!("{}_{metric}", layout.filter);
        let column = |panels: &&[CountPanel]| panels.iter().map(|p| p.read(layout.filter, scrape)).collect();
        Self {
            columns: layout.columns.iter().map(column).collect(),
            latencies: layout
                .latencies
                .iter()
                .flat_map(|rows| rows.read(&name(rows.metric), scrape))
                .collect(),
            connections: shares(by_labels(scrape, &name("connections_total"), &["visibility"])),
            octets: shares(by_labels(scrape, &name("bytes_total"), &["visibility"])),
            opened: scrape.counter(&name("connections_opened_total"), &[]),
            open: open_connections(layout.filter, scrape),
        }
    }

    /// All panels of counts, column by column.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.columns.iter().flatten()
    }
}

impl CountPanel {
    fn read(&self, filter: &str, scrape: &Scrape) -> Panel {
        let named = |metric: &str| format!("{filter}_{metric}");
        let mut values = by_labels(scrape, &named(self.metric), self.labels);
        let mut rows = Vec::new();
        for name in self.always {
            rows.push(((*name).to_owned(), values.remove(*name).unwrap_or(0.0)));
        }
        let also =
            self.also.iter().map(|(name, metric)| ((*name).to_owned(), scrape.counter(&named(metric), &[])));
        let others = ordered(values, self.then).into_iter().chain(also);
        rows.extend(others.filter(|(_, value)| *value > 0.0));
        Panel { title: self.title, metric: named(self.metric), rows }
    }
}

impl LatencyRows {
    fn read(&self, metric: &str, scrape: &Scrape) -> Vec<Latency> {
        let Some(label) = self.label else {
            return latency(self.title.to_owned(), metric, &[], scrape).into_iter().collect();
        };
        let values = ordered(by_labels(scrape, metric, &[label]), self.order);
        let row = |value: &str| latency(format!("{} {value}", self.title), metric, &[(label, value)], scrape);
        values.iter().filter_map(|(value, _)| row(value)).collect()
    }
}

/// First those of this order, then the others by name.
fn ordered(mut values: BTreeMap<String, f64>, order: &[&str]) -> Vec<(String, f64)> {
    let mut rows: Vec<_> = order.iter().filter_map(|name| values.remove_entry(*name)).collect();
    rows.extend(values);
    rows
}

/// Sums of a metric by the values of these labels, joined by a space. A label that says `none` adds nothing to
/// the name.
pub(crate) fn by_labels(scrape: &Scrape, metric: &str, labels: &[&str]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for series in scrape.samples(metric) {
        let values = labels.iter().filter_map(|label| series.label(label)).filter(|value| *value != "none");
        *sums.entry(values.collect::<Vec<_>>().join(" ")).or_default() += series.value.number();
    }
    sums
}

/// How many connections a filter has seen the beginning of, and not the end.
pub(crate) fn open_connections(filter: &str, scrape: &Scrape) -> f64 {
    let count = |metric: &str| scrape.counter(&format!("{filter}_{metric}"), &[]);
    count("connections_opened_total") - count("connections_closed_total")
}

fn latency(name: String, metric: &str, labels: &[(&str, &str)], scrape: &Scrape) -> Option<Latency> {
    let histogram = scrape.histogram(metric, labels)?;
    Some(Latency {
        name,
        metric: metric.to_owned(),
        count: histogram.count,
        p50: histogram.quantile(0.5)?,
        p90: histogram.quantile(0.9)?,
        p99: histogram.quantile(0.99)?,
    })
}

/// The largest part first.
fn shares(counts: BTreeMap<String, f64>) -> Vec<Share> {
    let total: f64 = counts.values().sum();
    let mut shares: Vec<Share> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0.0)
        .map(|(name, count)| Share { name, count, share: count / total })
        .collect();
    shares.sort_by(|a, b| b.count.total_cmp(&a.count));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        filter: "smtp",
        columns: &[
            &[CountPanel::new("Verbs", "commands_total", &["verb"])
                .always(&["RCPT", "DATA"])
                .then(&["QUIT"])],
            &[CountPanel::new("Ends", "ends_total", &["how", "why"])
                .also(&[("octets", "bytes_total"), ("never", "never_total")])],
        ],
        latencies: &[
            LatencyRows {
                title: "reply to",
                metric: "wait_microseconds",
                label: Some("verb"),
                order: &["RCPT", "MAIL"],
            },
            LatencyRows { title: "all", metric: "wait_microseconds", label: None, order: &[] },
        ],
        charts: &[],
    };

    #[test]
    fn panels_hold_what_the_layout_says() {
        let scrape = Scrape::parse(
            "# TYPE smtp_commands_total counter\n\
             smtp_commands_total{verb=\"NOOP\",stat_prefix=\"a\"} 2\nsmtp_commands_total{verb=\"NOOP\",stat_prefix=\"b\"} 3\n\
             smtp_commands_total{verb=\"RCPT\",stat_prefix=\"a\"} 7\nsmtp_commands_total{verb=\"QUIT\"} 1\n\
             smtp_ends_total{how=\"rejected\",why=\"data\"} 1\nsmtp_ends_total{how=\"accepted\",why=\"none\"} 4\n\
             smtp_ends_total{how=\"lost\",why=\"none\"} 0\n\
             smtp_bytes_total{visibility=\"parsed\",direction=\"to_server\"} 30\n\
             smtp_bytes_total{visibility=\"parsed\",direction=\"to_client\"} 45\n\
             smtp_bytes_total{visibility=\"starttls\",direction=\"to_client\"} 25\n\
             # TYPE smtp_wait_microseconds histogram\n\
             smtp_wait_microseconds_bucket{verb=\"MAIL\",le=\"100\"} 4\nsmtp_wait_microseconds_bucket{verb=\"MAIL\",le=\"+Inf\"} 4\n\
             smtp_wait_microseconds_sum{verb=\"MAIL\"} 200\nsmtp_wait_microseconds_count{verb=\"MAIL\"} 4\n",
        )
        .unwrap();
        let overview = Overview::new(&LAYOUT, &scrape);
        let row = |name: &str, value| (name.to_owned(), value);
        let verbs = [row("RCPT", 7.0), row("DATA", 0.0), row("QUIT", 1.0), row("NOOP", 5.0)];
        assert_eq!(overview.columns[0][0].rows, verbs);
        let ends = [row("accepted", 4.0), row("rejected data", 1.0), row("octets", 100.0)];
        assert_eq!(overview.columns[1][0].rows, ends);
        assert_eq!(overview.connections, []);
        let octets: Vec<_> = overview.octets.iter().map(|s| (s.name.as_str(), s.count, s.share)).collect();
        assert_eq!(octets, [("parsed", 75.0, 0.75), ("starttls", 25.0, 0.25)]);
        let names: Vec<_> = overview.latencies.iter().map(|l| (l.name.as_str(), l.count, l.p50)).collect();
        assert_eq!(names, [("reply to MAIL", 4.0, 50.0), ("all", 4.0, 50.0)]);
    }
}
