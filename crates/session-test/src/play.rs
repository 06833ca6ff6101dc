//! Playing records through a session, to the end of the connection.

use std::collections::BTreeMap;

use common_metrics::{Label as _, Recorder as _, Tally};
use session_driver::{Driver, PROXY_HEADERS, ProxyVersion, Session, Sink, Timestamp, Visibility};

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

/// Plays records through a session, to the end of the connection.
///
/// # Panics
/// When an octet is not accounted for exactly once, the driver holds more than [`Subject::most_buffered`], the
/// connection does not end exactly once (`connections_closed_total`), or [`Subject::check`] fails.
pub fn play<P: Subject>(records: &[Record], conditions: &Conditions<P::Setup>) -> Seen<P::Notes> {
    let mut seen = Seen::default();
    let mut driver = Driver::new(P::session(&conditions.setup, Timestamp(OPENED)));
    driver.transport(conditions.transport);
    let bound = P::most_buffered(&conditions.setup);
    let mut now = Timestamp(OPENED);
    for Record { direction, octets, at } in records {
        now = Timestamp(OPENED + at);
        let Ok(accounted) = driver.data(*direction, &octets.as_slice(), now, &mut Noting::<P>(&mut seen));
        assert_eq!(accounted.total(), octets.len() as u64, "every octet is accounted for");
        seen.parsed += accounted.parsed;
        for (cause, octets) in accounted.unseen() {
            *seen.unseen.entry(Visibility::from(cause).as_str()).or_default() += octets;
        }
        seen.most_buffered = seen.most_buffered.max(driver.buffered());
        assert!(driver.buffered() <= bound, "{} octets are kept", driver.buffered());
    }
    driver.end(conditions.ends, now, &mut Noting::<P>(&mut seen));
    assert_eq!(seen.sum("connections_closed_total"), 1, "a connection ends once");
    P::check(&seen);
    seen
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
