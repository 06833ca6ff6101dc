//! Where counts go.

use std::collections::BTreeMap;

use crate::{Counter, Gauge, Histogram, Labels, Metric, StatName};

/// Takes counts: Envoy's statistics behind a filter, a [`Tally`] in a test or a native replay.
pub trait Recorder {
    /// Raises a counter.
    fn add<L: Labels>(&mut self, counter: &Counter<L>, labels: L, amount: u64);

    /// Changes a gauge by a difference.
    fn shift<L: Labels>(&mut self, gauge: &Gauge<L>, labels: L, difference: i64);

    /// Records one value of a distribution.
    fn record<L: Labels>(&mut self, histogram: &Histogram<L>, labels: L, value: u64);
}

/// Counts in memory, by stat name without the filter's own segment: `verb=.=RCPT;.;commands_total`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Counters and gauges; a series appears when it is first touched.
    pub values: BTreeMap<String, i64>,
    /// Every value recorded, in order, by histogram.
    pub histograms: BTreeMap<String, Vec<u64>>,
}

impl Tally {
    /// The value of one counter or gauge; 0 when it was never touched.
    pub fn value<M: Metric>(&self, metric: &M, labels: M::Labels) -> i64 {
        self.values.get(&name(metric, labels)).copied().unwrap_or(0)
    }

    /// The sum over all series of a counter or gauge.
    pub fn sum<M: Metric>(&self, metric: &M) -> i64 {
        (0..M::Labels::SERIES).filter_map(|series| self.values.get(&series_name(metric, series))).sum()
    }

    /// The values recorded in one histogram.
    pub fn recorded<M: Metric>(&self, metric: &M, labels: M::Labels) -> &[u64] {
        self.histograms.get(&name(metric, labels)).map_or(&[], Vec::as_slice)
    }
}

impl Recorder for Tally {
    fn add<L: Labels>(&mut self, counter: &Counter<L>, labels: L, amount: u64) {
        *self.values.entry(name(counter, labels)).or_default() += i64::try_from(amount).unwrap_or(i64::MAX);
    }

    fn shift<L: Labels>(&mut self, gauge: &Gauge<L>, labels: L, difference: i64) {
        *self.values.entry(name(gauge, labels)).or_default() += difference;
    }

    fn record<L: Labels>(&mut self, histogram: &Histogram<L>, labels: L, value: u64) {
        self.histograms.entry(name(histogram, labels)).or_default().push(value);
    }
}

fn name<M: Metric>(metric: &M, labels: M::Labels) -> String {
    series_name(metric, labels.index())
}

fn series_name<M: Metric>(metric: &M, series: usize) -> String {
    let full = StatName { filter: "", common: &[], metric: metric.spec(), series }.to_string();
    full.trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Export, Level, label};

    label! { enum Verb: "verb" { Mail = "MAIL", Rcpt = "RCPT" } }

    const COMMANDS: Counter<Verb> = Counter::declare(0, "commands_total", "", Level::Summary, Export::OnUse);

    #[test]
    fn a_tally_keeps_series_apart() {
        let mut tally = Tally::default();
        tally.add(&COMMANDS, Verb::Rcpt, 2);
        tally.add(&COMMANDS, Verb::Mail, 1);
        assert_eq!(tally.value(&COMMANDS, Verb::Rcpt), 2);
        assert_eq!(tally.sum(&COMMANDS), 3);
        assert_eq!(tally.values.keys().next().map(String::as_str), Some("verb=.=MAIL;.;commands_total"));
    }
}
