//! How the numbers changed over the last minutes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use envoy_runner::{Histogram, Scrape};

use super::state::Sample;
use crate::display::{Layout, Shows, by_labels, open_connections};

/// How often a sample is taken.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// How many samples are kept: five minutes.
pub(super) const KEPT: usize = 300;

/// A rate is what was counted over this long.
const RATE_OVER: Duration = Duration::from_secs(10);

/// Quantiles are of what was observed over this long.
const QUANTILES_OVER: Duration = Duration::from_secs(15);

/// So many lines of a chart are told apart, those that have counted most; what the others count is added up.
const LINES: usize = 5;

/// What the line of the others is called.
const OTHERS: &str = "others";

const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];

/// The charts' values, sample by sample.
#[derive(Debug)]
pub(super) struct History {
    layout: &'static Layout,
    /// What was read, for as far back as something is reckoned from; the oldest first.
    read: VecDeque<(Duration, Vec<Reading>)>,
    samples: VecDeque<Arc<Sample>>,
}

/// What a chart is reckoned from.
#[derive(Clone, Debug)]
enum Reading {
    Counters(BTreeMap<String, f64>),
    Histogram(Histogram),
    Gauge(f64),
}

impl History {
    pub(super) fn of(layout: &'static Layout) -> Self {
        Self { layout, read: VecDeque::new(), samples: VecDeque::new() }
    }

    /// Whether it is time for the next sample, so long after the beginning.
    pub(super) fn is_due(&self, elapsed: Duration) -> bool {
        self.read.back().is_none_or(|(last, _)| elapsed >= *last + EVERY)
    }

    /// Takes a sample.
    pub(super) fn take(&mut self, look: u64, elapsed: Duration, scrape: &Scrape) {
        let now: Vec<Reading> =
            self.layout.charts.iter().map(|chart| self.reading(chart.shows, scrape)).collect();
        let charts =
            now.iter().enumerate().map(|(index, reading)| self.values(index, reading, elapsed)).collect();
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.samples.push_back(Arc::new(Sample { look, elapsed: elapsed_ms, charts }));
        if self.samples.len() > KEPT {
            self.samples.pop_front();
        }
        self.read.push_back((elapsed, now));
        // One is kept from before the longest window: that is where it begins.
        while self.read.get(1).is_some_and(|(time, _)| *time + QUANTILES_OVER <= elapsed) {
            self.read.pop_front();
        }
    }

    /// All samples, the oldest first.
    pub(super) fn samples(&self) -> Vec<Arc<Sample>> {
        self.samples.iter().cloned().collect()
    }

    fn reading(&self, shows: Shows, scrape: &Scrape) -> Reading {
        let name = |metric: &str| format!("{}_{metric}", self.layout.filter);
        match shows {
            Shows::Rate { metric, label } | Shows::Octets { metric, label } => {
                Reading::Counters(by_labels(scrape, &name(metric), &[label]))
            }
            Shows::Quantiles { metric } => {
                Reading::Histogram(scrape.histogram(&name(metric), &[]).unwrap_or_default())
            }
            Shows::OpenConnections => Reading::Gauge(open_connections(self.layout.filter, scrape)),
        }
    }

    /// The values of a chart's lines. A rate that nothing has been counted of yet has no line; without an observation in
    /// the window there are no quantiles.
    fn values(&self, chart: usize, now: &Reading, elapsed: Duration) -> BTreeMap<String, f64> {
        match now {
            Reading::Gauge(value) => BTreeMap::from([("open".to_owned(), *value)]),
            Reading::Counters(counters) => {
                let (since, Some(Reading::Counters(before))) = self.before(chart, elapsed, RATE_OVER) else {
                    return BTreeMap::new();
                };
                rates(before, counters, elapsed - since)
            }
            Reading::Histogram(histogram) => {
                let (_, Some(Reading::Histogram(before))) = self.before(chart, elapsed, QUANTILES_OVER)
                else {
                    return BTreeMap::new();
                };
                let observed = histogram.since(before);
                let value = |(name, q): (&str, f64)| Some((name.to_owned(), observed.quantile(q)?));
                QUANTILES.into_iter().filter_map(value).collect()
            }
        }
    }

    /// What a chart read at the beginning of a window that ends now, and when: at most that long ago, but for the first
    /// sample before it.
    fn before(&self, chart: usize, elapsed: Duration, window: Duration) -> (Duration, Option<&Reading>) {
        let is_inside = |time: &Duration| *time + window >= elapsed;
        let first = self.read.iter().find(|(time, _)| is_inside(time)).or(self.read.back());
        first.map_or((elapsed, None), |(time, readings)| (*time, readings.get(chart)))
    }
}

