//! What is to happen to one connection, chosen at random.

use fastrand::Rng;
use serde::Serialize;

use crate::replay::Direction;

/// How a connection goes, besides what is said on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) cutting: Cutting,
    pub(super) fault: Fault,
    /// After so many parts of the conversation; faults that come later than its end do not come.
    pub(super) after: usize,
    /// Who causes it: whoever sends in this direction.
    pub(super) by: Direction,
    /// It rests for a while at that point, and others come first.
    pub(super) rests: bool,
}

/// How what is said is cut into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cutting {
    /// One write for each part.
    Whole,
    /// Pieces of any length.
    Pieces,
    /// Each octet by itself at the beginning.
    Octets,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// Nothing: all is said, and one end leaves with FIN.
    None,
    /// One end leaves with FIN, perhaps in the middle of a word.
    Leaves,
    /// One end leaves with RST, perhaps in the middle of a word.
    Resets,
    /// One end leaves with RST while octets are under way.
    ResetsUnderWay,
    /// One end has nothing more to say, but goes on listening.
    HalfCloses,
    /// One end says something that the protocol does not allow; then all goes on.
    Noise,
}

impl Fault {
    /// As reports have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Leaves => "leaves",
            Self::Resets => "resets",
            Self::ResetsUnderWay => "resets_under_way",
            Self::HalfCloses => "half_closes",
            Self::Noise => "noise",
        }
    }
}

impl Plan {
    /// One for a conversation of so many parts.
    pub(super) fn new(random: &mut Rng, parts: usize) -> Self {
        let fault = match random.u8(0..100) {
            0..50 => Fault::None,
            50..62 => Fault::Leaves,
            62..77 => Fault::Resets,
            77..87 => Fault::ResetsUnderWay,
            87..94 => Fault::HalfCloses,
            _ => Fault::Noise,
        };
        let cutting = match random.u8(0..100) {
            0..80 => Cutting::Whole,
            80..97 => Cutting::Pieces,
            _ => Cutting::Octets,
        };
        let by = if random.bool() { Direction::ToServer } else { Direction::ToClient };
        Self { cutting, fault, after: random.usize(0..=parts), by, rests: random.u8(..) < 26 }
    }
}

impl Cutting {
    /// The length of the next segment, of so many octets that are left. `sent` went before on this connection.
    pub(super) fn next(self, random: &mut Rng, sent: usize, left: usize) -> usize {
        /// Each takes tens of microseconds.
        const ONE_BY_ONE: usize = 500;
        let length = match self {
            Self::Octets if sent < ONE_BY_ONE => 1,
            Self::Pieces if sent < 64 * ONE_BY_ONE => random.usize(1..=1_500),
            _ => left,
        };
        length.min(left)
    }
}
