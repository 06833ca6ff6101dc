//! Plays conversations through a session, natively.
#![allow(dead_code)] // Every test binary uses its own part of this.

pub(crate) mod captures;
pub(crate) mod cutting;
pub(crate) mod expected;
pub(crate) mod talk;

use std::collections::BTreeMap;

use common_metrics::Tally;
use session_driver::{CloseCause, Direction, Driver, Timestamp, Transport};
use smtp_filter::event::{Request, SmtpEvent};
use smtp_filter::{SmtpLimits, SmtpSession, count};

/// When every connection opens, in microseconds.
pub(crate) const OPENED: u64 = 1_700_000_000_000_000;

/// Octets that pass in one direction at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) direction: Direction,
    pub(crate) octets: Vec<u8>,
    /// Microseconds since the opening.
    pub(crate) at: u64,
}

/// How a session is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) limits: SmtpLimits,
    pub(crate) keep_identities: bool,
    pub(crate) transport: Transport,
    pub(crate) ends: CloseCause,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: SmtpLimits::default(),
            keep_identities: false,
            transport: Transport::Plain,
            ends: CloseCause::Client,
        }
    }
}

/// What a session reported.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) tally: Tally,
    /// Every event, printed.
    pub(crate) events: Vec<String>,
    /// Commands, and lines and mails that own a reply without being one.
    requests: usize,
    /// Replies after which nothing more answers the same request, blank lines' ones included.
    answered: usize,
    unanswered: usize,
    blank_lines: usize,
    /// How often each request was answered, by code: `MAIL 250`.
    pub(crate) pairs: BTreeMap<String, u64>,
    ended: usize,
    /// Senders and recipients that summaries named.
    pub(crate) identities: Vec<(String, Vec<String>)>,
    /// The most octets of memory that the driver held.
    pub(crate) most_buffered: usize,
    /// Octets that were accounted for, over both directions.
    pub(crate) accounted: u64,
}

impl Seen {
    fn event(&mut self, event: &SmtpEvent<'_>) {
        count(event, &mut self.tally);
        self.events.push(format!("{event:?}"));
        match event {
            SmtpEvent::Command { .. } => self.requests += 1,
            SmtpEvent::Reply { request, code, more, .. } => {
                self.answered += usize::from(!more);
                use common_metrics::Label as _;
                *self.pairs.entry(format!("{} {code}", request.as_str())).or_default() += 1;
                if *request == Request::AuthData || *request == Request::EndOfData {
                    self.requests += usize::from(!more);
                }
            }
            SmtpEvent::Unanswered { request } => {
                self.unanswered += 1;
                if *request == Request::AuthData || *request == Request::EndOfData {
                    self.requests += 1;
                }
            }
            SmtpEvent::Anomaly { kind: smtp_filter::event::Anomaly::BlankLine, .. } => self.blank_lines += 1,
            SmtpEvent::ConnectionEnded { .. } => self.ended += 1,
            SmtpEvent::TransactionEnded(summary) => {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                if let Some(sender) = summary.sender {
                    let recipients = summary.recipients.iter().map(|recipient| text(recipient));
                    self.identities.push((text(sender), recipients.collect()));
                }
            }
            _ => {}
        }
    }

    /// What must hold for every conversation, however hostile.
    pub(crate) fn check_sums(&self) {
        let sum = |name: &str| self.sum(name);
        assert_eq!(
            sum("transactions_started_total"),
            sum("transactions_total"),
            "every transaction has one outcome"
        );
        assert_eq!(sum("rejected_transactions_total"), self.value("transactions_total{outcome=rejected}"));
        assert_eq!(sum("accepted_transactions_total"), self.value("transactions_total{outcome=accepted}"));
        assert_eq!(self.ended, 1, "a connection ends once");
        assert_eq!(sum("connections_closed_total"), 1);
        let done = self.answered + self.unanswered;
        assert!(
            (self.requests..=self.requests + self.blank_lines).contains(&done),
            "{} requests, {} answered, {} unanswered, {} blank lines",
            self.requests,
            self.answered,
            self.unanswered,
            self.blank_lines
        );
        let opaque = self.events.iter().filter(|event| event.starts_with("WentOpaque")).count();
        assert!(opaque <= 1, "going opaque is said once");
    }

    /// One series, written `replies_total{verb=MAIL,class=2xx}`.
    pub(crate) fn value(&self, series: &str) -> i64 {
        self.series().get(series).copied().unwrap_or(0)
    }

    /// All series of one metric.
    pub(crate) fn sum(&self, metric: &str) -> i64 {
        let of_metric = |series: &&String| series.split('{').next() == Some(metric);
        let series = self.series();
        series.keys().filter(of_metric).filter_map(|name| series.get(name)).sum()
    }

    /// Every series that was touched, as `replies_total{verb=MAIL,class=2xx}`.
    pub(crate) fn series(&self) -> BTreeMap<String, i64> {
        self.tally.values.iter().map(|(name, value)| (readable(name), *value)).collect()
    }

    /// The values of one histogram, in order.
    pub(crate) fn histogram(&self, series: &str) -> Vec<u64> {
        let found = self.tally.histograms.iter().find(|(name, _)| readable(name) == series);
        found.map(|(_, values)| values.clone()).unwrap_or_default()
    }
}

/// `verb=.=MAIL;.;class=.=2xx;.;replies_total` as `replies_total{verb=MAIL,class=2xx}`.
fn readable(stat_name: &str) -> String {
    match stat_name.rsplit_once(";.;") {
        Some((labels, metric)) => format!("{metric}{{{}}}", labels.replace("=.=", "=").replace(";.;", ",")),
        None => stat_name.to_owned(),
    }
}

/// Plays records through a session, to the end of the connection.
pub(crate) fn play(records: &[Record], setup: &Setup) -> Seen {
    let mut seen = Seen::default();
    let session = SmtpSession::new(&setup.limits, setup.keep_identities, Timestamp(OPENED));
    let mut driver = Driver::new(session);
    driver.transport(setup.transport);
    let mut last = OPENED;
    for Record { direction, octets, at } in records {
        let mut sink = |event: SmtpEvent<'_>| seen.event(&event);
        last = OPENED + at;
        let accounted = match driver.data(*direction, &octets.as_slice(), Timestamp(last), &mut sink) {
            Ok(accounted) => accounted,
            Err(never) => match never {},
        };
        let opaque = accounted.opaque.map_or(0, |(_, octets)| octets);
        assert_eq!(accounted.parsed + opaque, octets.len() as u64, "every octet is accounted for");
        seen.accounted += octets.len() as u64;
        seen.most_buffered = seen.most_buffered.max(driver.buffered());
    }
    driver.end(setup.ends, Timestamp(last), &mut |event: SmtpEvent<'_>| seen.event(&event));
    seen.check_sums();
    seen
}
