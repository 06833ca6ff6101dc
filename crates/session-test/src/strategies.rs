//! Conversations that nobody thought of, for property tests.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use session_driver::{CloseCause, Direction};

use crate::Record;

/// Up to 60 things said, each up to 3 ms after the one before.
pub fn conversation(said: impl Strategy<Value = (Direction, Vec<u8>)>) -> impl Strategy<Value = Vec<Record>> {
    vec((said, 0..3_000_u64), 0..60).prop_map(|said| {
        let mut at = 0;
        let mut records = Vec::new();
        for ((direction, octets), later) in said {
            at += later;
            records.push(Record { direction, octets, at });
        }
        records
    })
}

/// A conversation of any octets at all.
pub fn noise() -> impl Strategy<Value = Vec<Record>> {
    conversation((direction(), vec(any::<u8>(), 0..80)))
}

/// Either direction.
pub fn direction() -> impl Strategy<Value = Direction> {
    select(Direction::BOTH.as_slice())
}

/// Every way in which a connection ends.
pub fn ending() -> impl Strategy<Value = CloseCause> {
    select([CloseCause::Client, CloseCause::Server, CloseCause::Local, CloseCause::Unknown].as_slice())
}

/// Lengths of pieces into which to cut, each from 1 to `longest` octets.
pub fn lengths(longest: usize) -> impl Strategy<Value = Vec<usize>> {
    vec(1..=longest, 1..20)
}
