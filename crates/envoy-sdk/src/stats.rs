//! Counting into Envoy's statistics.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use common_metrics::{
    Catalogue, Counter, Export, Gauge, Histogram, Kind, Labels, Level, Metric, MetricSpec, Recorder,
    StatName, is_label_value,
};

use crate::abi::host::{self, MetricKind};
use crate::catalogue::STATS_REFUSED;
use crate::error::{Context as _, Error, Result};
use crate::vm::{self, Plugin};

/// Not defined in Envoy yet.
const UNDEFINED: u32 = u32::MAX;
/// Envoy refused to define it; it is not asked again.
const REFUSED: u32 = u32::MAX - 1;
/// The metric is not exported at this level.
const INACTIVE: usize = usize::MAX;
/// Changes for which room is kept: callbacks of usual size allocate nothing.
const KEPT_CHANGES: usize = 256;
/// So many changes are collected at most, whatever time they may wait.
const MOST_COLLECTED: usize = KEPT_CHANGES;
/// A tick that is late by so many times the delay will never come: Envoy was told not to call it.
const LATE: u64 = 20;

/// The metrics of one [`Catalogue`] with one set of common labels, ready to count.
///
/// Cheap to clone: all clones count into the same table. Counts are collected during a callback and given to
/// Envoy at its end, so that ten increments of one counter are one host call; or over all callbacks of a while
/// ([`CallbackContext::stats_collected_for`](crate::CallbackContext::stats_collected_for)). A metric above the
/// configured level costs one comparison.
///
/// ```
/// use envoy_sdk::metrics::{Level, Recorder as _, catalogue};
/// use envoy_sdk::{ConfigureContext, Result, Stats};
///
/// catalogue! {
///     /// What the gate counts.
///     static GATE: "gate" {
///         /// Requests refused.
///         counter REFUSED: () = "refused_total", Summary, FromStart;
///     }
/// }
///
/// fn configure(cx: &ConfigureContext<'_>) -> Result<Stats> {
///     let mut stats = cx.stats(&GATE, &[("stat_prefix", "mail")], Level::Summary)?;
///     stats.add(&REFUSED, (), 1); // gate_refused_total{stat_prefix="mail"}
///     Ok(stats)
/// }
/// ```
///
/// [The guide](crate::guides::share_statistics) has the whole way to Prometheus.
#[derive(Clone, Debug)]
pub struct Stats {
    table: Rc<Table>,
}

