//! A protocol and its session around the real ones: they fail inside the driver, and inside what observes it.

use envoy_sdk::metrics::{Catalogue, Recorder};
use session_driver::{
    CloseCause, Direction, Need, Observation, OpaqueCause, Opening, Protocol, Session, Sink, Timestamp,
    Transport, Wanted,
};

use crate::fault::{Place, reach_or_panic};

/// A protocol that fails where it is told to.
#[derive(Debug, Default)]
pub(crate) struct Shelled<P>(P);

impl<P: Protocol> Protocol for Shelled<P> {
    const NAME: &'static str = P::NAME;
    const IDENTITIES_HAVE_DOMAINS: bool = P::IDENTITIES_HAVE_DOMAINS;
    type Limits = P::Limits;
    type Session = ShelledSession<P::Session>;

    fn catalogue() -> &'static Catalogue {
        P::catalogue()
    }

    fn session(limits: &P::Limits, wanted: Wanted, opened: Timestamp) -> Self::Session {
        reach_or_panic(Place::Session);
        ShelledSession(P::session(limits, wanted, opened))
    }

    fn observe<R: Recorder>(
        &mut self,
        event: <Self::Session as Session>::Event<'_>,
        observation: &mut Observation<'_, R>,
    ) {
        reach_or_panic(Place::Observe);
        self.0.observe(event, observation);
    }

    fn summary(&self) -> String {
        reach_or_panic(Place::Summary);
        self.0.summary()
    }

    fn closed_unseen<R: Recorder>(cause: CloseCause, metrics: &mut R) {
        P::closed_unseen(cause, metrics);
    }
}

/// A session that fails where it is told to.
#[derive(Debug)]
pub(crate) struct ShelledSession<S>(S);

/// Gives what the session inside reports to whoever listens to the one around it.
struct Through<'a, K>(&'a mut K);

impl<S: Session, K: Sink<ShelledSession<S>>> Sink<S> for Through<'_, K> {
    fn event(&mut self, event: S::Event<'_>) {
        self.0.event(event);
    }
}

impl<S: Session> Session for ShelledSession<S> {
    type Event<'e> = S::Event<'e>;

    fn need(&self, direction: Direction) -> Need {
        reach_or_panic(Place::Need);
        self.0.need(direction)
    }

    fn opens(&mut self, opening: Opening, now: Timestamp, sink: &mut impl Sink<Self>) {
        reach_or_panic(Place::Opens);
        self.0.opens(opening, now, &mut Through(sink));
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        reach_or_panic(Place::Feed);
        self.0.feed(direction, octets, now, &mut Through(sink))
    }

    fn skipped(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        reach_or_panic(Place::Skipped);
        self.0.skipped(direction, octets, now, &mut Through(sink));
    }

    fn overflow(&mut self, direction: Direction, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.0.overflow(direction, now, &mut Through(sink));
    }

    fn waited(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        reach_or_panic(Place::Waited);
        self.0.waited(direction, octets, now, &mut Through(sink));
    }

    fn half_close(
        &mut self,
        direction: Direction,
        unfinished: usize,
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) {
        reach_or_panic(Place::HalfClose);
        self.0.half_close(direction, unfinished, now, &mut Through(sink));
    }

    fn end(&mut self, cause: CloseCause, now: Timestamp, sink: &mut impl Sink<Self>) {
        reach_or_panic(Place::End);
        self.0.end(cause, now, &mut Through(sink));
    }

    fn transport(&mut self, transport: Transport) {
        self.0.transport(transport);
    }

    fn unseen(&self) -> Option<OpaqueCause> {
        self.0.unseen()
    }
}
