//! What passes: a script in which every step has become octets at a time.

use session_driver::Direction;
use session_test::cutting::in_pieces;
use session_test::{Conditions, Player, Record, Seen, Subject};

use crate::script::{Choices, Damage, Script, Step};

/// Something that passes Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Octets.
    Octets(Record),
    /// The end of a direction, so many microseconds after the opening.
    HalfClose(Direction, u64),
}

/// A protocol that a script can be told in.
pub trait Speaker: Subject {
    /// What a session is made with under these choices.
    fn setup(choices: Choices) -> Self::Setup;

    /// A phrase: any numbers mean one.
    fn phrase(direction: Direction, which: u8, argument: u8) -> Vec<u8>;

    /// The most octets of memory that a connection may take, driver and session together, while it handles any
    /// callback.
    fn most_memory(setup: &Self::Setup) -> u64;

    /// What no event may print, where identities are not asked for: passwords and texts of the phrases.
    const SECRETS: &'static [&'static str];
}

/// Most octets of one script: a step may be repeated, and a fuzzer is to try many scripts in a second.
const MOST_OCTETS: usize = 64 * 1024;

/// The latest time, in microseconds since the opening: 30 years.
const LATEST: i64 = 30 * 365 * 86_400 * 1_000_000;

/// What passes when a script is told in this protocol.
pub fn told<P: Speaker>(script: &Script) -> Vec<Passing> {
    let mut passing = Vec::new();
    let mut ended = [false; 2];
    let mut at: i64 = 0;
    let mut octets_left = MOST_OCTETS;
    let mut last = None;
    for step in &script.steps {
        let (step, times) = match (step, last) {
            (Step::Again(times), Some(last)) => (last, usize::from(*times)),
            (Step::Again(_), None) => continue,
            (step, _) => (step, 1),
        };
        last = Some(step);
        for _ in 0..times {
            if let Step::Clock { mantissa, exponent } = step {
                at = at.saturating_add(i64::from(*mantissa) << exponent).clamp(0, LATEST);
                continue;
            }
            at = at.saturating_add(1).min(LATEST);
            let now = at.unsigned_abs();
            let (direction, octets) = match step {
                Step::Phrase { direction, which, argument, damage } => {
                    (*direction, damage.of(P::phrase(*direction, *which, *argument)))
                }
                Step::Octets { direction, octets } => (*direction, octets.clone()),
                Step::Run { direction, octet, times } => (*direction, vec![*octet; usize::from(*times)]),
                Step::HalfClose(direction) => {
                    if !std::mem::replace(&mut ended[*direction as usize], true) {
                        passing.push(Passing::HalfClose(*direction, now));
                    }
                    continue;
                }
                Step::Clock { .. } | Step::Again(_) => continue,
            };
            if octets.is_empty() || ended[direction as usize] || octets.len() > octets_left {
                continue;
            }
            octets_left -= octets.len();
            passing.push(Passing::Octets(Record { direction, octets, at: now }));
        }
    }
    passing
}

/// The same, with the octets cut into pieces of these lengths.
pub fn cut(passing: &[Passing], lengths: &[usize]) -> Vec<Passing> {
    let pieces = |one: &Passing| match one {
        Passing::Octets(record) => {
            in_pieces(std::slice::from_ref(record), lengths).into_iter().map(Passing::Octets).collect()
        }
        Passing::HalfClose(..) => vec![one.clone()],
    };
    passing.iter().flat_map(pieces).collect()
}

/// How many octets pass.
pub fn octets(passing: &[Passing]) -> u64 {
    let octets = |one: &Passing| match one {
        Passing::Octets(record) => record.octets.len() as u64,
        Passing::HalfClose(..) => 0,
    };
    passing.iter().map(octets).sum()
}

/// What a script happens under.
pub fn conditions<P: Speaker>(choices: Choices) -> Conditions<P::Setup> {
    Conditions { setup: P::setup(choices), transport: choices.transport(), ends: choices.ends() }
}

/// Plays it through a session, to the end of the connection.
pub fn play<P: Speaker>(passing: &[Passing], conditions: &Conditions<P::Setup>) -> Seen<P::Notes> {
    let mut player = Player::<P>::new(conditions);
    for one in passing {
        match one {
            Passing::Octets(record) => player.passes(record),
            Passing::HalfClose(direction, at) => player.half_closes(*direction, *at),
        }
    }
    player.ends()
}

/// What passes, a line each, for people. So many octets stand in front of the script.
pub fn read_aloud<P: Speaker, const IN_FRONT: usize>(data: &[u8]) -> String {
    use std::fmt::Write as _;

    let script = Script::read(data.get(IN_FRONT..).unwrap_or_default());
    let mut text = format!(
        "under {:?}, ended by {:?}, cut into {:?}\n",
        script.choices,
        script.choices.ends(),
        script.cuts
    );
    for one in told::<P>(&script) {
        let (direction, at) = match &one {
            Passing::Octets(record) => (record.direction, record.at),
            Passing::HalfClose(direction, at) => (*direction, *at),
        };
        let who = if direction == Direction::ToServer { "C" } else { "S" };
        let what = match &one {
            Passing::Octets(record) => format!("~ {}", record.octets.escape_ascii()),
            Passing::HalfClose(..) => " ends".to_owned(),
        };
        // Writing to a string does not fail.
        let _written = writeln!(text, "{at:>9} {who}{what}");
    }
    text
}

/// A script that says just these records, as they were recorded.
pub fn script_of(records: &[Record]) -> Script {
    let mut steps = Vec::new();
    for record in records {
        for octets in record.octets.chunks(60_000) {
            steps.push(Step::Octets { direction: record.direction, octets: octets.to_vec() });
        }
    }
    Script { choices: Choices::default(), cuts: vec![3, 1, 7], steps }
}

/// A script of undamaged phrases.
pub fn script_of_phrases(phrases: impl IntoIterator<Item = (Direction, u8, u8)>) -> Script {
    let step =
        |(direction, which, argument)| Step::Phrase { direction, which, argument, damage: Damage::Nothing };
    Script { steps: phrases.into_iter().map(step).collect(), ..Script::default() }
}
