//! Whether memory grows over time.

use std::time::Duration;

use envoy_runner::Memory;
use serde::Serialize;

/// What a guest may have grown by between the first third and the end, in octets: eight pages of Wasm. How many
/// connections a worker has at once is a matter of chance.
const GUEST_TOLERANCE: u64 = 8 * 64 * 1024;
/// The same for Envoy as a whole, whose allocator keeps what has been freed.
const ENVOY_TOLERANCE: u64 = 32 << 20;

/// Memory at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Level {
    /// Of all Wasm VMs together, in octets.
    pub(super) guests: u64,
    /// Of the largest one.
    pub(super) largest_guest: u64,
    /// How many VMs there are.
    pub(super) vms: usize,
    /// Of Envoy, VMs included, resident.
    pub(super) envoy: u64,
}

impl From<&Memory> for Level {
    fn from(memory: &Memory) -> Self {
        Self {
            guests: memory.guests_committed(),
            largest_guest: memory.guests.iter().map(|guest| guest.committed).max().unwrap_or_default(),
            vms: memory.guests.len(),
            envoy: memory.resident,
        }
    }
}

/// Memory before the load, after its first third, and at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Plateau {
    pub(super) before: Level,
    pub(super) first_third: Level,
    pub(super) end: Level,
}

impl Plateau {
    /// Notes a level; `passed` of `whole` is over.
    pub(super) fn note(&mut self, level: Level, passed: Duration, whole: Duration) {
        if passed * 3 <= whole {
            self.first_third = level;
        }
        self.end = level;
    }

    /// What is not flat.
    pub(super) fn problems(&self) -> Vec<String> {
        let Self { first_third, end, .. } = self;
        let mut problems = Vec::new();
        if end.vms == 0 {
            problems.push("no memory of a Wasm VM was found".to_owned());
        }
        let mut compare = |what: &str, then: u64, now: u64, tolerance: u64| {
            if now > then + tolerance {
                problems.push(format!("the memory of {what} has grown from {then} to {now} octets"));
            }
        };
        compare("a Wasm VM", first_third.largest_guest, end.largest_guest, GUEST_TOLERANCE);
        let all = GUEST_TOLERANCE * end.vms as u64;
        compare("all Wasm VMs", first_third.guests, end.guests, all);
        compare("Envoy", first_third.envoy, end.envoy, ENVOY_TOLERANCE);
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(guests: u64, envoy: u64) -> Level {
        Level { guests, largest_guest: guests, vms: 1, envoy }
    }

    fn problems(levels: &[(u64, Level)]) -> Vec<String> {
        let mut plateau = Plateau::default();
        for (second, level) in levels {
            plateau.note(*level, Duration::from_secs(*second), Duration::from_secs(30));
        }
        plateau.problems()
    }

    #[test]
    fn what_grows_in_the_first_third_only_is_flat() {
        let grown = level(10 << 20, 300 << 20);
        assert_eq!(
            problems(&[(0, level(1 << 20, 100 << 20)), (10, grown), (20, grown), (30, grown)]),
            [""; 0]
        );
    }

    #[test]
    fn what_grows_on_is_named() {
        let grown = |by: u64| level((10 << 20) + by, (300 << 20) + 64 * by);
        let said = problems(&[(10, grown(0)), (20, grown(1 << 19)), (30, grown(1 << 20))]);
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].contains("a Wasm VM has grown from 10485760 to 11534336"), "{said:?}");
        assert_eq!(problems(&[(10, Level::default())]), ["no memory of a Wasm VM was found"]);
    }
}
