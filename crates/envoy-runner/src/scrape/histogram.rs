//! A distribution in cumulative buckets.

/// How many observations were at most `le`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The upper bound, inclusive; the last one is infinite.
    pub le: f64,
    /// Observations up to that bound, all lower buckets included.
    pub count: f64,
}

/// A distribution in cumulative buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// How many observations there were.
    pub count: f64,
    /// Their sum; Envoy's is approximate.
    pub sum: f64,
    /// The buckets by rising bound, the last one infinite.
    pub buckets: Vec<Bucket>,
}

impl Histogram {
    /// The value below which the fraction `q` (0 to 1) of the observations lies, interpolated within its
    /// bucket as Prometheus' `histogram_quantile` does: the lowest bucket is taken to begin at 0, and what lies
    /// in the infinite bucket is reported as the highest finite bound.
    ///
    /// `None` without observations, without finite buckets, or if `q` is no fraction.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.buckets.last()?.count;
        if !(0.0..=1.0).contains(&q) || total <= 0.0 {
            return None;
        }
        let rank = q * total;
        let at = self.buckets.iter().position(|bucket| bucket.count >= rank)?;
        let bucket = self.buckets.get(at)?;
        let below = at.checked_sub(1).and_then(|before| self.buckets.get(before));
        if bucket.le.is_infinite() {
            return below.map(|last| last.le);
        }
        let (start, skipped) = match below {
            Some(lower) => (lower.le, lower.count),
            // A distribution that reaches below zero has no known beginning.
            None if bucket.le <= 0.0 => return Some(bucket.le),
            None => (0.0, 0.0),
        };
        let inside = bucket.count - skipped;
        if inside <= 0.0 {
            return Some(start);
        }
        Some(start + (bucket.le - start) * (rank - skipped) / inside)
    }

    /// The arithmetic mean; `None` without observations.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    /// What was observed since `earlier`, an older state of the same histogram.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            count: self.count - earlier.count,
            sum: self.sum - earlier.sum,
            buckets: self
                .buckets
                .iter()
                .map(|bucket| Bucket { le: bucket.le, count: bucket.count - earlier.at_most(bucket.le) })
                .collect(),
        }
    }

    /// Both distributions together. Where the bounds differ, those of both are kept.
    pub(super) fn merged(self, other: &Self) -> Self {
        let mut bounds: Vec<f64> =
            self.buckets.iter().chain(&other.buckets).map(|bucket| bucket.le).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            buckets: bounds
                .into_iter()
                .map(|le| Bucket { le, count: self.at_most(le) + other.at_most(le) })
                .collect(),
        }
    }

    /// Observations known to be at most `bound`.
    fn at_most(&self, bound: f64) -> f64 {
        self.buckets.iter().take_while(|bucket| bucket.le <= bound).last().map_or(0.0, |bucket| bucket.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(buckets: &[(f64, f64)]) -> Histogram {
        let count = buckets.last().map_or(0.0, |last| last.1);
        let buckets = buckets.iter().map(|&(le, count)| Bucket { le, count }).collect();
        Histogram { count, sum: 0.0, buckets }
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn quantiles_as_prometheus_interpolates_them() {
        let even = histogram(&[(10.0, 5.0), (20.0, 10.0), (INF, 10.0)]);
        assert_eq!(even.quantile(0.5), Some(10.0));
        assert_eq!(even.quantile(0.25), Some(5.0));
        assert_eq!(even.quantile(0.75), Some(15.0));
        assert_eq!(even.quantile(1.0), Some(20.0));
        assert_eq!(even.quantile(0.0), Some(0.0));
        let high = histogram(&[(10.0, 1.0), (20.0, 1.0), (INF, 4.0)]);
        assert_eq!(high.quantile(0.99), Some(20.0), "beyond the last bound");
        assert_eq!(histogram(&[(INF, 4.0)]).quantile(0.5), None, "no finite bound");
        assert_eq!(histogram(&[(1.0, 0.0), (INF, 0.0)]).quantile(0.5), None, "nothing observed");
        assert_eq!(even.quantile(1.5), None);
        assert_eq!(even.quantile(f64::NAN), None);
    }

    #[test]
    fn what_happened_since() {
        let before = histogram(&[(10.0, 5.0), (20.0, 6.0), (INF, 7.0)]);
        let after = histogram(&[(10.0, 5.0), (20.0, 9.0), (INF, 11.0)]);
        assert_eq!(after.since(&before), histogram(&[(10.0, 0.0), (20.0, 3.0), (INF, 4.0)]));
        assert_eq!(after.since(&Histogram::default()).count, 11.0);
    }

    proptest! {
        /// Against the plain definition: the quantile lies in the bucket that holds the rank-th value.
        #[test]
        fn a_quantile_lies_in_the_right_bucket(values in prop::collection::vec(0u32..1000, 1..50), q in 0.01f64..=1.0) {
            let bounds = [1.0, 10.0, 50.0, 100.0, 500.0, 1000.0];
            let mut buckets: Vec<(f64, f64)> = bounds
                .iter()
                .map(|&le| (le, values.iter().filter(|&&v| f64::from(v) <= le).count() as f64))
                .collect();
            buckets.push((INF, values.len() as f64));
            let quantile = histogram(&buckets).quantile(q).unwrap();
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = (q * sorted.len() as f64).ceil() as usize;
            let exact = f64::from(sorted[rank.saturating_sub(1)]);
            let upper = bounds.iter().copied().find(|&le| exact <= le).unwrap();
            let lower = bounds.iter().copied().rev().find(|&le| le < exact).unwrap_or(0.0);
            prop_assert!((lower..=upper).contains(&quantile), "{quantile} not in {lower}..={upper}");
        }
    }
}
