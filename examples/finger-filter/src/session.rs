//! One finger conversation, seen from the middle: a query line, and text until the server closes.

use session_driver::{CloseCause, Direction, Need, OpaqueCause, Opening, Session, Sink, Timestamp};

use crate::FingerLimits;
use crate::catalogue::{Anomaly, Ending};
use crate::protocol::{Query, query};

/// One thing that happened in a conversation.
#[derive(Clone, Copy, Debug)]
pub enum FingerEvent {
    /// The client asked.
    Query(Query),
    /// Something that RFC 1288 does not foresee.
    Anomaly(Anomaly),
    /// The session looks at neither direction any more.
    WentOpaque {
        /// Why.
        cause: OpaqueCause,
        /// What was wrong, if anything was.
        anomaly: Option<Anomaly>,
    },
    /// The connection is over, with the answer if there was one.
    Ended {
        /// Who ended it.
        ending: Ending,
        /// The query had no answer.
        unanswered: bool,
        /// The answer's octets.
        answer: Option<u64>,
        /// From the query's last octet to the answer's, in microseconds. `None` when the clock makes no sense of it.
        latency: Option<u64>,
    },
}

/// The state machine over both directions of one connection.
#[derive(Debug)]
pub struct FingerSession {
    limits: FingerLimits,
    /// When the query passed.
    asked: Option<Timestamp>,
    /// The client has said more than that, and it has been noted.
    said_more: bool,
    /// Octets of the answer, and when the last of them passed.
    answer: Option<(u64, Timestamp)>,
    opaque: Option<OpaqueCause>,
}

impl FingerSession {
    /// A session of a new connection.
    pub fn new(limits: &FingerLimits) -> Self {
        Self { limits: *limits, asked: None, said_more: false, answer: None, opaque: None }
    }
}

impl Session for FingerSession {
    type Event<'e> = FingerEvent;

    fn need(&self, direction: Direction) -> Need {
        match (self.opaque, direction, self.asked) {
            (Some(cause), ..) => Need::Opaque(cause),
            (None, Direction::ToServer, None) => Need::Line { max: self.limits.max_query.get() },
            // How much there is says everything: it is never read.
            _ => Need::Skip(u64::MAX),
        }
    }

    fn opens(&mut self, opening: Opening, _: Timestamp, sink: &mut impl Sink<Self>) {
        let (cause, anomaly) = match opening {
            Opening::Other => return,
            Opening::Tls => (OpaqueCause::Tls, None),
            Opening::Http => (OpaqueCause::LostSync, Some(Anomaly::Http)),
        };
        self.opaque = Some(cause);
        sink.event(FingerEvent::WentOpaque { cause, anomaly });
    }

    fn feed(&mut self, _: Direction, line: &[u8], now: Timestamp, sink: &mut impl Sink<Self>) -> usize {
        if !line.ends_with(b"\n") {
            sink.event(FingerEvent::Anomaly(Anomaly::QueryTooLong));
        }
        self.asked = Some(now);
        sink.event(FingerEvent::Query(query(line)));
        line.len()
    }

    fn skipped(&mut self, direction: Direction, octets: u64, now: Timestamp, sink: &mut impl Sink<Self>) {
        match direction {
            // Once, however it is cut.
            Direction::ToServer => {
                if !std::mem::replace(&mut self.said_more, true) {
                    sink.event(FingerEvent::Anomaly(Anomaly::MoreThanAQuery));
                }
            }
            Direction::ToClient => {
                if self.asked.is_none() && self.answer.is_none() {
                    sink.event(FingerEvent::Anomaly(Anomaly::AnswerBeforeQuery));
                }
                let before = self.answer.map_or(0, |(octets, _)| octets);
                self.answer = Some((before.saturating_add(octets), now));
            }
        }
    }

    fn end(&mut self, cause: CloseCause, _: Timestamp, sink: &mut impl Sink<Self>) {
        let answered = self.asked.zip(self.answer);
        let ending = match cause {
            CloseCause::Server if answered.is_some() => Ending::Answered,
            cause => cause.into(),
        };
        sink.event(FingerEvent::Ended {
            ending,
            unanswered: self.asked.is_some() && self.answer.is_none(),
            answer: self.answer.map(|(octets, _)| octets),
            latency: answered.and_then(|(asked, (_, last))| last.since(asked)),
        });
    }
}
