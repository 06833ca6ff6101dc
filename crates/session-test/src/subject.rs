//! A protocol under test.

use std::fmt::Debug;

use common_metrics::Tally;
use session_driver::{CloseCause, Session, Timestamp, Transport};

use crate::Seen;

/// A protocol under test: how its session is made, how its events are counted, and what must hold for every
/// conversation.
pub trait Subject {
    /// The state machine.
    type Session: for<'e> Session<Event<'e>: Debug>;
    /// What a session is made with: limits, and whatever else it asks for.
    type Setup: Clone + Debug + Default;
    /// What tests want to know of a conversation beside the counts; `()` for nothing.
    type Notes: Debug + Default;

    /// A session of a connection that was opened at `opened`.
    fn session(setup: &Self::Setup, opened: Timestamp) -> Self::Session;

    /// Counts an event as the filter does, and notes what counts do not tell.
    fn event(event: &<Self::Session as Session>::Event<'_>, tally: &mut Tally, notes: &mut Self::Notes);

    /// The most octets of memory that the driver may hold for both directions. A buffer that grows may take twice what
    /// is in it.
    fn most_buffered(setup: &Self::Setup) -> usize;

    /// Asserts what must hold for every conversation, however hostile, beside what
    /// [`play`](crate::play::play) asserts for every protocol.
    fn check(_seen: &Seen<Self::Notes>) {}
}

/// What a conversation happens under.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<C> {
    /// What the session is made with.
    pub setup: C,
    /// How the client's leg is protected.
    pub transport: Transport,
    /// Who ends the connection.
    pub ends: CloseCause,
}

/// In clear text, and ended by the client.
impl<C: Default> Default for Conditions<C> {
    fn default() -> Self {
        Self { setup: C::default(), transport: Transport::Plain, ends: CloseCause::Client }
    }
}
