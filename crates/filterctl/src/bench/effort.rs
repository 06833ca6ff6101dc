//! How much is done for each part.

use std::time::Duration;

use super::rounds::Effort;

/// How much is done for each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Efforts {
    /// For each load.
    pub(super) costs: Effort,
    /// For each latency.
    pub(super) latencies: Effort,
    /// For each number of connections.
    pub(super) crowds: Effort,
    /// Idle connections, and connections at the top level of `crowds`.
    pub(super) connections: u32,
    /// Operations of one connection in `series`.
    pub(super) operations: u32,
    /// Starts of each module.
    pub(super) starts: u32,
    /// Entries of the search whose copying is counted.
    pub(super) entries: u32,
    /// Rounds of `scanning`.
    pub(super) scans: u32,
}

impl Efforts {
    /// All parts together in ten minutes, on two cores.
    pub(super) const SHORT: Self = Self {
        costs: within(6, 400, 8),
        latencies: within(6, 400, 8),
        crowds: within(2, 100, 3),
        connections: 10_000,
        operations: 100_000,
        starts: 6,
        entries: 20_000,
        scans: 12,
    };

    /// As sure as it gets in about an hour.
    pub(super) const FULL: Self = Self {
        costs: within(20, 2_000, 90),
        latencies: within(20, 2_000, 60),
        crowds: within(6, 200, 60),
        connections: 10_000,
        operations: 1_000_000,
        starts: 20,
        entries: 100_000,
        scans: 40,
    };

    /// Exactly so many rounds of everything, and as little as possible else: to see that it works.
    pub(super) fn rounds(count: u32) -> Self {
        let effort = Effort { at_least: count, at_most: count, within: Duration::ZERO };
        Self {
            costs: effort,
            latencies: effort,
            crowds: effort,
            connections: 200,
            operations: 10_000,
            starts: count,
            entries: 1_000,
            scans: count,
        }
    }
}

const fn within(at_least: u32, at_most: u32, seconds: u64) -> Effort {
    Effort { at_least, at_most, within: Duration::from_secs(seconds) }
}
