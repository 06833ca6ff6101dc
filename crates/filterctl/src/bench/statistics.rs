//! Medians and how sure they are.

use serde::{Deserialize, Serialize};

/// What a number was over several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// Where the true median lies with a probability of 95 % at least, if rounds are independent: two of the rounds'
    /// own values (the sign test's interval). With fewer than six rounds there is no such interval; these are the
    /// least and the greatest value then.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// A quarter of the rounds is below.
    pub first_quartile: f64,
    /// A quarter of the rounds is above.
    pub third_quartile: f64,
    /// How many rounds.
    pub rounds: usize,
}

impl Spread {
    /// Of these values; `None` without any, or if one is no number.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = outer_rank(sorted.len());
        Some(Self {
            median: quantile(&sorted, 0.5),
            low: sorted[rank],
            high: sorted[sorted.len() - 1 - rank],
            first_quartile: quantile(&sorted, 0.25),
            third_quartile: quantile(&sorted, 0.75),
            rounds: sorted.len(),
        })
    }
}

/// The value below which this share of all lies (0 to 1), between two of them where it falls between.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

/// Which of so many values in order, counted from 0, is the lower end of the interval: the last one of which at most 2.5 %
/// of all series of rounds have the true median below it. A round is above or below the true median like a coin.
fn outer_rank(count: usize) -> usize {
    // The probability of so many rounds below, and of at most so many.
    let mut exactly = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut at_most = exactly;
    let mut below = 0;
    while below < count / 2 {
        let next = exactly * (count - below) as f64 / (below + 1) as f64;
        if at_most + next > 0.025 {
            break;
        }
        exactly = next;
        at_most += next;
        below += 1;
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_quartiles_of_few_values() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.median, spread.first_quartile, spread.third_quartile), (2.5, 1.75, 3.25));
        assert_eq!((spread.low, spread.high, spread.rounds), (1.0, 4.0, 4));
        assert_eq!(Spread::of(&[7.0]).unwrap().median, 7.0);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
        assert_eq!(Spread::of(&[1.0, f64::INFINITY]), None);
    }

    /// The ranks of the sign test's interval, as statistics' tables have them (counted from 0).
    #[test]
    fn intervals_are_those_of_the_sign_test() {
        for (count, rank) in
            [(1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (10, 1), (15, 3), (20, 5), (30, 9), (100, 39)]
        {
            assert_eq!(outer_rank(count), rank, "{count}");
        }
    }

    #[test]
    fn one_wild_value_does_not_move_the_median_much() {
        let mut values: Vec<f64> = (0..21).map(|number| 1.0 + f64::from(number) / 1000.0).collect();
        let calm = Spread::of(&values).unwrap();
        values[20] = 1000.0;
        let wild = Spread::of(&values).unwrap();
        assert_eq!(calm.median, wild.median);
        assert_eq!(calm.high, wild.high);
    }
}
