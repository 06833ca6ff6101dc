//! What a unit of work costs Envoy's worker, for each variant.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use envoy_runner::Scrape;
use serde::{Deserialize, Serialize};

use super::lanes::Lanes;
use super::load::{Done, Load, Target};
use super::rounds::{Effort, Ratios, alternate, ratios, spread};
use super::statistics::Spread;
use super::variant::Variant;
use crate::filters::Filter;

/// Runs of each variant before anything is measured: V8 compiles a function anew once it has run often enough.
const WARM_UP: u32 = 2;

/// What a unit of work costs Envoy's worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The load, as the command line names it: `smtp-1k-data`.
    pub load: String,
    /// The same in words.
    pub title: String,
    /// What one unit of work is.
    pub unit: String,
    /// Units of work that went through each variant, warm-up included; the filter counted as many.
    pub units: u64,
    /// CPU time of the worker per unit without a filter, in microseconds. For orientation: it is of this machine, in this
    /// hour.
    pub no_filter_microseconds: Spread,
    /// The variants' costs.
    pub ratios: Vec<Ratios>,
    /// What the filter may cost, and whether it does not cost more.
    pub verdicts: Vec<Verdict>,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose cost.
    pub variant: Variant,
    /// The most that it may be, as a multiple of the empty Wasm filter's.
    pub at_most: f64,
    /// Whether the median is not above that.
    pub met: bool,
    /// Whether the interval around the median lies on one side of the target.
    pub sure: bool,
}

impl Verdict {
    fn of(target: Target, ratios: &[Ratios]) -> Option<Self> {
        let spread = ratios.iter().find(|one| one.variant == target.variant)?.to_empty;
        let met = |ratio: f64| ratio <= target.at_most;
        Some(Self {
            variant: target.variant,
            at_most: target.at_most,
            met: met(spread.median),
            sure: met(spread.low) == met(spread.high),
        })
    }
}

/// Measures one load.
///
/// # Errors
/// When the load fails, or the filter did not count what went through it.
pub(super) fn measure(
    lanes: &Lanes,
    filter: &Filter,
    load: &Load,
    variants: &[Variant],
    effort: Effort,
) -> Result<Cost> {
    let before = lanes.statistics()?;
    let mut done: BTreeMap<Variant, Done> = BTreeMap::new();
    let mut once = |variant: Variant| {
        let server = lanes.address(variant)?;
        let (cpu, one) = lanes
            .cpu_of(|| (load.run)(server))
            .with_context(|| format!("{} through {}", load.name, variant.name()))?;
        ensure!(one.units > 0, "{} did nothing", load.name);
        let sum = done.entry(variant).or_default();
        *sum = sum.and(one);
        Ok([cpu.as_nanos() as f64 / 1000.0 / one.units as f64])
    };
    for _ in 0..WARM_UP {
        variants.iter().try_for_each(|variant| once(*variant).map(drop))?;
    }
    let rounds = alternate(variants, effort, once)?;
    check(filter, load, &done, &before, &lanes.statistics()?)?;
    let ratios = ratios(variants, &rounds, 0).context("a variant cost nothing")?;
    let bare = spread(variants, &rounds, Variant::NoFilter, 0).context("no base")?;
    Ok(Cost {
        load: load.name.to_owned(),
        title: load.title.to_owned(),
        unit: load.unit.to_owned(),
        units: done.get(&Variant::NoFilter).map_or(0, |done| done.units),
        no_filter_microseconds: bare,
        verdicts: load.targets.iter().filter_map(|target| Verdict::of(*target, &ratios)).collect(),
        ratios,
    })
}

/// What the filter counted has to be what was done through it: a cost of something else would be worth nothing.
fn check(
    filter: &Filter,
    load: &Load,
    done: &BTreeMap<Variant, Done>,
    before: &Scrape,
    after: &Scrape,
) -> Result<()> {
    for variant in Variant::FILTERED {
        let Some(done) = done.get(&variant) else { continue };
        let more = |metric: &str, labels: &[(&str, &str)]| {
            let name = format!("{}_{metric}", filter.name);
            let labels = [labels, &[("stat_prefix", variant.name())]].concat();
            after.counter(&name, &labels) - before.counter(&name, &labels)
        };
        let (metric, labels) = load.counted_as;
        // Without looking at data there is nothing to count but connections.
        let units = if variant == Variant::Off { 0 } else { done.units };
        for (what, counted, expected) in [
            ("connections", more("connections_opened_total", &[]), done.connections),
            (metric, more(metric, labels), units),
        ] {
            ensure!(
                counted == expected as f64,
                "{}: the filter ({}) counted {counted} {what}, {expected} went through it",
                load.name,
                variant.name()
            );
        }
    }
    Ok(())
}
