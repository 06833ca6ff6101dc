//! A bound on how often something may happen.

use std::cell::Cell;
use std::time::SystemTime;

/// A token bucket on wall time: `burst` at once, then `per_second`.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use envoy_sdk::RateLimit;
///
/// let (limit, now) = (RateLimit::new(1, 2), SystemTime::now());
/// assert_eq!([limit.allow(now), limit.allow(now), limit.allow(now)], [true, true, false]);
/// assert!(limit.allow(now + Duration::from_secs(1)));
/// ```
#[derive(Debug)]
pub struct RateLimit {
    per_second: f64,
    burst: f64,
    /// Invariant: `0 <= tokens <= burst`.
    tokens: Cell<f64>,
    filled_at: Cell<Option<SystemTime>>,
}

impl RateLimit {
    /// A full bucket.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let burst = f64::from(burst);
        Self {
            per_second: f64::from(per_second),
            burst,
            tokens: Cell::new(burst),
            filled_at: Cell::new(None),
        }
    }

    /// Takes a token if there is one. A clock that goes backwards adds none.
    pub fn allow(&self, now: SystemTime) -> bool {
        let before = self.filled_at.replace(Some(now)).unwrap_or(now);
        let elapsed = now.duration_since(before).unwrap_or_default().as_secs_f64();
        let tokens = (self.tokens.get() + elapsed * self.per_second).min(self.burst);
        let allowed = tokens >= 1.0;
        self.tokens.set(if allowed { tokens - 1.0 } else { tokens });
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_a_trickle() {
        let limit = RateLimit::new(2, 3);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!((0..5).filter(|_| limit.allow(start)).count(), 3);
        assert!(!limit.allow(start + Duration::from_millis(400)));
        assert!(limit.allow(start + Duration::from_millis(500)));
        assert!(!limit.allow(start), "the clock went backwards");
        let later = start + Duration::from_secs(3_600);
        assert_eq!((0..5).filter(|_| limit.allow(later)).count(), 3, "never more than the burst");
    }
}
