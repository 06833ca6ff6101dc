//! Playing records through a session, to the end of the connection.

use std::collections::BTreeMap;

use common_metrics::{Label as _, Recorder as _, Tally};
use session_driver::{
    CloseCause, Direction, Driver, PROXY_HEADERS, ProxyVersion, Session, Sink, Timestamp, Visibility,
};

use crate::cutting::{coalesced, in_pieces, octet_by_octet};
use crate::series::readable;
use crate::{Conditions, Record, Series, Subject};

/// When every connection opens, in microseconds since the Unix epoch.
pub const OPENED: u64 = 1_700_000_000_000_000;

/// What came of a conversation.
#[derive(Debug, Default)]
pub struct Seen<N> {
    /// What was counted.
    pub tally: Tally,
    /// Every event, printed.
    pub events: Vec<String>,
    /// What the subject noted.
    pub notes: N,
    /// Octets of both directions that the session followed.
    pub parsed: u64,
    /// Octets of both directions that passed unseen, by cause as in `bytes_total{visibility}`.
    pub unseen: BTreeMap<&'static str, u64>,
    /// The most octets of memory that the driver held.
    pub most_buffered: usize,
}

impl<N> Seen<N> {
    /// Every series that was touched.
    pub fn series(&self) -> Series {
        Series::of(&self.tally)
    }

    /// One series, written `replies_total{verb=MAIL,class=2xx}`.
    pub fn value(&self, series: &str) -> i64 {
        self.series().value(series)
    }

    /// All series of one metric together.
    pub fn sum(&self, metric: &str) -> i64 {
        self.series().sum(metric)
    }

    /// The values of one histogram, in order.
    pub fn histogram(&self, series: &str) -> Vec<u64> {
        let found = self.tally.histograms.iter().find(|(name, _)| readable(name) == series);
        found.map(|(_, values)| values.clone()).unwrap_or_default()
    }

    /// Octets of both directions.
    pub fn octets(&self) -> u64 {
        self.parsed + self.unseen.values().sum::<u64>()
    }
}

/// Takes what one conversation reports.
struct Noting<'a, P: Subject>(&'a mut Seen<P::Notes>);

impl<P: Subject> Sink<P::Session> for Noting<'_, P> {
    fn event(&mut self, event: <P::Session as Session>::Event<'_>) {
        P::event(&event, &mut self.0.tally, &mut self.0.notes);
        self.0.events.push(format!("{event:?}"));
    }

    fn proxy_header(&mut self, version: ProxyVersion) {
        self.0.tally.add(&PROXY_HEADERS, version, 1);
    }
}

/// One connection on its way through a session.
pub struct Player<P: Subject> {
    driver: Driver<P::Session>,
    seen: Seen<P::Notes>,
    /// The most octets that the driver may hold.
    bound: usize,
    /// When the last thing happened.
    now: Timestamp,
    ends: CloseCause,
}

impl<P: Subject> Player<P> {
    /// A connection that has just been opened.
    pub fn new(conditions: &Conditions<P::Setup>) -> Self {
        let mut driver = Driver::new(P::session(&conditions.setup, Timestamp(OPENED)));
        driver.transport(conditions.transport);
        Self {
            driver,
            seen: Seen::default(),
            bound: P::most_buffered(&conditions.setup),
            now: Timestamp(OPENED),
            ends: conditions.ends,
        }
    }

    /// Octets pass.
    ///
    /// # Panics
    /// When one is not accounted for exactly once, or the driver holds more than [`Subject::most_buffered`].
    pub fn passes(&mut self, Record { direction, octets, at }: &Record) {
        self.now = Timestamp(OPENED + at);
        let sink = &mut Noting::<P>(&mut self.seen);
        let Ok(accounted) = self.driver.data(*direction, &octets.as_slice(), self.now, sink);
        assert_eq!(accounted.total(), octets.len() as u64, "every octet is accounted for");
        self.seen.parsed += accounted.parsed;
        for (cause, octets) in accounted.unseen() {
            *self.seen.unseen.entry(Visibility::from(cause).as_str()).or_default() += octets;
        }
        let buffered = self.driver.buffered();
        self.seen.most_buffered = self.seen.most_buffered.max(buffered);
        assert!(buffered <= self.bound, "{buffered} octets are kept");
    }

    /// A direction ends behind its last octet, so many microseconds after the opening.
    pub fn half_closes(&mut self, direction: Direction, at: u64) {
        self.now = Timestamp(OPENED + at);
        self.driver.half_close(direction, self.now, &mut Noting::<P>(&mut self.seen));
    }

    /// The connection is over.
    ///
    /// # Panics
    /// When it has not ended exactly once (`connections_closed_total`), or [`Subject::check`] fails.
    pub fn ends(mut self) -> Seen<P::Notes> {
        self.driver.end(self.ends, self.now, &mut Noting::<P>(&mut self.seen));
        assert_eq!(self.seen.sum("connections_closed_total"), 1, "a connection ends once");
        P::check(&self.seen);
        self.seen
    }
}

/// Plays records through a session, to the end of the connection.
///
/// # Panics
/// When [`Player`] does.
pub fn play<P: Subject>(records: &[Record], conditions: &Conditions<P::Setup>) -> Seen<P::Notes> {
    let mut player = Player::<P>::new(conditions);
    for record in records {
        player.passes(record);
    }
    player.ends()
}

/// Plays records as they are, octet by octet and in pieces of these lengths, and demands the same events.
///
/// # Panics
/// When they differ, and when [`play`] does.
pub fn play_cut<P: Subject>(
    records: &[Record],
    conditions: &Conditions<P::Setup>,
    lengths: &[usize],
) -> Seen<P::Notes> {
    let whole = play::<P>(records, conditions);
    for (how, records) in
        [("octet by octet", octet_by_octet(records)), ("in pieces", in_pieces(records, lengths))]
    {
        let cut = play::<P>(&records, conditions);
        assert_eq!(cut.events, whole.events, "{how}");
        assert_eq!((cut.parsed, &cut.unseen), (whole.parsed, &whole.unseen), "{how}");
    }
    whole
}

/// The same, and coalesced too; times then differ, so what has to be the same are the counts.
///
/// # Panics
/// When they differ, and when [`play`] does.
pub fn play_every_way<P: Subject>(records: &[Record], conditions: &Conditions<P::Setup>) -> Seen<P::Notes> {
    let whole = play_cut::<P>(records, conditions, &[3, 1, 7, 2]);
    let together = play::<P>(&coalesced(records), conditions);
    assert_eq!(together.series(), whole.series(), "coalesced");
    assert_eq!((together.parsed, &together.unseen), (whole.parsed, &whole.unseen), "coalesced");
    whole
}
