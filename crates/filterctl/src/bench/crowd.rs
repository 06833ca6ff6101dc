//! Whether a connection, and an operation, cost the same however many connections there are.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::dialogue::{Client, Dialogue};
use super::ground::Ground;
use super::lanes::Lanes;
use super::open_files;
use super::responder::Responder;
use super::rounds::{Effort, Ratios, alternate, ratios, spread};
use super::statistics::Spread;
use super::variant::Variant;

/// What is compared.
const VARIANTS: [Variant; 3] = [Variant::NoFilter, Variant::Empty, Variant::Summary];
/// Connections that are open at once.
const LEVELS: [u32; 4] = [1, 100, 1_000, 10_000];
/// Operations of a run, one after the other, over all its connections in turn: at least one for each.
const OPERATIONS: u32 = 2_000;
/// Connections of a run, at least: few are opened several times.
const CONNECTIONS: u32 = 100;

/// The cost with more and more connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crowd {
    /// The filter: `smtp`.
    pub filter: String,
    /// The cost at each number of connections.
    pub levels: Vec<CrowdLevel>,
}

/// The cost with so many connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrowdLevel {
    /// Open at once.
    pub connections: u32,
    /// What one connection costs: connecting, the opening, closing.
    pub per_connection: Vec<Ratios>,
    /// The same without a filter, in microseconds of the worker. For orientation.
    pub connection_microseconds: Spread,
    /// What one operation costs.
    pub per_operation: Vec<Ratios>,
    /// The same without a filter, in microseconds of the worker. For orientation.
    pub operation_microseconds: Spread,
}

/// Measures at each level, up to `most` connections. Each level gets `effort`.
///
/// # Errors
/// When a connection cannot be made or ends early.
pub(super) fn measure(ground: &Ground, dialogue: &Dialogue, most: u32, effort: Effort) -> Result<Crowd> {
    let most = open_files::connections(most)?;
    let responder = Responder::start(dialogue)?;
    let filter = dialogue.filter;
    let lanes =
        Lanes::open(ground, filter, &VARIANTS, responder.address(), &format!("crowd-{}", filter.name))?;
    let mut levels = Vec::new();
    let once = |variant, connections| run(&lanes, dialogue, variant, connections);
    VARIANTS.into_iter().try_for_each(|variant| once(variant, CONNECTIONS).map(drop))?;
    for connections in LEVELS.map(|level| level.min(most)) {
        if levels.iter().any(|level: &CrowdLevel| level.connections == connections) {
            continue;
        }
        let rounds = alternate(&VARIANTS, effort, |variant| once(variant, connections))?;
        let no_filter = |which| spread(&VARIANTS, &rounds, Variant::NoFilter, which).context("no rounds");
        let ratios = |which| ratios(&VARIANTS, &rounds, which).context("a variant cost nothing");
        levels.push(CrowdLevel {
            connections,
            per_connection: ratios(0)?,
            connection_microseconds: no_filter(0)?,
            per_operation: ratios(1)?,
            operation_microseconds: no_filter(1)?,
        });
    }
    lanes.close()?;
    Ok(Crowd { filter: filter.name.to_owned(), levels })
}

/// The worker's time for a connection and for an operation, in microseconds.
fn run(lanes: &Lanes, dialogue: &Dialogue, variant: Variant, connections: u32) -> Result<[f64; 2]> {
    let server = lanes.address(variant)?;
    let times = CONNECTIONS.div_ceil(connections);
    let operations_each = OPERATIONS.div_ceil(times * connections);
    let (mut of_connections, mut of_operations) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..times {
        let open = || (0..connections).map(|_| Client::open(server, dialogue)).collect();
        let (opening, mut clients): (_, Vec<Client<'_>>) = lanes.cpu_of(open)?;
        let (operating, ()) = lanes.cpu_of(|| {
            (0..operations_each).try_for_each(|_| clients.iter_mut().try_for_each(Client::operate))
        })?;
        let (closing, ()) = lanes.cpu_of(|| {
            drop(clients);
            Ok(())
        })?;
        of_connections += opening + closing;
        of_operations += operating;
    }
    let connections = times * connections;
    let operations = connections * operations_each * dialogue.operations;
    let each = |time: Duration, count: u32| time.as_nanos() as f64 / 1000.0 / f64::from(count);
    Ok([each(of_connections, connections), each(of_operations, operations)])
}
