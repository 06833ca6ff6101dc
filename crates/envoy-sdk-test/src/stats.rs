//! Envoy's statistics: what a module defined, and what it counted.

use std::collections::BTreeMap;

use envoy_sdk::Status;
use envoy_sdk::native_host::Answer;

use crate::process::Process;

/// The lowest two bits of an id say what it is; ids of each kind are counted on their own.
const ID_STEP: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn from_code(code: u32) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Histogram].get(code as usize).copied()
    }
}

/// The host's side of the metrics of one VM: ids are the VM's own, values are Envoy's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    /// Every definition made an id of its own, also for a name that was there before.
    names: BTreeMap<u32, (Kind, String)>,
    defined: [u32; 3],
    process: Process,
}

/// The values of all metrics of one Envoy.
#[derive(Debug, Default)]
pub(crate) struct StatStore {
    /// Gauges wrap around below 0, as Envoy's do.
    values: BTreeMap<(Kind, String), u64>,
    recorded: BTreeMap<String, Vec<u64>>,
}

impl StatStore {
    pub(crate) fn snapshot(&self) -> StatsSnapshot {
        StatsSnapshot { values: self.values.clone(), recorded: self.recorded.clone() }
    }
}

impl Metrics {
    pub(crate) fn new(process: Process) -> Self {
        Self { process, ..Self::default() }
    }

    pub(crate) fn define(&mut self, kind: u32, name: &[u8]) -> Answer<u32> {
        let known = Kind::from_code(kind).ok_or(Status::BAD_ARGUMENT)?;
        let name = String::from_utf8_lossy(name).into_owned();
        let count = &mut self.defined[kind as usize];
        *count += 1;
        let id = *count * ID_STEP + kind;
        let mut store = self.process.stats();
        match known {
            Kind::Histogram => drop(store.recorded.entry(name.clone()).or_default()),
            Kind::Counter | Kind::Gauge => drop(store.values.entry((known, name.clone())).or_default()),
        }
        drop(store);
        self.names.insert(id, (known, name));
        Ok(id)
    }

    pub(crate) fn increment(&mut self, id: u32, offset: i64) -> Answer<()> {
        // Neither a histogram nor an id of no kind at all can be incremented, defined or not.
        if id % ID_STEP >= Kind::Histogram as u32 {
            return Err(Status::BAD_ARGUMENT);
        }
        let series = self.names.get(&id).ok_or(Status::NOT_FOUND)?;
        if series.0 == Kind::Counter && offset <= 0 {
            return Err(Status::BAD_ARGUMENT);
        }
        let mut store = self.process.stats();
        let value = store.values.entry(series.clone()).or_default();
        *value = value.wrapping_add_signed(offset);
        Ok(())
    }

    pub(crate) fn record(&mut self, id: u32, value: u64) -> Answer<()> {
        let (kind, name) = self.names.get(&id).ok_or(Status::NOT_FOUND)?;
        let mut store = self.process.stats();
        match kind {
            Kind::Histogram => store.recorded.entry(name.clone()).or_default().push(value),
            Kind::Counter => *store.values.entry((*kind, name.clone())).or_default() += value,
            Kind::Gauge => drop(store.values.insert((*kind, name.clone()), value)),
        }
        Ok(())
    }

    pub(crate) fn get(&self, id: u32) -> Answer<u64> {
        if id % ID_STEP >= Kind::Histogram as u32 {
            return Err(Status::BAD_ARGUMENT);
        }
        let series = self.names.get(&id).ok_or(Status::NOT_FOUND)?;
        Ok(self.process.stats().values.get(series).copied().unwrap_or_default())
    }

    pub(crate) fn snapshot(&self) -> StatsSnapshot {
        self.process.stats().snapshot()
    }
}

/// Envoy's statistics at one moment.
///
/// A stat is asked for by its full name, or, with [`total`](Self::total) and its sisters, as Prometheus
/// shows it: metric name and labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsSnapshot {
    values: BTreeMap<(Kind, String), u64>,
    recorded: BTreeMap<String, Vec<u64>>,
}

impl StatsSnapshot {
    /// The value of a counter by its full stat name; 0 when nobody has defined it.
    pub fn counter(&self, name: &str) -> u64 {
        self.values.get(&(Kind::Counter, name.to_owned())).copied().unwrap_or_default()
    }

    /// The value of a gauge by its full stat name; 0 when nobody has defined it. Envoy shows a negative one
    /// as a huge number.
    pub fn gauge(&self, name: &str) -> i64 {
        self.values.get(&(Kind::Gauge, name.to_owned())).copied().unwrap_or_default().cast_signed()
    }

    /// The values recorded in a histogram, in order, by its full stat name.
    pub fn histogram(&self, name: &str) -> &[u64] {
        self.recorded.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether somebody has defined a stat of this full name.
    pub fn defines(&self, name: &str) -> bool {
        self.names().any(|defined| defined == name)
    }

    /// The full names of all stats: counters, gauges, histograms.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(|(_, name)| name.as_str()).chain(self.recorded.keys().map(String::as_str))
    }

    /// The sum of all counters that Prometheus would show under this name with these labels among theirs:
    /// `total("smtp_commands_total", &[("verb", "RCPT")])`.
    pub fn total(&self, metric: &str, labels: &[(&str, &str)]) -> u64 {
        self.matching(Kind::Counter, metric, labels).sum()
    }