/// How often per second each counter counted in that time.
fn rates(
    before: &BTreeMap<String, f64>,
    now: &BTreeMap<String, f64>,
    time: Duration,
) -> BTreeMap<String, f64> {
    let rate = |name: &str| {
        let [now, before] = [now, before].map(|counts| counts.get(name).unwrap_or(&0.0));
        (now - before) / time.as_secs_f64().max(f64::MIN_POSITIVE)
    };
    let mut counted: Vec<(&String, &f64)> = now.iter().filter(|(_, count)| **count > 0.0).collect();
    counted.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let (most, others) = counted.split_at(counted.len().min(LINES));
    let mut rates: BTreeMap<String, f64> =
        most.iter().map(|(name, _)| ((*name).clone(), rate(name))).collect();
    if !others.is_empty() {
        rates.insert(OTHERS.to_owned(), others.iter().map(|(name, _)| rate(name)).sum());
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Chart;

    const LAYOUT: Layout = Layout {
        filter: "smtp",
        columns: &[],
        latencies: &[],
        charts: &[
            Chart::rate("Mails", "mails_total", "outcome"),
            Chart::quantiles("Waiting", "wait_microseconds"),
            Chart::CONNECTIONS,
        ],
    };

    fn scrape(accepted: u32, below_10: u32, below_100: u32) -> Scrape {
        Scrape::parse(&format!(
            "smtp_mails_total{{outcome=\"accepted\"}} {accepted}\nsmtp_mails_total{{outcome=\"lost\"}} 0\n\
             smtp_connections_opened_total{{}} {accepted}\nsmtp_connections_closed_total{{ending=\"quit\"}} 1\n\
             # TYPE smtp_wait_microseconds histogram\nsmtp_wait_microseconds_bucket{{le=\"10\"}} {below_10}\n\
             smtp_wait_microseconds_bucket{{le=\"100\"}} {below_100}\n\
             smtp_wait_microseconds_bucket{{le=\"+Inf\"}} {below_100}\n\
             smtp_wait_microseconds_sum{{}} 1\nsmtp_wait_microseconds_count{{}} {below_100}\n"
        ))
        .unwrap()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn rates_and_quantiles_are_of_the_last_seconds() {
        let mut history = History::of(&LAYOUT);
        history.take(1, seconds(0), &scrape(2, 0, 0));
        assert!(!history.is_due(Duration::from_millis(900)) && history.is_due(seconds(1)));
        for second in 1..=10 {
            // Four mails a second, each waited for less than 10 µs; from the seventh second on, two and longer.
            let slow = second.max(6) - 6;
            let fast = 4 * (second - slow);
            history.take(
                u64::from(second) + 1,
                seconds(u64::from(second)),
                &scrape(2 + fast + 2 * slow, fast, fast + 2 * slow),
            );
        }
        let samples = history.samples();
        assert!(samples[0].charts[0].is_empty(), "there is no rate at the beginning");
        assert_eq!(
            samples[6].charts[0],
            BTreeMap::from([("accepted".to_owned(), 4.0)]),
            "none is lost, so no line"
        );
        assert_eq!(samples[10].charts[0]["accepted"], (6.0 * 4.0 + 4.0 * 2.0) / 10.0);
        assert_eq!(samples[6].charts[1]["p50"], 5.0);
        assert!(samples[10].charts[1]["p99"] > 90.0 && samples[10].charts[1]["p50"] < 10.0);
        assert_eq!(samples[6].charts[2], BTreeMap::from([("open".to_owned(), 25.0)]));
    }

    #[test]
    fn of_many_lines_the_small_ones_are_added_up() {
        let mut history = History::of(&LAYOUT);
        for factor in 0..2 {
            let lines = (1..=8).map(|n| format!("smtp_mails_total{{outcome=\"o{n}\"}} {}\n", n * factor));
            let scrape = Scrape::parse(&lines.collect::<String>()).unwrap();
            history.take(factor, seconds(factor), &scrape);
        }
        let values = &history.samples()[1].charts[0];
        assert_eq!(
            values.keys().map(String::as_str).collect::<Vec<_>>(),
            ["o4", "o5", "o6", "o7", "o8", "others"]
        );
        assert_eq!((values["o8"], values["others"]), (8.0, 6.0));
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let mut history = History::of(&LAYOUT);
        for second in 0..KEPT as u64 + 60 {
            history.take(second, seconds(second), &scrape(1, 1, 1));
        }
        assert_eq!(history.samples().len(), KEPT);
        assert_eq!(history.samples()[0].look, 60);
        assert_eq!(history.read.len(), 16);
        assert!(history.samples()[299].charts[1].is_empty(), "nothing was observed lately");
    }
}
