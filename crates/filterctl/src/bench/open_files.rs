//! How many connections this machine allows at once.

use anyhow::Result;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Open files that are no connections of a measurement: Envoy's own, ours, libraries.
const OTHERS: u64 = 256;

/// How many connections Envoy can hold, two files each: `wanted`, or as many as the hard limit of open files allows. The soft
/// limit, which child processes inherit, is raised for that.
///
/// # Errors
/// When the soft limit cannot be raised.
pub(super) fn connections(wanted: u32) -> Result<u32> {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = u64::from(wanted) * 2 + OTHERS;
    // None is no limit.
    let allowed = limit.maximum.map_or(needed, |hard| hard.min(needed));
    if limit.current.is_some_and(|soft| soft < allowed) {
        limit.current = Some(allowed);
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(u32::try_from(allowed.saturating_sub(OTHERS) / 2).unwrap_or(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_connections_are_always_allowed() {
        assert_eq!(connections(10).unwrap(), 10);
        let many = connections(1_000_000_000).unwrap();
        assert!((10..=1_000_000_000).contains(&many));
        assert!(getrlimit(Resource::Nofile).current.is_none_or(|soft| soft >= u64::from(many) * 2));
    }
}
