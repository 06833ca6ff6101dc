//! What a protocol has to bring.

use common_metrics::{Catalogue, Recorder};
use serde::de::DeserializeOwned;

use crate::events::{Event, EventLog, Written};
use crate::identity::Redactor;
use crate::session::{CloseCause, Direction, OpaqueCause, Session, Timestamp};
use crate::{CLOCK_ANOMALIES, EVENTS, EVENTS_DROPPED};

/// A protocol that is observed: its session, its metrics, and how the one becomes the other. A value of the
/// type belongs to one connection.
pub trait Protocol: Default + 'static {
    /// The filter's name: `root_id`, first segment of every stat name, and the key of the filter state.
    const NAME: &'static str;

    /// The metrics, sharing [`OBSERVER`](crate::OBSERVER).
    fn catalogue() -> &'static Catalogue;

    /// Whether identities are mail addresses, so that `identities: domain` means something.
    const IDENTITIES_HAVE_DOMAINS: bool;

    /// The bounds that the configuration's `limits` sets.
    type Limits: DeserializeOwned + Default + Send + Sync + 'static;

    /// The state machine.
    type Session: Session + 'static;

    /// The session of a connection that was opened at `opened`. What only events say is kept only if it is wanted.
    fn session(limits: &Self::Limits, wanted: Wanted, opened: Timestamp) -> Self::Session;

    /// Turns what the session saw into metrics, events and the summary for access logs.
    fn observe<R: Recorder>(
        &mut self,
        event: <Self::Session as Session>::Event<'_>,
        observation: &mut Observation<'_, R>,
    );

    /// What access logs print about the connection: `%FILTER_STATE(wasm.<filter>:PLAIN)%`. It is printed as it is, so
    /// it may only hold words that the filter itself chose, or what is escaped to be like them. Asked for at the end
    /// of a callback in which [`Observation::summarise`] was called, and some time after
    /// [`Observation::summarise_soon`].
    fn summary(&self) -> String;

    /// Counts the end of a connection that had no session, because the mode is `off`: connections opened and
    /// closed must add up there too.
    fn closed_unseen<R: Recorder>(cause: CloseCause, metrics: &mut R);
}

/// What the configuration wants to be remembered of a connection, beside what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whatever events say.
    pub events: bool,
    /// Who is spoken of, in events and in the summary for access logs.
    pub identities: bool,
}

/// Where a protocol writes what it observed.
pub struct Observation<'a, R> {
    /// The metrics.
    pub metrics: &'a mut R,
    pub(crate) events: &'a EventLog,
    pub(crate) redactor: &'a Redactor,
    pub(crate) now: Timestamp,
    pub(crate) connection: &'a dyn Fn() -> Option<u64>,
    pub(crate) summary: &'a mut SummaryChange,
    pub(crate) lost: &'a mut Option<Lost>,
}

/// Whether access logs are to be told something else than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SummaryChange {
    /// No.
    #[default]
    None,
    /// Within a second of traffic, and at the end of the connection.
    Soon,
    /// At the end of this callback.
    Now,
}

/// How a session lost its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    pub(crate) direction: Direction,
    pub(crate) state: &'static str,
    pub(crate) kind: &'static str,
}

impl<R: Recorder> Observation<'_, R> {
    /// Writes an event to the event log, if events are on. `fill` is only called then.
    pub fn event(&mut self, kind: &'static str, fill: impl FnOnce(&mut Event, &Redactor)) {
        let redactor = self.redactor;
        let written = self.events.write(kind, self.now, self.connection, |event| {
            if let Some(key) = redactor.key_id() {
                event.set("identity_key", key);
            }
            fill(event, redactor);
        });
        match written {
            Written::Logged => self.metrics.add(&EVENTS, (), 1),
            Written::Dropped => self.metrics.add(&EVENTS_DROPPED, (), 1),
            Written::Skipped => {}
        }
    }

    /// Says that [`Protocol::summary`] is another one now.
    pub fn summarise(&mut self) {
        *self.summary = SummaryChange::Now;
    }

    /// Says that [`Protocol::summary`] is another one now, as it may be many times a second: access logs are told at
    /// most once a second, and at the end of the connection.
    pub fn summarise_soon(&mut self) {
        *self.summary = SummaryChange::Soon.max(*self.summary);
    }

    /// What may be said about people.
    pub fn redactor(&self) -> &Redactor {
        self.redactor
    }

    /// Counts an interval that the clock made impossible.
    pub fn clock_anomaly(&mut self) {
        self.metrics.add(&CLOCK_ANOMALIES, (), 1);
    }

    /// Says that the session is opaque from now on. Lost framing is logged once, without any octets, and
    /// closes the connection where the configuration says so.
    pub fn went_opaque(
        &mut self,
        cause: OpaqueCause,
        direction: Direction,
        state: &'static str,
        kind: &'static str,
    ) {
        if cause == OpaqueCause::LostSync {
            *self.lost = Some(Lost { direction, state, kind });
        }
    }
}
