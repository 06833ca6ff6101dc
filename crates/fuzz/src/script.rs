//! A conversation as a fuzzer writes it: a few choices, and steps of which most are well formed.
//!
//! Octets drawn at random hardly ever get past a greeting. So a step names a phrase of the protocol by number, may damage
//! it, and only sometimes says octets of its own. The encoding has no lengths that depend on what follows, so that a
//! fuzzer that cuts a piece out of one input and puts it into another one moves whole steps.

use arbitrary::{Arbitrary, Result, Unstructured};
use session_driver::{CloseCause, Direction, Transport};

/// A conversation of both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What it happens under.
    pub choices: Choices,
    /// Lengths of the pieces into which the stream is cut the second time, 1 to 64 each.
    pub cuts: Vec<u8>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// What a conversation happens under. Each protocol gives the numbers a meaning, modulo what it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices(pub u8);

impl Choices {
    /// Which limits: 0 to 3.
    pub fn limits(self) -> u8 {
        self.0 & 3
    }

    /// Whether identities are asked for.
    pub fn identities(self) -> bool {
        self.0 & 4 != 0
    }

    /// Whether events are asked for.
    pub fn events(self) -> bool {
        self.0 & 8 != 0
    }

    /// Who ends the connection.
    pub fn ends(self) -> CloseCause {
        [CloseCause::Client, CloseCause::Server, CloseCause::Local, CloseCause::Unknown]
            [usize::from(self.0 >> 4 & 3)]
    }

    /// How the client's leg is protected.
    pub fn transport(self) -> Transport {
        [Transport::Plain, Transport::Tls, Transport::Mtls, Transport::Plain][usize::from(self.0 >> 6 & 3)]
    }
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A phrase of the protocol.
    Phrase {
        /// Who says it.
        direction: Direction,
        /// Which.
        which: u8,
        /// What it is about: a message ID, a length, a code.
        argument: u8,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Octets as they are, at most 65,535.
    Octets {
        /// Who says them.
        direction: Direction,
        /// The octets.
        octets: Vec<u8>,
    },
    /// One octet many times.
    Run {
        /// Who says it.
        direction: Direction,
        /// The octet.
        octet: u8,
        /// How often: 0 to 4,095.
        times: u16,
    },
    /// The clock goes on, or back: `mantissa` microseconds times two to the power of `exponent` (0 to 39).
    Clock {
        /// Signed.
        mantissa: i8,
        /// 0 to 39.
        exponent: u8,
    },
    /// A direction ends.
    HalfClose(Direction),
    /// The step before once more, so many times: 1 to 16.
    Again(u8),
}

/// What is wrong with a phrase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Damage {
    /// Nothing.
    #[default]
    Nothing,
    /// It ends after so many octets, modulo its length.
    Cut(u8),
    /// An octet at a place, modulo the length, is another one.
    Replaced(u8, u8),
    /// An octet too much at a place.
    Inserted(u8, u8),
    /// An octet is missing at a place.
    Removed(u8),
}

impl Damage {
    /// The phrase with the damage done.
    pub fn of(self, mut phrase: Vec<u8>) -> Vec<u8> {
        let place = |at: u8, len: usize| usize::from(at) * len.max(1) / 256;
        let len = phrase.len();
        match self {
            Self::Nothing => {}
            Self::Cut(at) => phrase.truncate(place(at, len)),
            Self::Replaced(at, octet) => {
                if let Some(there) = phrase.get_mut(place(at, len)) {
                    *there = octet;
                }
            }
            Self::Inserted(at, octet) => phrase.insert(place(at, len), octet),
            Self::Removed(at) if !phrase.is_empty() => drop(phrase.remove(place(at, len))),
            Self::Removed(_) => {}
        }
        phrase
    }
}

/// Most steps of a script; what is behind them is not looked at.
const MOST_STEPS: usize = 400;

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let choices = Choices(u.arbitrary()?);
        let cuts = (0..u.arbitrary::<u8>()? & 7)
            .map(|_| Ok(u.arbitrary::<u8>()? % 64 + 1))
            .collect::<Result<_>>()?;
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < MOST_STEPS {
            steps.push(step(u)?);
        }
        Ok(Self { choices, cuts, steps })
    }
}

// The first octet of a step: who speaks, and what kind of step it is. Most numbers are phrases.
const TO_CLIENT: u8 = 0x80;
const OCTETS: u8 = 0x60;
const LONG_OCTETS: u8 = 0x61;
const RUN: u8 = 0x62;
const CLOCK: u8 = 0x63;
const HALF_CLOSE: u8 = 0x64;
const AGAIN: u8 = 0x65;
const CUT: u8 = 0x66;
const REPLACED: u8 = 0x67;
const INSERTED: u8 = 0x68;
const REMOVED: u8 = 0x69;