    /// The sum of all gauges that Prometheus would show under this name with these labels among theirs.
    pub fn gauge_total(&self, metric: &str, labels: &[(&str, &str)]) -> i64 {
        self.matching(Kind::Gauge, metric, labels).map(u64::cast_signed).sum()
    }

    /// The values recorded in all histograms of this name with these labels among theirs, histogram by histogram.
    pub fn recorded(&self, metric: &str, labels: &[(&str, &str)]) -> Vec<u64> {
        let series = self.recorded.iter().filter(|(name, _)| matches(name, metric, labels));
        series.flat_map(|(_, values)| values).copied().collect()
    }

    fn matching(&self, kind: Kind, metric: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = u64> {
        self.values
            .iter()
            .filter(move |((of, name), _)| *of == kind && matches(name, metric, labels))
            .map(|(_, value)| *value)
    }
}

/// Whether the stat name is what tag rules turn into this metric with these labels.
fn matches(name: &str, metric: &str, labels: &[(&str, &str)]) -> bool {
    let mut parts = name.split(";.;").collect::<Vec<_>>();
    let Some(last) = parts.pop() else { return false };
    let Some((filter, first)) = parts.first().and_then(|part| part.split_once('.')) else {
        return labels.is_empty() && name.replace('.', "_") == metric;
    };
    let present = std::iter::once(first).chain(parts.iter().skip(1).copied());
    let present = present.filter_map(|label| label.split_once("=.=")).collect::<Vec<_>>();
    format!("{filter}_{}", last.replace('.', "_")) == metric
        && labels.iter().all(|label| present.contains(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Envoy 1.36.2 and 1.40.0 answered.
    #[test]
    fn ids_are_new_each_time_and_carry_their_kind() {
        let mut metrics = Metrics::default();
        let ids = [(0, "c"), (0, "c"), (1, "g"), (2, "h")]
            .map(|(kind, name)| metrics.define(kind, name.as_bytes()));
        assert_eq!(ids, [Ok(4), Ok(8), Ok(5), Ok(6)]);
        assert_eq!(metrics.define(9, b"x"), Err(Status::BAD_ARGUMENT));
        assert_eq!((metrics.increment(4, 1), metrics.increment(8, 1)), (Ok(()), Ok(())));
        assert_eq!(metrics.snapshot().counter("c"), 2, "two ids of one name are one counter");
    }

    #[test]
    fn increments_of_counters_are_positive_and_of_histograms_impossible() {
        let mut metrics = Metrics::default();
        let (counter, gauge) = (metrics.define(0, b"c").unwrap(), metrics.define(1, b"g").unwrap());
        let histogram = metrics.define(2, b"h").unwrap();
        let refused = Err(Status::BAD_ARGUMENT);
        assert_eq!((metrics.increment(counter, 0), metrics.increment(counter, -1)), (refused, refused));
        assert_eq!((metrics.increment(gauge, 0), metrics.increment(gauge, -1)), (Ok(()), Ok(())));
        assert_eq!(metrics.snapshot().gauge("g"), -1);
        assert_eq!(metrics.increment(histogram, 1), refused);
        assert_eq!((metrics.increment(40, 1), metrics.increment(42, 1)), (Err(Status::NOT_FOUND), refused));
        assert_eq!((metrics.get(40), metrics.get(43)), (Err(Status::NOT_FOUND), Err(Status::BAD_ARGUMENT)));
    }

    #[test]
    fn recording_adds_sets_or_records() {
        let mut metrics = Metrics::default();
        for kind in 0..3 {
            let id = metrics.define(kind, b"x").unwrap();
            assert_eq!((metrics.record(id, 5), metrics.record(id, 3)), (Ok(()), Ok(())));
        }
        let stats = metrics.snapshot();
        assert_eq!((stats.counter("x"), stats.gauge("x"), stats.histogram("x")), (8, 3, &[5, 3][..]));
        assert_eq!(metrics.record(43, 1), Err(Status::NOT_FOUND));
    }

    #[test]
    fn totals_are_asked_for_as_in_prometheus() {
        let mut metrics = Metrics::default();
        for (name, value) in [
            ("smtp.stat_prefix=.=mx;.;verb=.=RCPT;.;commands_total", 3),
            ("smtp.stat_prefix=.=mx;.;verb=.=MAIL;.;commands_total", 2),
            ("smtp.stat_prefix=.=mx;.;verb=.=MAIL;.;replies_total", 7),
            ("plain.name", 1),
        ] {
            let id = metrics.define(0, name.as_bytes()).unwrap();
            metrics.increment(id, value).unwrap();
        }
        let stats = metrics.snapshot();
        assert_eq!(stats.total("smtp_commands_total", &[]), 5);
        assert_eq!(stats.total("smtp_commands_total", &[("verb", "RCPT"), ("stat_prefix", "mx")]), 3);
        assert_eq!(stats.total("smtp_commands_total", &[("verb", "DATA")]), 0);
        assert_eq!(stats.total("plain_name", &[]), 1);
        assert!(stats.defines("plain.name") && !stats.defines("plain_name"));
    }
}
