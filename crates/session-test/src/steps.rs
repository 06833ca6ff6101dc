//! Counts what a driver makes a session do: a measure of cost that is the same on every machine.

use session_driver::{
    CloseCause, Direction, Need, OpaqueCause, Opening, Session, Sink, Timestamp, Transport,
};

/// A session, and how often it was asked for how much.
#[derive(Debug)]
pub struct Steps<S> {
    session: S,
    /// Calls that brought something.
    pub calls: u64,
    /// Octets that were brought, each as often as it was.
    pub octets: u64,
}

impl<S> Steps<S> {
    /// Nothing has happened yet.
    pub fn of(session: S) -> Self {
        Self { session, calls: 0, octets: 0 }
    }
}

/// Hands events on as those of the session inside.
struct Inside<'a, K>(&'a mut K);

impl<S: Session, K: Sink<Steps<S>>> Sink<S> for Inside<'_, K> {
    fn event(&mut self, event: S::Event<'_>) {
        self.0.event(event);
    }
}

impl<S: Session> Session for Steps<S> {
    type Event<'e> = S::Event<'e>;

    fn need(&self, direction: Direction) -> Need {
        self.session.need(direction)
    }

    fn opens(&mut self, opening: Opening, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.session.opens(opening, now, &mut Inside(sink));
    }

    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        self.calls += 1;
        self.octets += octets.len() as u64;
        self.session.feed(direction, octets, now, &mut Inside(sink))
    }

    fn feed_ahead(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        let taken = self.session.feed_ahead(direction, octets, now, &mut Inside(sink));
        self.calls += 1;
        self.octets += taken as u64;
        taken
    }

    fn skipped(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.calls += 1;
        self.session.skipped(direction, octets, now, &mut Inside(sink));
    }

    fn overflow(&mut self, direction: Direction, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.calls += 1;
        self.session.overflow(direction, now, &mut Inside(sink));
    }

    fn waited(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.calls += 1;
        self.session.waited(direction, octets, now, &mut Inside(sink));
    }

    fn half_close(
        &mut self,
        direction: Direction,
        unfinished: usize,
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) {
        self.session.half_close(direction, unfinished, now, &mut Inside(sink));
    }

    fn end(&mut self, cause: CloseCause, now: Timestamp, sink: &mut impl Sink<Self>) {
        self.session.end(cause, now, &mut Inside(sink));
    }

    fn transport(&mut self, transport: Transport) {
        self.session.transport(transport);
    }

    fn unseen(&self) -> Option<OpaqueCause> {
        self.session.unseen()
    }
}
