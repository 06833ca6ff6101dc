//! The session: a protocol's state machine, without any input or output of its own.

use common_metrics::label;

use crate::opening::Opening;
use crate::opening::proxy_header::ProxyVersion;

/// Which way octets flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the client (downstream) to the server.
    ToServer,
    /// From the server (upstream) to the client.
    ToClient,
}

impl Direction {
    /// Both directions.
    pub const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];
}

/// Wall time in microseconds since the Unix epoch, read once per callback.
///
/// Envoy's Wasm clock is wall time, so it can jump: see [`Timestamp::since`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Longest interval that is believed: one day, in microseconds.
    pub const LONGEST: u64 = 24 * 60 * 60 * 1_000_000;

    /// Microseconds from `earlier` to `self`; `None` when the clock went backwards or the interval is
    /// longer than [`Self::LONGEST`]. Such intervals are dropped and counted.
    pub fn since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0).filter(|interval| *interval <= Self::LONGEST)
    }
}

/// Why a session does not look into octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpaqueCause {
    /// TLS after the protocol's own upgrade command.
    Starttls,
    /// TLS from the first octet.
    Tls,
    /// A SASL security layer that encrypts.
    SaslSealed,
    /// The session could no longer follow the framing.
    LostSync,
}

impl OpaqueCause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Starttls, Self::Tls, Self::SaslSealed, Self::LostSync];
}

label! {
    /// How the downstream leg of a connection is protected.
    pub enum Transport: "transport" {
        /// Clear text.
        Plain = "plain",
        /// TLS that ends in this Envoy.
        Tls = "tls",
        /// TLS that ends in this Envoy, with a client certificate.
        Mtls = "mtls",
        /// TLS that was negotiated inside the protocol and passes through.
        Starttls = "starttls",
    }
}

/// How a connection came to its end, as far as Envoy tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The client closed or reset first.
    Client,
    /// The server closed or reset first.
    Server,
    /// This Envoy closed: a time-out, a drain, a filter.
    Local,
    /// Not known.
    Unknown,
}

/// What a session wants to see next in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// One line up to and including its LF. Of a longer line the session is given the first `max` octets,
    /// without an LF, once the line's end has passed.
    Line {
        /// Longest line in octets, LF included.
        max: usize,
    },
    /// Exactly so many octets, at once. Never 0.
    Exact(usize),
    /// So many octets are of no interest and are never read from the host. Never 0.
    Skip(u64),
    /// So many octets cannot be seen into, although it is known where they end: they pass, are never read from
    /// the host, and count as unseen. [`Session::skipped`] says how many have passed.
    Unseen {
        /// How many. Never 0.
        octets: u64,
        /// Why.
        cause: OpaqueCause,
    },
    /// Whatever there is; the session says how much of it it took.
    Scan,
    /// What these octets mean depends on what the other direction says next. They pass on as always, and
    /// up to `max` octets are kept for the session; with more it is told [`Session::overflow`]. Once the need
    /// is another one, the session is told [`Session::waited`] and given what was kept.
    Wait {
        /// How many octets may be kept.
        max: usize,
    },
    /// Nothing, ever again, in this direction.
    Opaque(OpaqueCause),
}

/// Where a session reports what it saw.
pub trait Sink<S: Session + ?Sized> {
    /// Takes one event. Events borrow from the session's input and live only for this call.
    fn event(&mut self, event: S::Event<'_>);

    /// Takes note of a PROXY protocol header in front of the client's octets. The driver says this, not the
    /// session, which never sees one.
    fn proxy_header(&mut self, _version: ProxyVersion) {}
}

impl<S: Session, F: FnMut(S::Event<'_>)> Sink<S> for F {
    fn event(&mut self, event: S::Event<'_>) {
        self(event);
    }
}

/// One conversation, seen from the middle: a state machine over the octets of both directions.
///
/// A session *pulls*: the driver asks [`need`](Session::need) for a direction, brings just that, and asks
/// again. So results do not depend on how TCP cut the stream, and what is skipped is never copied. A session
/// never fails: octets that it cannot follow are an event and, at worst, make it opaque. What it need not know about,
/// it need not implement: methods with a body do nothing unless it does.
pub trait Session {
    /// What the session reports.
    type Event<'e>;

    /// What the session wants next in this direction. The answer may change whenever the session is called,
    /// also with data of the other direction.
    fn need(&self, direction: Direction) -> Need;

    /// Says what the client's stream starts with, before the first of its octets is given. PROXY protocol
    /// headers do not count: a session never sees them.
    fn opens(&mut self, _opening: Opening, _now: Timestamp, _sink: &mut impl Sink<Self>) {}

    /// Gives the session what it asked for, and returns how many octets it took.
    ///
    /// For [`Need::Line`] and [`Need::Exact`] that is always all of them; for [`Need::Scan`] it may be fewer
    /// (but at least one), and what is left is offered again according to the need that holds then.
    fn feed(
        &mut self,
        direction: Direction,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize;

    /// Offers octets of which the session needs the first ([`Need::Exact`]), and others behind them that have been read
    /// along. It may take at once what it would need one after the other, and returns how many octets it took: none
    /// at all, unless it does better than with [`feed`](Session::feed) and [`skipped`](Session::skipped). It stops where the
    /// other direction no longer [waits](Need::Wait): what was kept there comes first.
    fn feed_ahead(
        &mut self,
        _direction: Direction,
        _octets: &[u8],
        _now: Timestamp,
        _sink: &mut impl Sink<Self>,
    ) -> usize {
        0
    }

    /// Says that octets passed which the session had asked to skip, or has called unseen.
    fn skipped(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>);

    /// Says that more octets came than [`Need::Wait`] allows for. Afterwards the need should be another one: as long as it
    /// is not, what comes is not kept.
    fn overflow(&mut self, _direction: Direction, _now: Timestamp, _sink: &mut impl Sink<Self>) {}

    /// Says that what [`Need::Wait`] waited for is decided: the need is another one now. In between so many
    /// octets came, perhaps none. They are given again next, or dropped if the direction is opaque now.
    fn waited(&mut self, _direction: Direction, _octets: u64, _now: Timestamp, _sink: &mut impl Sink<Self>) {}

    /// Says that this direction has ended (a half-close), after its last octet. `unfinished` octets
    /// were left of something incomplete.
    fn half_close(
        &mut self,
        _direction: Direction,
        _unfinished: usize,
        _now: Timestamp,
        _sink: &mut impl Sink<Self>,
    ) {
    }

    /// Says that the connection is over. Called exactly once, last.
    fn end(&mut self, cause: CloseCause, now: Timestamp, sink: &mut impl Sink<Self>);

    /// Tells how the downstream leg is protected; known with the first data at the latest.
    fn transport(&mut self, _transport: Transport) {}

    /// Why part of the connection could not be seen although its framing was followed: what the whole
    /// connection counts as, unless a direction is opaque.
    fn unseen(&self) -> Option<OpaqueCause> {
        None
    }
}
