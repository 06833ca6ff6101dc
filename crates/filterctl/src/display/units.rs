//! Numbers as people read them.

use std::time::Duration;

/// `1,234,567`.
pub(super) fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Microseconds in the unit that keeps them short: `850 µs`, `1.2 ms`, `3.40 s`.
pub(super) fn microseconds(number: f64) -> String {
    match number {
        n if n < 1_000.0 => format!("{n:.0} µs"),
        n if n < 1_000_000.0 => format!("{:.1} ms", n / 1e3),
        n => format!("{:.2} s", n / 1e6),
    }
}

/// Octets in the unit that keeps them short: `850 B`, `1.2 kB`, `3.4 MB`.
pub(super) fn octets(number: f64) -> String {
    match number {
        n if n < 1_000.0 => format!("{n:.0} B"),
        n if n < 1_000_000.0 => format!("{:.1} kB", n / 1e3),
        n if n < 1_000_000_000.0 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.1} GB", n / 1e9),
    }
}

/// `00:07`, `01:02:03`.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// `72 %`. Neither 0 % nor 100 % is said of what is only nearly so.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p > 0.0 && p < 1.0 => "<1 %".to_owned(),
        p if p > 99.0 && p < 100.0 => ">99 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_true() {
        let counts = [0.0, 12.0, 999.0, 1_000.0, 1_234_567.0, -4_321.0].map(count);
        assert_eq!(counts, ["0", "12", "999", "1,000", "1,234,567", "-4,321"]);
        assert_eq!([7.4, 1_240.0, 3_400_000.0].map(microseconds), ["7 µs", "1.2 ms", "3.40 s"]);
        assert_eq!([7.0, 1_240.0, 3.4e6, 5e9].map(octets), ["7 B", "1.2 kB", "3.4 MB", "5.0 GB"]);
        assert_eq!([0.0, 0.001, 0.5, 0.999, 1.0].map(percent), ["0 %", "<1 %", "50 %", ">99 %", "100 %"]);
        assert_eq!(
            [7, 754, 3_723].map(|seconds| clock(Duration::from_secs(seconds))),
            ["00:07", "12:34", "01:02:03"]
        );
    }
}