#[derive(Debug)]
struct Table {
    catalogue: &'static Catalogue,
    common: Vec<(&'static str, String)>,
    /// Per metric, by ordinal: where its series begin in `series`, or [`INACTIVE`].
    bases: Vec<usize>,
    series: Vec<Series>,
    /// What has changed and was not given to Envoy yet, in order.
    changes: RefCell<Vec<Change>>,
    delivery: Delivery,
    /// What was collected is not to wait any longer.
    due: Cell<bool>,
}

/// When Envoy is given what has changed.
#[derive(Debug)]
enum Delivery {
    /// At the end of the callback.
    AtOnce,
    /// When a timer of the plugin fires.
    Collected {
        plugin: Weak<Plugin>,
        delay: Duration,
        /// When the timer was set, in nanoseconds, while it waits.
        since: Cell<Option<u64>>,
        /// The timer cannot be set, or does not fire: everything is given at once.
        in_vain: Cell<bool>,
    },
}

#[derive(Debug)]
struct Series {
    metric: &'static MetricSpec,
    /// Envoy's id, or [`UNDEFINED`], or [`REFUSED`].
    id: Cell<u32>,
    /// The sum of the changes that Envoy was not given yet. Counters and gauges only.
    pending: Cell<i64>,
    /// Whether it stands among the changes.
    noted: Cell<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// The series has a pending sum.
    Add(usize),
    /// One value of a histogram.
    Record(usize, u64),
}

thread_local! {
    /// Tables with changes that Envoy was not given yet, or that a timer is set for: also when so many changes came
    /// before it that they could not wait.
    static CHANGED: RefCell<Vec<Rc<Table>>> = const { RefCell::new(Vec::new()) };
    /// Envoy's ids by stat name. Every definition makes a new id that is never freed, so a VM defines a name
    /// once, however often plugins are configured anew.
    static IDS: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
}

impl Stats {
    pub(crate) fn new(
        catalogue: &'static Catalogue,
        common: &[(&'static str, &str)],
        level: Level,
    ) -> Result<Self> {
        Self::delivered(Delivery::AtOnce, catalogue, common, level)
    }

    /// Statistics that are collected for so long, by a timer of this plugin.
    pub(crate) fn collected(
        plugin: &Rc<Plugin>,
        delay: Duration,
        catalogue: &'static Catalogue,
        common: &[(&'static str, &str)],
        level: Level,
    ) -> Result<Self> {
        let plugin = Rc::downgrade(plugin);
        let delivery =
            Delivery::Collected { plugin, delay, since: Cell::new(None), in_vain: Cell::new(false) };
        Self::delivered(delivery, catalogue, common, level)
    }

    fn delivered(
        delivery: Delivery,
        catalogue: &'static Catalogue,
        common: &[(&'static str, &str)],
        level: Level,
    ) -> Result<Self> {
        if let Some((name, value)) = common.iter().find(|(_, value)| !is_label_value(value)) {
            return Err(Error::new(format!("{name} {value:?}: 1 to 64 of A-Z a-z 0-9 _ - are allowed")));
        }
        let mut bases = Vec::new();
        let mut series = Vec::new();
        for metric in catalogue.metrics() {
            let active = metric.level <= level;
            bases.push(if active { series.len() } else { INACTIVE });
            if active {
                series.extend((0..metric.series()).map(|_| Series {
                    metric,
                    id: Cell::new(UNDEFINED),
                    pending: Cell::new(0),
                    noted: Cell::new(false),
                }));
            }
        }
        let common = common.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let table = Table {
            catalogue,
            common,
            bases,
            series,
            changes: RefCell::default(),
            delivery,
            due: Cell::new(false),
        };
        for (index, series) in table.series.iter().enumerate() {
            if series.metric.export == Export::FromStart || !host::DEFINES_METRICS_LATER {
                table.id(index, series).context(format!("define metric {}", series.metric.name))?;
            }
        }
        Ok(Self { table: Rc::new(table) })
    }

    /// Adds to a counter.
    pub fn add<L: Labels>(&mut self, counter: &Counter<L>, labels: L, amount: u64) {
        self.sum(counter, labels, i64::try_from(amount).unwrap_or(i64::MAX));
    }

    /// Moves a gauge up or down. It is one value for all workers, so it is never set.
    pub fn shift<L: Labels>(&mut self, gauge: &Gauge<L>, labels: L, difference: i64) {
        self.sum(gauge, labels, difference);
    }

    /// Puts a value into a histogram.
    pub fn record<L: Labels>(&mut self, histogram: &Histogram<L>, labels: L, value: u64) {
        if let Some((index, _)) = self.table.series(histogram, labels) {
            self.change(Change::Record(index, value));
        }
    }

    /// Gives Envoy what has been collected when this callback ends, however short it has waited; see
    /// [`CallbackContext::stats_collected_for`](crate::CallbackContext::stats_collected_for). For when something is over that somebody
    /// may want to look at.
    pub fn deliver(&mut self) {
        self.table.due.set(true);
    }

    fn change(&self, change: Change) {
        let mut changes = self.table.changes.borrow_mut();
        if changes.is_empty() && !self.table.awaits_timer() {
            CHANGED.with(|changed| changed.borrow_mut().push(Rc::clone(&self.table)));
        }
        changes.push(change);
    }

    fn sum<M: Metric>(&self, metric: &M, labels: M::Labels, difference: i64) {
        let Some((index, series)) = self.table.series(metric, labels) else { return };
        series.pending.set(series.pending.get().saturating_add(difference));
        if !series.noted.replace(true) {
            self.change(Change::Add(index));
        }
    }
}

impl Stats {
    /// Whether both count into the same table.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.table, &other.table)
    }
}

impl Recorder for Stats {
    fn add<L: Labels>(&mut self, counter: &Counter<L>, labels: L, amount: u64) {
        Self::add(self, counter, labels, amount);
    }

    fn shift<L: Labels>(&mut self, gauge: &Gauge<L>, labels: L, difference: i64) {
        Self::shift(self, gauge, labels, difference);
    }

    fn record<L: Labels>(&mut self, histogram: &Histogram<L>, labels: L, value: u64) {
        Self::record(self, histogram, labels, value);
    }
}

impl Table {
    fn series<M: Metric>(&self, metric: &M, labels: M::Labels) -> Option<(usize, &Series)> {
        let base = self.bases.get(metric.ordinal()).copied().filter(|base| *base != INACTIVE)?;
        let index = base.checked_add(labels.index())?;
        Some((index, self.series.get(index)?))
    }

    /// Envoy's id of a series, defined if it was not yet; `None` if Envoy has refused it.
    fn id(&self, index: usize, series: &Series) -> Result<Option<u32>> {
        match series.id.get() {
            REFUSED => Ok(None),
            UNDEFINED => self.define(index),
            id => Ok(Some(id)),
        }
    }

    #[cold]
    fn define(&self, index: usize) -> Result<Option<u32>> {
        let Some(series) = self.series.get(index) else { return Ok(None) };
        // The first series of the same metric tells how far into the metric this one is.
        let first =
            self.series.iter().position(|other| std::ptr::eq(other.metric, series.metric)).unwrap_or(index);
        let common: Vec<_> = self.common.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let name = StatName {
            filter: self.catalogue.filter,
            common: &common,
            metric: series.metric,
            series: index.saturating_sub(first),
        }
        .to_string();
        let kind = match series.metric.kind {
            Kind::Counter => MetricKind::Counter,
            Kind::Gauge => MetricKind::Gauge,
            Kind::Histogram => MetricKind::Histogram,
        };
        let id = IDS.with(|ids| match ids.borrow().get(&name) {
            Some(id) => Ok(*id),
            None => host::define_metric(kind, &name),
        });
        match id {
            Ok(id) => {
                IDS.with(|ids| ids.borrow_mut().insert(name, id));
                series.id.set(id);
                Ok(Some(id))
            }
            Err(error) => {
                series.id.set(REFUSED);
                Err(error.into())
            }
        }
    }

    /// Whether what has changed may wait; sets the timer that it waits for.
    fn can_wait(&self) -> bool {
        let Delivery::Collected { plugin, delay, since, in_vain } = &self.delivery else { return false };
        if in_vain.get() || self.due.get() || self.changes.borrow().len() >= MOST_COLLECTED {
            return false;
        }
        if since.get().is_some() {
            return true;
        }
        let set = plugin.upgrade().and_then(|plugin| plugin.deliver_statistics_in(*delay));
        in_vain.set(set.is_none());
        since.set(set);
        set.is_some()
    }

    fn awaits_timer(&self) -> bool {
        matches!(&self.delivery, Delivery::Collected { since, .. } if since.get().is_some())
    }

    /// The timer has fired, or never will.
    fn fired(&self, of: &Plugin) {
        if let Delivery::Collected { plugin, since, .. } = &self.delivery
            && std::ptr::eq(plugin.as_ptr(), of)
        {
            since.set(None);
        }
    }

    /// Stops waiting for a timer that should have fired long ago.
    fn look_at_the_clock(&self) {
        if let Delivery::Collected { delay, since, in_vain, .. } = &self.delivery
            && let Some(set) = since.get()
        {
            let longest = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX).saturating_mul(LATE);
            if host::now().is_ok_and(|now| now > set.saturating_add(longest)) {
                in_vain.set(true);
                since.set(None);
            }
        }
    }

    /// Gives Envoy what has changed. Returns how many host calls it refused.
    fn flush(&self) -> u64 {
        self.due.set(false);
        let mut changes = self.changes.take();
        let refused = changes.drain(..).map(|change| u64::from(self.give(change).is_err())).sum();
        if changes.capacity() <= KEPT_CHANGES {
            self.changes.replace(changes);
        }
        refused
    }

    fn give(&self, change: Change) -> Result<()> {
        let (Change::Add(index) | Change::Record(index, _)) = change;
        let Some(series) = self.series.get(index) else { return Ok(()) };
        match change {
            Change::Record(_, value) => match self.id(index, series)? {
                Some(id) => Ok(host::record_metric(id, value)?),
                None => Ok(()),
            },
            Change::Add(_) => {
                series.noted.set(false);
                let pending = series.pending.take();
                match self.id(index, series)? {
                    // Envoy refuses a counter's increment of 0 or less; a gauge's 0 changes nothing.
                    Some(id) if pending != 0 => Ok(host::increment_metric(id, pending)?),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The end of a callback: gives Envoy all changes that are not to wait.
pub(crate) fn flush() {
    count_refused(give_unless(Table::can_wait));
}

/// The timer of this plugin has fired, or the plugin goes: gives Envoy what has waited for it.
pub(crate) fn flush_collected(plugin: &Plugin) {
    CHANGED.with_borrow(|tables| tables.iter().for_each(|table| table.fired(plugin)));
    count_refused(give_unless(|_| false));
}

/// The end of a stream: what waits longer than it should is given, and waits no more.
pub(crate) fn flush_overdue() {
    CHANGED.with_borrow(|tables| tables.iter().for_each(|table| table.look_at_the_clock()));
    flush();
}

/// Gives Envoy what has changed in each table that does not wait. Returns how many host calls it refused.
fn give_unless(waits: impl Fn(&Table) -> bool) -> u64 {
    let mut tables = CHANGED.with(RefCell::take);
    let mut refused = 0_u64;
    tables.retain(|table| {
        let stays = waits(table);
        if !stays {
            refused = refused.saturating_add(table.flush());
        }
        stays || table.awaits_timer()
    });
    CHANGED.with(|changed| changed.replace(tables));
    refused
}

fn count_refused(refused: u64) {
    if refused > 0
        && let Some(mut counts) = vm::current_counts()
    {
        counts.add(&STATS_REFUSED, (), refused);
        // Where Envoy refuses that as well, there is nobody to tell.
        give_unless(Table::can_wait);
    }
}

/// Forgets Envoy's ids: another VM begins in this thread.
pub(crate) fn reset() {
    CHANGED.with(RefCell::take);
    IDS.with(RefCell::take);
}
