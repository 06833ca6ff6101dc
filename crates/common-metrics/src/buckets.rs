//! Bucket boundaries for every histogram of the suite.

/// Upper bounds of the buckets, wide enough for microseconds up to ten minutes and for bytes up to 600 MB.
///
/// Envoy's own default ends at 3,600,000, which as microseconds is 3.6 s: a slow reply and a large mail
/// would fall into the infinite bucket.
pub const HISTOGRAM_BUCKETS: &[f64] = &[
    1.0,
    2.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    25_000.0,
    50_000.0,
    100_000.0,
    250_000.0,
    500_000.0,
    1_000_000.0,
    2_500_000.0,
    5_000_000.0,
    10_000_000.0,
    30_000_000.0,
    60_000_000.0,
    120_000_000.0,
    300_000_000.0,
    600_000_000.0,
];

#[cfg(test)]
mod tests {
    use super::HISTOGRAM_BUCKETS;

    #[test]
    fn bounds_rise_and_hold_ten_minutes_and_300_megabytes() {
        assert!(HISTOGRAM_BUCKETS.is_sorted_by(|a, b| a < b));
        let last = HISTOGRAM_BUCKETS.last().copied().unwrap_or_default();
        let (ten_minutes, large_mail) = (600.0 * 1e6, 300.0 * 1e6);
        assert!(last >= ten_minutes);
        assert!(last >= large_mail);
    }
}
