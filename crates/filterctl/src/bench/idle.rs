//! What a connection keeps of memory while nothing happens on it.

use anyhow::{Result, ensure};
use envoy_runner::Memory;
use serde::{Deserialize, Serialize};

use super::dialogue::{Client, Dialogue};
use super::ground::Ground;
use super::lanes::Lanes;
use super::open_files;
use super::responder::Responder;
use super::variant::Variant;

/// What is compared. Each has an Envoy of its own: memory belongs to a process.
const VARIANTS: [Variant; 4] = [Variant::NoFilter, Variant::Empty, Variant::Summary, Variant::Detailed];
/// The most that an idle connection may keep of the guest's memory, in octets.
const GUEST_AT_MOST: f64 = 2048.0;
/// Connections that are opened and closed before anything is measured, so that what is made once is there.
const WARM_UP: u32 = 100;

/// Idle connections, after their greeting or bind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// The filter: `smtp`.
    pub filter: String,
    /// How many connections were open. Fewer than asked for where the limit of open files is lower.
    pub connections: u32,
    /// What each kept, by variant.
    pub variants: Vec<Kept>,
}

/// What one connection keeps, in octets: the growth of memory divided by the number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Which variant.
    pub variant: Variant,
    /// Of the linear memory of the module's VMs, as far as they have grown.
    pub guest: f64,
    /// Of the same, as far as it has been touched.
    pub guest_resident: f64,
    /// Of Envoy's resident memory, without the guest's.
    pub envoy: f64,
    /// The most that `guest` may be; only the suite's filters have such a target.
    pub guest_at_most: Option<f64>,
    /// Whether it is not more than that.
    pub met: Option<bool>,
}

/// Holds `wanted` connections, or as many as are possible.
///
/// # Errors
/// When a connection cannot be made, or the filter did not see all of them.
pub(super) fn measure(ground: &Ground, dialogue: &Dialogue, wanted: u32) -> Result<Idle> {
    let connections = open_files::connections(wanted)?;
    let responder = Responder::start(dialogue)?;
    let filter = dialogue.filter;
    let mut variants = Vec::new();
    for variant in VARIANTS {
        let name = format!("idle-{}-{}", filter.name, variant.name());
        let lanes = Lanes::open(ground, filter, &[variant], responder.address(), &name)?;
        let server = lanes.address(variant)?;
        let open = |count: u32| -> Result<Vec<Client<'_>>> {
            (0..count).map(|_| Client::open(server, dialogue)).collect()
        };
        drop(open(WARM_UP)?);
        lanes.statistics()?;
        let before = lanes.memory()?;
        let clients = open(connections)?;
        let after = lanes.memory()?;
        let seen = lanes.connections_seen(filter, variant)?;
        drop(clients);
        lanes.close()?;
        let is_ours = Variant::FILTERED.contains(&variant);
        let expected = if is_ours { f64::from(connections + WARM_UP) } else { 0.0 };
        ensure!(seen == expected, "{}: the filter saw {seen} of {expected} connections", variant.name());
        variants.push(Kept::of(variant, &before, &after, connections));
    }
    Ok(Idle { filter: filter.name.to_owned(), connections, variants })
}

impl Kept {
    fn of(variant: Variant, before: &Memory, after: &Memory, connections: u32) -> Self {
        let growth = |of: fn(&Memory) -> u64| (of(after) as f64 - of(before) as f64) / f64::from(connections);
        let guest = growth(Memory::guests_committed);
        let guest_at_most = Variant::FILTERED.contains(&variant).then_some(GUEST_AT_MOST);
        Self {
            variant,
            guest,
            guest_resident: growth(Memory::guests_resident),
            envoy: growth(|memory| memory.resident.saturating_sub(memory.guests_resident())),
            guest_at_most,
            met: guest_at_most.map(|most| guest <= most),
        }
    }
}

#[cfg(test)]
mod tests {
    use envoy_runner::GuestMemory;

    use super::*;

    #[test]
    fn what_the_guest_keeps_is_not_counted_twice() {
        let memory = |resident, committed| Memory {
            resident,
            guests: vec![GuestMemory { committed, resident: committed / 2 }],
        };
        let kept = Kept::of(Variant::Summary, &memory(1_000_000, 100_000), &memory(3_000_000, 300_000), 100);
        assert_eq!((kept.guest, kept.guest_resident, kept.envoy), (2000.0, 1000.0, 19_000.0));
        assert_eq!((kept.guest_at_most, kept.met), (Some(2048.0), Some(true)));
        let bare = Kept::of(Variant::NoFilter, &memory(1, 0), &memory(1, 0), 1);
        assert_eq!((bare.guest, bare.met), (0.0, None));
    }
}