fn step(u: &mut Unstructured<'_>) -> Result<Step> {
    let first: u8 = u.arbitrary()?;
    let direction = if first & TO_CLIENT == 0 { Direction::ToServer } else { Direction::ToClient };
    let some = |u: &mut Unstructured<'_>, len: u16| {
        let len = usize::from(len).min(u.len());
        u.bytes(len).map(<[u8]>::to_vec)
    };
    let damaged = |u: &mut Unstructured<'_>, damage| {
        Ok(Step::Phrase { direction, which: u.arbitrary()?, argument: u.arbitrary()?, damage })
    };
    match first & !TO_CLIENT {
        OCTETS => {
            let len: u8 = u.arbitrary()?;
            Ok(Step::Octets { direction, octets: some(u, len.into())? })
        }
        LONG_OCTETS => {
            let len: u16 = u.arbitrary()?;
            Ok(Step::Octets { direction, octets: some(u, len)? })
        }
        RUN => Ok(Step::Run { direction, octet: u.arbitrary()?, times: u.arbitrary::<u16>()? & 0xfff }),
        CLOCK => Ok(Step::Clock { mantissa: u.arbitrary()?, exponent: u.arbitrary::<u8>()? % 40 }),
        HALF_CLOSE => Ok(Step::HalfClose(direction)),
        AGAIN => Ok(Step::Again(u.arbitrary::<u8>()? % 16 + 1)),
        CUT => {
            let damage = Damage::Cut(u.arbitrary()?);
            damaged(u, damage)
        }
        REPLACED => {
            let damage = Damage::Replaced(u.arbitrary()?, u.arbitrary()?);
            damaged(u, damage)
        }
        INSERTED => {
            let damage = Damage::Inserted(u.arbitrary()?, u.arbitrary()?);
            damaged(u, damage)
        }
        REMOVED => {
            let damage = Damage::Removed(u.arbitrary()?);
            damaged(u, damage)
        }
        which => Ok(Step::Phrase { direction, which, argument: u.arbitrary()?, damage: Damage::Nothing }),
    }
}

impl Script {
    /// The script that a fuzzer's octets stand for. Every input is one.
    pub fn read(octets: &[u8]) -> Self {
        Self::arbitrary_take_rest(Unstructured::new(octets)).unwrap_or_default()
    }

    /// Octets that stand for this script: [`read`](Self::read) gives it back.
    pub fn written(&self) -> Vec<u8> {
        let mut octets = vec![self.choices.0, self.cuts.len().min(7) as u8];
        octets.extend(self.cuts.iter().take(7).map(|cut| cut.saturating_sub(1)));
        for step in self.steps.iter().take(MOST_STEPS) {
            write(step, &mut octets);
        }
        octets
    }
}

fn write(step: &Step, out: &mut Vec<u8>) {
    let side = |direction: Direction| if direction == Direction::ToServer { 0 } else { TO_CLIENT };
    match step {
        Step::Phrase { direction, which, argument, damage } => {
            let side = side(*direction);
            match *damage {
                Damage::Nothing => return out.extend([side | (which % OCTETS), *argument]),
                Damage::Cut(at) => out.extend([side | CUT, at]),
                Damage::Replaced(at, octet) => out.extend([side | REPLACED, at, octet]),
                Damage::Inserted(at, octet) => out.extend([side | INSERTED, at, octet]),
                Damage::Removed(at) => out.extend([side | REMOVED, at]),
            }
            out.extend([*which, *argument]);
        }
        Step::Octets { direction, octets } => {
            match u8::try_from(octets.len()) {
                Ok(len) => out.extend([side(*direction) | OCTETS, len]),
                Err(_) => {
                    let [low, high] = (octets.len() as u16).to_le_bytes();
                    out.extend([side(*direction) | LONG_OCTETS, low, high]);
                }
            }
            out.extend(octets);
        }
        Step::Run { direction, octet, times } => {
            let [low, high] = times.to_le_bytes();
            out.extend([side(*direction) | RUN, *octet, low, high]);
        }
        Step::Clock { mantissa, exponent } => out.extend([CLOCK, mantissa.cast_unsigned(), *exponent]),
        Step::HalfClose(direction) => out.push(side(*direction) | HALF_CLOSE),
        Step::Again(times) => out.extend([AGAIN, times.saturating_sub(1)]),
    }
}
