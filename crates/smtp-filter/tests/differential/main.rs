//! The protocol modules against `smtp-proto`, the parser of a real server and client.
//!
//! On lines as the specifications write them both must agree. On lines that are damaged, what `smtp-proto`
//! accepts must mean the same here, unless the line is one of those that `smtp-proto` is known to read more
//! leniently: each such leniency is listed, with a line that shows it, and a line that no longer shows it
//! fails the test. What `smtp-proto` refuses is not compared: a filter reads on where a server answers 501.
//!
//! The fuzzer (crates/fuzz) compares the same way, on octets of its own.

pub(crate) mod commands;
pub(crate) mod mails;
pub(crate) mod replies;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A kind of octets that `smtp-proto` reads differently, for a reason that is known.
struct Leniency {
    /// What `smtp-proto` does.
    name: &'static str,
    /// Octets that show it.
    example: &'static [u8],
    /// Whether octets are of this kind.
    applies: fn(&[u8]) -> bool,
}

impl Leniency {
    /// The names of those leniencies that can explain a difference on these octets.
    fn explaining(leniencies: &[Self], octets: &[u8]) -> Vec<&'static str> {
        leniencies
            .iter()
            .filter(|leniency| (leniency.applies)(octets))
            .map(|leniency| leniency.name)
            .collect()
    }
}

/// Always the same cases: a difference that nobody has looked at yet must not break an unrelated change.
/// `DIFFERENTIAL_SEED` and `PROPTEST_CASES` choose others.
fn config() -> ProptestConfig {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    ProptestConfig {
        cases: number("PROPTEST_CASES").map_or(4_000, |cases| cases as u32),
        rng_seed: RngSeed::Fixed(number("DIFFERENTIAL_SEED").unwrap_or(5321)),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One change to a line: which, where (modulo the line's length) and with which octet.
type Damage = (u8, usize, u8);

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let octet = prop_oneof![
        3 => proptest::sample::select(&b" \t\r\x0c\0<>@:,;=+-#.\"\\0129aLSZ"[..]),
        1 => any::<u8>(),
    ];
    proptest::collection::vec((0..4_u8, 0..256_usize, octet), 1..5)
}

/// The line with the damages done; its last LF stays the only one.
fn damaged(line: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut line = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
    for &(kind, at, octet) in damages {
        let octet = if octet == b'\n' { b' ' } else { octet };
        let at = at % (line.len() + 1);
        match (kind, at < line.len()) {
            (0, true) => line[at] = octet,
            (1, true) => drop(line.remove(at)),
            (2, true) => line.insert(at, line[at]),
            _ => line.insert(at, octet),
        }
    }
    line.push(b'\n');
    line
}

/// The word with the case of some of its letters changed.
fn in_any_case(word: &'static str) -> impl Strategy<Value = String> {
    any::<u32>().prop_map(move |bits| {
        let lower = |at: usize| bits >> (at % 32) & 1 == 1;
        word.char_indices().map(|(at, c)| if lower(at) { c.to_ascii_lowercase() } else { c }).collect()
    })
}

fn line_ending() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["\r\n", "\n"][..])
}
