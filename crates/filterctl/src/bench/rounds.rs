//! Runs variants in turn, so that whatever else the machine does hits all of them alike.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::statistics::Spread;
use super::variant::Variant;

/// How many rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effort {
    /// Not fewer than this, however long they take; at least 1.
    pub(super) at_least: u32,
    /// Not more than this.
    pub(super) at_most: u32,
    /// No new one is begun once this has passed.
    pub(super) within: Duration,
}

/// What was measured of each variant in one round, in the order in which they were given to [`alternate`].
pub(super) type Round<const N: usize> = Vec<[f64; N]>;

/// Measures all variants once forwards and once backwards in each round (A B C C B A), and takes the mean of the two: a
/// machine that becomes steadily slower or faster meanwhile favours none.
///
/// # Errors
/// What `once` fails with.
pub(super) fn alternate<const N: usize>(
    variants: &[Variant],
    effort: Effort,
    mut once: impl FnMut(Variant) -> Result<[f64; N]>,
) -> Result<Vec<Round<N>>> {
    let start = Instant::now();
    let mut rounds = Vec::new();
    for number in 0..effort.at_most {
        if number >= effort.at_least && start.elapsed() >= effort.within {
            break;
        }
        let mut round = vec![[0.0; N]; variants.len()];
        let forwards = 0..variants.len();
        for place in forwards.clone().chain(forwards.rev()) {
            for (sum, one) in round[place].iter_mut().zip(once(variants[place])?) {
                *sum += one / 2.0;
            }
        }
        rounds.push(round);
    }
    Ok(rounds)
}

/// A variant's cost as a multiple of others'.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// Which variant.
    pub variant: Variant,
    /// To [`Variant::NoFilter`].
    pub to_no_filter: Spread,
    /// To [`Variant::Empty`].
    pub to_empty: Spread,
}

/// The ratios of the `which`-th of what was measured, over all rounds. `None` when a base cost nothing, is not among the
/// variants, or there were no rounds.
pub(super) fn ratios<const N: usize>(
    variants: &[Variant],
    rounds: &[Round<N>],
    which: usize,
) -> Option<Vec<Ratios>> {
    let place_of = |variant| variants.iter().position(|one| *one == variant);
    let (no_filter, empty) = (place_of(Variant::NoFilter)?, place_of(Variant::Empty)?);
    let to = |place: usize, base: usize| {
        let ratios: Vec<f64> = rounds.iter().map(|round| round[place][which] / round[base][which]).collect();
        Spread::of(&ratios)
    };
    let of_one = |(place, variant): (usize, &Variant)| {
        Some(Ratios { variant: *variant, to_no_filter: to(place, no_filter)?, to_empty: to(place, empty)? })
    };
    variants.iter().enumerate().map(of_one).collect()
}

/// The `which`-th of what was measured of one variant, over all rounds.
pub(super) fn spread<const N: usize>(
    variants: &[Variant],
    rounds: &[Round<N>],
    variant: Variant,
    which: usize,
) -> Option<Spread> {
    let place = variants.iter().position(|one| *one == variant)?;
    Spread::of(&rounds.iter().map(|round| round[place][which]).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: [Variant; 3] = [Variant::NoFilter, Variant::Empty, Variant::Summary];

    fn effort(rounds: u32) -> Effort {
        Effort { at_least: rounds, at_most: rounds, within: Duration::ZERO }
    }

    #[test]
    fn every_round_goes_forwards_and_backwards() {
        let mut order = Vec::new();
        let rounds = alternate(&SOME, effort(2), |variant| {
            order.push(variant.name());
            Ok([1.0])
        });
        let round = ["no-filter", "empty", "summary", "summary", "empty", "no-filter"];
        assert_eq!(order, [round, round].concat());
        assert_eq!(rounds.unwrap(), vec![vec![[1.0]; 3]; 2]);
    }

    #[test]
    fn time_ends_what_is_more_than_the_least() {
        let effort = Effort { at_least: 3, at_most: 1000, within: Duration::ZERO };
        assert_eq!(alternate(&SOME, effort, |_| Ok([1.0])).unwrap().len(), 3);
    }

    #[test]
    fn a_machine_that_becomes_slower_changes_no_ratio() {
        let mut slowness = 0.0;
        let rounds = alternate(&SOME, effort(4), |variant| {
            slowness += 1.0;
            Ok([if variant == Variant::Summary { 2.0 * slowness } else { slowness }])
        });
        let ratios = ratios(&SOME, &rounds.unwrap(), 0).unwrap();
        assert_eq!(ratios[1].to_no_filter.median, 1.0);
        assert_eq!(ratios[2].to_empty.median, 2.0);
        assert_eq!(ratios[2].to_empty.low, 2.0);
    }

    #[test]
    fn a_failure_ends_it() {
        assert!(alternate::<1>(&SOME, effort(2), |_| anyhow::bail!("no")).is_err());
        assert!(ratios::<1>(&SOME, &[], 0).is_none());
        assert!(ratios(&SOME, &[vec![[0.0], [1.0], [1.0]]], 0).is_none());
    }
}
