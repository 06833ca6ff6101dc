//! How long answers took.

use std::time::Duration;

/// Every latency of a load. Four octets each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// In microseconds; in order once the load has ended.
    microseconds: Vec<u32>,
}

impl Latencies {
    pub(super) fn push(&mut self, latency: Duration) {
        self.microseconds.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.microseconds.append(&mut other.microseconds);
    }

    pub(super) fn sort(&mut self) {
        self.microseconds.sort_unstable();
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.microseconds.len()
    }

    /// The latency that this share of all stayed at or below, such as 0.5 or 0.99 (0 to 1); `None` without any.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let last = self.microseconds.len().checked_sub(1)?;
        let rank = (share.clamp(0.0, 1.0) * self.microseconds.len() as f64).ceil() as usize;
        let place = rank.saturating_sub(1).min(last);
        Some(Duration::from_micros(u64::from(self.microseconds[place])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_latencies_that_occurred() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        for microseconds in (1..=100).rev() {
            latencies.push(Duration::from_micros(microseconds));
        }
        latencies.sort();
        let quantile = |share| latencies.quantile(share).unwrap().as_micros();
        assert_eq!([quantile(0.0), quantile(0.5), quantile(0.99), quantile(1.0)], [1, 50, 99, 100]);
    }
}
