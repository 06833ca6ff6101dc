//! What the application itself counts: the yardstick for what the filter sees.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// How often what happened, by its name.
pub type Counts = BTreeMap<String, u64>;

/// Everything that the application counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Logins that users tried. Tried = let in + turned away + failed.
    pub logins_tried: u64,
    /// Users who were let in.
    pub logins_let_in: u64,
    /// Users who were turned away.
    pub logins_turned_away: u64,
    /// Logins without an answer of the directory: the connection failed.
    pub logins_failed: u64,
    /// What went through connections in clear text: a filter on the way can see it.
    pub clear: Leg,
    /// What went through connections after StartTLS: opaque for anybody on the way.
    pub starttls: Leg,
}

/// One kind of connection. The StartTLS request itself is said in clear text, the connection that it makes is counted
/// under `starttls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Connections made, with StartTLS completed where it is used.
    pub connections: u64,
    /// Connections by who ended them: `unbind`, `client` (without an unbind), `server`.
    pub endings: Counts,
    /// Requests by operation.
    pub requests: Counts,
    /// Final responses by result code, named as in RFC 4511.
    pub results: Counts,
    /// Binds that succeeded, by kind: `anonymous`, `simple`, `unauthenticated`, `sasl`.
    pub binds_succeeded: Counts,
    /// Binds that were answered by anything else, by kind.
    pub binds_failed: Counts,
    /// Entries received.
    pub entries: u64,
    /// Continuation references received.
    pub references: u64,
    /// Searches abandoned.
    pub abandoned: u64,
    /// Requests without a final response: the connection failed, or it took too long.
    pub failed: u64,
}

impl Tally {
    /// Both legs together.
    pub fn total(&self) -> Leg {
        let mut total = self.clear.clone();
        let other = &self.starttls;
        total.connections += other.connections;
        total.entries += other.entries;
        total.references += other.references;
        total.abandoned += other.abandoned;
        total.failed += other.failed;
        for (counts, other) in [
            (&mut total.endings, &other.endings),
            (&mut total.requests, &other.requests),
            (&mut total.results, &other.results),
            (&mut total.binds_succeeded, &other.binds_succeeded),
            (&mut total.binds_failed, &other.binds_failed),
        ] {
            for (name, count) in other {
                *counts.entry(name.clone()).or_default() += count;
            }
        }
        total
    }

    /// The leg for connections in clear text or after StartTLS.
    pub fn leg(&mut self, starttls: bool) -> &mut Leg {
        if starttls { &mut self.starttls } else { &mut self.clear }
    }
}

/// Counts one more of this name.
pub(crate) fn count(counts: &mut Counts, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}

/// A tally that all connections write to.
#[derive(Clone, Debug, Default)]
pub struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    /// For a moment the only one's.
    pub fn lock(&self) -> MutexGuard<'_, Tally> {
        // A panic elsewhere leaves counts that are still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_both_legs_together() {
        let mut tally = Tally::default();
        tally.leg(false).connections = 2;
        tally.leg(true).connections = 1;
        count(&mut tally.clear.requests, "bind");
        count(&mut tally.starttls.requests, "bind");
        count(&mut tally.starttls.requests, "unbind");
        let total = tally.total();
        assert_eq!(total.connections, 3);
        assert_eq!(total.requests, Counts::from([("bind".to_owned(), 2), ("unbind".to_owned(), 1)]));
    }
}
