//! The start of a client's stream: PROXY protocol headers, and what stands behind them.

use memchr::memchr;

use super::Driver;
use super::stream::KeptFor;
use crate::opening::proxy_header::{ProxyHeader, ProxyVersion, V1_SIGNATURE, V2_FIXED};
use crate::opening::{LONGEST_SIGNATURE, Opening, signature_len};
use crate::session::{Direction, Need, Session, Sink, Timestamp};

/// With so many octets it is always clear what a stream starts with.
pub(super) const LONGEST_START: usize =
    if V2_FIXED > LONGEST_SIGNATURE { V2_FIXED } else { LONGEST_SIGNATURE };

/// How far the start of the client's stream is understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Start {
    /// Not yet; what has passed is kept.
    #[default]
    Unknown,
    /// Inside a PROXY protocol header that is a line.
    ProxyLine,
    /// Inside a binary PROXY protocol header of which so many octets are to come.
    ProxyRest { remaining: u16 },
    /// The session has been told, and is given everything from here on.
    Known,
}

impl<S: Session> Driver<S> {
    /// Looks at the first octets, and says how many of `octets` that has used up.
    pub(super) fn start(&mut self, octets: &[u8], now: Timestamp, sink: &mut impl Sink<S>) -> usize {
        let kept = self.stream(Direction::ToServer).kept.as_slice();
        let fresh = octets.get(..LONGEST_START.saturating_sub(kept.len())).unwrap_or(octets);
        let joined;
        let first = if kept.is_empty() {
            fresh
        } else {
            joined = [kept, fresh].concat();
            &joined
        };
        let used = kept.len();
        match self.proxy_header(first) {
            ProxyHeader::V1 => {
                self.skip_header(Start::ProxyLine);
                V1_SIGNATURE.len().saturating_sub(used)
            }
            ProxyHeader::V2 { rest } => {
                sink.proxy_header(ProxyVersion::V2);
                self.skip_header(if rest == 0 {
                    Start::Unknown
                } else {
                    Start::ProxyRest { remaining: rest }
                });
                V2_FIXED.saturating_sub(used)
            }
            ProxyHeader::Absent if let Some(opening) = Opening::of(first) => {
                self.opens(opening, now, sink);
                if self.opaque(Direction::ToServer).is_none() {
                    return 0;
                }
                // What says so has been looked at, however it was cut.
                signature_len(first).saturating_sub(used)
            }
            ProxyHeader::Absent | ProxyHeader::Undecided => {
                self.stream_mut(Direction::ToServer).keep(octets, KeptFor::Start, now);
                octets.len()
            }
        }
    }

    /// Passes over more of a header that is a line. However long the line is, the stream starts behind it.
    pub(super) fn proxy_line(&mut self, octets: &[u8], sink: &mut impl Sink<S>) -> usize {
        match memchr(b'\n', octets) {
            Some(lf) => {
                sink.proxy_header(ProxyVersion::V1);
                self.start = Start::Unknown;
                lf.saturating_add(1)
            }
            None => octets.len(),
        }
    }

    /// Passes over more of a binary header, which is not even read.
    pub(super) fn proxy_rest(&mut self, remaining: u16, available: usize) -> usize {
        let taken = available.min(remaining.into());
        let remaining = remaining.saturating_sub(u16::try_from(taken).unwrap_or(u16::MAX));
        self.start = if remaining == 0 { Start::Unknown } else { Start::ProxyRest { remaining } };
        taken
    }

    /// The server says something. One that takes a PROXY protocol header waits for it, so what the client has begun
    /// to say is none: it need not wait any longer, if that was the question.
    pub(super) fn server_speaks(&mut self, now: Timestamp, sink: &mut impl Sink<S>) {
        if !std::mem::replace(&mut self.server_spoke, true) {
            let kept = &self.stream(Direction::ToServer).kept;
            if let (false, Start::Unknown, Some(opening)) = (kept.is_empty(), self.start, Opening::of(kept)) {
                self.opens(opening, now, sink);
                self.settle_all(now, sink);
            }
        }
    }

    /// The client has nothing more to say: what it began to say is nothing special.
    pub(super) fn start_is_over(&mut self, now: Timestamp, sink: &mut impl Sink<S>) {
        if self.start == Start::Unknown && !self.stream(Direction::ToServer).kept.is_empty() {
            self.opens(Opening::Other, now, sink);
            self.settle_all(now, sink);
        }
    }

    fn proxy_header(&self, first: &[u8]) -> ProxyHeader {
        if self.server_spoke { ProxyHeader::Absent } else { ProxyHeader::at_start_of(first) }
    }

    fn skip_header(&mut self, next: Start) {
        self.stream_mut(Direction::ToServer).kept.clear();
        self.start = next;
    }

    fn opens(&mut self, opening: Opening, now: Timestamp, sink: &mut impl Sink<S>) {
        self.start = Start::Known;
        self.session.opens(opening, now, sink);
    }

    /// How many octets to read for a look at the start: as many as the session will want then.
    pub(super) fn start_read(&self, line: usize) -> usize {
        match self.session.need(Direction::ToServer) {
            Need::Line { .. } | Need::Scan => line,
            _ => LONGEST_START,
        }
    }
}
