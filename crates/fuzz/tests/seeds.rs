//! Every target takes its seeds, and seeds with damage: what `cargo test` can do without a fuzzer.

use fuzz_targets::{dictionary, seeds, targets};

/// Numbers that look random and are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound.max(1)
    }
}

/// The seed with a few octets changed, added, left out or taken from another seed.
fn damaged(seed: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut octets = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(octets.len() + 1);
        match numbers.below(4) {
            0 if at < octets.len() => octets[at] = numbers.below(256) as u8,
            1 if at < octets.len() => drop(octets.remove(at)),
            2 => octets.insert(at, numbers.below(256) as u8),
            _ => {
                let (from, to) = (numbers.below(other.len() + 1), numbers.below(other.len() + 1));
                let piece = &other[from.min(to)..from.max(to)];
                octets.splice(at..at, piece[..piece.len().min(64)].iter().copied());
            }
        }
    }
    octets
}

#[test]
fn every_target_takes_its_seeds_and_what_damage_makes_of_them() {
    for target in targets().unwrap().into_iter().filter(|target| !target.profile.only_named) {
        let seeds = seeds::seeds(&target.name, None);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        let mut numbers = Numbers(4511);
        for seed in &seeds {
            target.run(seed);
        }
        for _ in 0..200 {
            let (seed, other) = (&seeds[numbers.below(seeds.len())], &seeds[numbers.below(seeds.len())]);
            let mut octets = damaged(seed, other, &mut numbers);
            octets.truncate(target.profile.longest);
            target.run(&octets);
        }
    }
}

#[test]
fn every_target_has_words_that_libfuzzer_can_read() {
    for target in targets().unwrap() {
        let words = dictionary::dictionary(&target.profile.dictionary).unwrap();
        assert!(words.lines().count() > 1, "{}", target.name);
        assert!(words.lines().all(|word| word.starts_with('"') && word.ends_with('"') && word.is_ascii()));
    }
}
