//! A session whose work is counted: not how long it takes, but how often it is called and what it is given.

use std::cell::Cell;

use session_driver::{
    CloseCause, Direction, Need, OpaqueCause, Opening, ProxyVersion, Session, Sink, Timestamp, Transport,
};

/// What was asked of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Calls that bring something: octets, their passing, the other side's word.
    pub calls: u64,
    /// How often it was asked what it wants.
    pub asked: Cell<u64>,
    /// Octets that it took, or was told to have passed, by direction.
    pub octets: [u64; 2],
    /// Octets that it was given to look at, each as often as it was.
    pub looked_at: u64,
}

/// A session, and the work that it was given.
#[derive(Debug)]
pub struct Metered<S> {
    session: S,
    work: Work,
}

impl<S> Metered<S> {
    /// A session that has not been asked for anything.
    pub fn new(session: S) -> Self {
        Self { session, work: Work::default() }
    }

    /// The work so far.
    pub fn work(&self) -> &Work {
        &self.work
    }

    fn took(&mut self, direction: Direction, octets: u64) {
        self.work.octets[direction as usize] += octets;
    }
}

/// The sink of a metered session, as that of the session inside.
struct Inside<'a, K>(&'a mut K);

impl<S: Session, K: Sink<Metered<S>>> Sink<S> for Inside<'_, K> {
    fn event(&mut self, event: S::Event<'_>) {
        self.0.event(event);
    }

    fn proxy_header(&mut self, version: ProxyVersion) {
        self.0.proxy_header(version);
    }
}

impl<S: Session> Session for Metered<S> {
    type Event<'e> = S::Event<'e>;

    fn need(&self, direction: Direction) -> Need {
        self.work.asked.set(self.work.asked.get() + 1);
        self.session.need(direction)
    }

    fn opens(&mut self, opening: Opening, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.work.calls += 1;
        self.session.opens(opening, now, &mut Inside(sink));
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        self.work.calls += 1;
        self.work.looked_at += octets.len() as u64;
        let need = self.session.need(direction);
        let taken = self.session.feed(direction, octets, now, &mut Inside(sink));
        let all = !matches!(need, Need::Scan);
        self.took(direction, if all { octets.len() } else { taken } as u64);
        taken
    }

    fn feed_ahead(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        self.work.calls += 1;
        let taken = self.session.feed_ahead(direction, octets, now, &mut Inside(sink));
        self.work.looked_at += taken as u64;
        self.took(direction, taken as u64);
        taken
    }

    fn skipped(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.work.calls += 1;
        self.took(direction, octets);
        self.session.skipped(direction, octets, now, &mut Inside(sink));
    }

    fn overflow(&mut self, direction: Direction, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.work.calls += 1;
        self.session.overflow(direction, now, &mut Inside(sink));
    }

    fn waited(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.work.calls += 1;
        self.session.waited(direction, octets, now, &mut Inside(sink));
    }

    fn half_close(
        &mut self,
        direction: Direction,
        unfinished: usize,
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) {
        self.work.calls += 1;
        self.session.half_close(direction, unfinished, now, &mut Inside(sink));
    }

    fn end(&mut self, cause: CloseCause, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.work.calls += 1;
        self.session.end(cause, now, &mut Inside(sink));
    }

    fn transport(&mut self, transport: Transport) {
        self.session.transport(transport);
    }

    fn unseen(&self) -> Option<OpaqueCause> {
        self.session.unseen()
    }
}
