//! Octets on their way.

use session_driver::Direction;

/// Octets that pass in one direction at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which way.
    pub direction: Direction,
    /// What passes.
    pub octets: Vec<u8>,
    /// When, in microseconds since the connection was opened.
    pub at: u64,
}
