//! Whether an operation costs the same however many there were before it in its connection.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::dialogue::{Client, Dialogue};
use super::ground::Ground;
use super::lanes::Lanes;
use super::responder::Responder;
use super::rounds::{Effort, Round, alternate, ratios};
use super::statistics::Spread;
use super::variant::Variant;

/// What is compared.
const VARIANTS: [Variant; 3] = [Variant::NoFilter, Variant::Empty, Variant::Summary];
/// The parts that the operations are counted in: the first and the last tenth are compared.
const PARTS: u32 = 50;

/// One connection with very many operations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The filter: `smtp`.
    pub filter: String,
    /// Operations of each connection.
    pub operations: u64,
    /// The filter's cost of an operation (summary), as a multiple of no filter, in the first tenth of the operations.
    pub first: Spread,
    /// The same in the last tenth.
    pub last: Spread,
    /// As `first`, as a multiple of the empty Wasm filter.
    pub first_to_empty: Spread,
    /// As `last`, as a multiple of the empty Wasm filter.
    pub last_to_empty: Spread,
    /// The median of the last tenth by that of the first: 1 is flat.
    pub growth: f64,
}

/// Does about so many operations, in one connection for each variant.
///
/// # Errors
/// When a connection ends early, or the filter did not count all operations.
pub(super) fn measure(ground: &Ground, dialogue: &Dialogue, operations: u32) -> Result<Series> {
    let responder = Responder::start(dialogue)?;
    let filter = dialogue.filter;
    let name = format!("series-{}", filter.name);
    let lanes = Lanes::open(ground, filter, &VARIANTS, responder.address(), &name)?;
    // Each part is done twice in a round, forwards and backwards.
    let batches = operations.div_ceil(PARTS * 2 * dialogue.operations).max(1);
    let effort = Effort { at_least: PARTS, at_most: PARTS, within: Duration::ZERO };
    let mut clients = BTreeMap::new();
    for variant in VARIANTS {
        clients.insert(variant, Client::open(lanes.address(variant)?, dialogue)?);
    }
    let rounds = alternate(&VARIANTS, effort, |variant| {
        let client = clients.get_mut(&variant).context("no connection")?;
        let (cpu, ()) = lanes.cpu_of(|| (0..batches).try_for_each(|_| client.operate()))?;
        Ok([cpu.as_nanos() as f64 / f64::from(batches * dialogue.operations)])
    })?;
    drop(clients);
    let operations = u64::from(PARTS * 2 * batches * dialogue.operations);
    let (metric, labels) = dialogue.counted_as;
    let metric = format!("{}_{metric}", filter.name);
    let labels = [labels, &[("stat_prefix", Variant::Summary.name())]].concat();
    let counted = lanes.statistics()?.counter(&metric, &labels);
    ensure!(counted == operations as f64, "the filter counted {counted} of {operations} operations");
    lanes.close()?;

    let tenth = rounds.len() / 10;
    let of = |rounds: &[Round<1>]| {
        let ratios = ratios(&VARIANTS, rounds, 0)?;
        let summary = ratios.iter().find(|one| one.variant == Variant::Summary)?;
        Some((summary.to_no_filter, summary.to_empty))
    };
    let (first, first_to_empty) = of(&rounds[..tenth]).context("a variant cost nothing")?;
    let (last, last_to_empty) = of(&rounds[rounds.len() - tenth..]).context("a variant cost nothing")?;
    Ok(Series {
        filter: filter.name.to_owned(),
        operations,
        first,
        last,
        first_to_empty,
        last_to_empty,
        growth: last.median / first.median,
    })
}
