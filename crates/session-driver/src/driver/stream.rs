//! One direction of a connection: what passed in it and is waiting for its rest.

use std::fmt;

use crate::session::Timestamp;

/// Capacity that a stream's buffer may keep between uses, in octets; it is what an idle connection costs.
const KEPT_CAPACITY: usize = 256;

/// One direction.
#[derive(Default)]
pub(super) struct Stream {
    /// Octets that passed and that the session has not been given yet.
    /// Invariant: without an LF while `kept_for` is `Line`.
    pub(super) kept: Vec<u8>,
    /// What the octets in `kept` wait for; meaningless while it is empty.
    pub(super) kept_for: KeptFor,
    /// When the last of them passed.
    pub(super) kept_at: Option<Timestamp>,
    /// The session waits for the other direction, as far as it has been asked.
    pub(super) waits: bool,
    /// Octets that passed so far.
    pub(super) offset: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeptFor {
    #[default]
    Line,
    Exact,
    OtherDirection,
    /// Until it is clear what the stream starts with.
    Start,
}

impl Stream {
    pub(super) fn keep(&mut self, octets: &[u8], kept_for: KeptFor, now: Timestamp) {
        self.kept.extend_from_slice(octets);
        self.kept_for = kept_for;
        self.kept_at = Some(now);
    }

    /// How many octets wait for the other direction.
    pub(super) fn waiting(&self) -> usize {
        if self.kept_for == KeptFor::OtherDirection { self.kept.len() } else { 0 }
    }

    /// Takes an emptied buffer back, unless it is larger than an idle connection should hold on to.
    pub(super) fn reuse(&mut self, mut buffer: Vec<u8>) {
        if self.kept.capacity() == 0 && buffer.capacity() <= KEPT_CAPACITY {
            buffer.clear();
            self.kept = buffer;
        }
    }

    pub(super) fn free(&mut self) {
        self.kept = Vec::new();
    }
}

/// Says how much there is, not what: credentials may be among it.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, kept_for, kept_at: _, waits, offset } = self;
        f.debug_struct("Stream")
            .field("kept", &format_args!("{} octets", kept.len()))
            .field("kept_for", kept_for)
            .field("waits", waits)
            .field("offset", offset)
            .finish()
    }
}
