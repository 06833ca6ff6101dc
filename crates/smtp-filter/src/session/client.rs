//! What the client says, and what its octets are at each point.

use std::fmt;

use memchr::memchr;
use session_driver::{Direction, Need, OpaqueCause, Sink, Timestamp};

use super::SmtpSession;
use super::pipeline::{Asked, Pending};
use crate::anomaly::Anomaly;
use crate::event::{ProxyVersion, SmtpEvent};
use crate::protocol::data::{DataOddity, DataScanner, Scanned};
use crate::protocol::first::{self, Opening};

/// Octets of CR LF `.` CR LF that are not part of the mail: its first CR LF ends the mail's last line.
const END_OF_DATA_MARK: u64 = b".\r\n".len() as u64;

/// What the client's next octets are.
#[derive(Debug)]
pub(super) enum Client {
    /// The first of the connection, or the first after a PROXY header.
    Opening,
    /// The rest of a PROXY protocol header, version 1.
    ProxyLine,
    /// The rest of a PROXY protocol header, version 2.
    ProxyRest { remaining: u16 },
    /// Command lines.
    Commands,
    /// Only the reply to what was sent last can tell.
    Undecided(Undecided),
    /// One line of an AUTH exchange.
    AuthLine,
    /// A mail behind DATA.
    Mail(Mail),
    /// The octets that BDAT has announced.
    Chunk { remaining: u64 },
    /// Nobody looks.
    Opaque(OpaqueCause),
}

/// What has to be answered before the client's octets mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecided {
    /// DATA: with 354 they are the mail, else commands.
    Data,
    /// AUTH, or a line of the exchange: with 334 the next line of it, else commands.
    Auth,
    /// STARTTLS: with 220 injected, else commands.
    Starttls,
}

/// A mail that is passing.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) scanner: DataScanner,
    pub(super) octets: u64,
    /// When the last octet passed.
    pub(super) at: Timestamp,
    /// The server has refused it already, and lets the client finish.
    pub(super) answered: bool,
}

/// Octets that the client has sent and that are not understood yet: the beginning of a line, or what is
/// undecided. At most `max_undecided_octets`, give or take the first octets of a connection.
#[derive(Default)]
pub(super) struct Held {
    octets: Vec<u8>,
    /// When the last of them passed.
    at: Timestamp,
}

/// Says how much there is, not what: credentials may be among it.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} octets)", self.octets.len())
    }
}

impl Held {
    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    fn keep(&mut self, octets: &[u8], now: Timestamp) {
        self.octets.extend_from_slice(octets);
        self.at = now;
    }
}

impl Client {
    /// The state as a word, for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::ProxyLine | Self::ProxyRest { .. } => "proxy_header",
            Self::Commands => "commands",
            Self::Undecided(Undecided::Data) => "data_unanswered",
            Self::Undecided(Undecided::Auth) => "auth_unanswered",
            Self::Undecided(Undecided::Starttls) => "starttls_unanswered",
            Self::AuthLine => "auth_line",
            Self::Mail(_) => "mail",
            Self::Chunk { .. } => "chunk",
            Self::Opaque(_) => "opaque",
        }
    }
}

impl Mail {
    /// A mail that starts now.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { scanner: DataScanner::new(), octets: 0, at: now, answered: false }
    }

    /// Whether some server may have seen its end already.
    pub(super) fn may_have_ended(&self) -> bool {
        let oddities = self.scanner.oddities();
        oddities.contains(DataOddity::BareLfEndOfData) || oddities.contains(DataOddity::BareCrEndOfData)
    }
}

impl SmtpSession {
    pub(super) fn client_need(&self) -> Need {
        match self.client {
            Client::Opening | Client::Undecided(_) | Client::Mail(_) => Need::Scan,
            Client::ProxyLine | Client::Commands | Client::AuthLine => {
                Need::Line { max: self.longest_line().saturating_sub(self.held.len()).max(1) }
            }
            Client::ProxyRest { remaining } => Need::Skip(remaining.into()),
            Client::Chunk { remaining } => Need::Skip(remaining),
            Client::Opaque(cause) => Need::Opaque(cause),
        }
    }

    /// Longest line that is looked at whole; of a longer one this much is, without its LF.
    fn longest_line(&self) -> usize {
        match self.client {
            Client::ProxyLine => first::PROXY_V1_LONGEST,
            _ => self.limits.max_command_line.get(),
        }
    }

    /// Takes what was asked for, and says how much of it.
    pub(super) fn client_octets(
        &mut self,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        match &mut self.client {
            Client::Opening => self.opening(octets, now, sink),
            Client::Undecided(undecided) => {
                let undecided = *undecided;
                self.undecided(undecided, octets, now, sink)
            }
            Client::Mail(_) => self.mail(octets, now, sink),
            Client::ProxyLine | Client::Commands | Client::AuthLine => {
                if self.held.len() == 0 {
                    self.client_line(octets, now, sink);
                } else {
                    let mut line = std::mem::take(&mut self.held.octets);
                    line.extend_from_slice(octets);
                    line.truncate(self.longest_line());
                    self.client_line(&line, now, sink);
                }
                octets.len()
            }
            Client::ProxyRest { .. } | Client::Chunk { .. } | Client::Opaque(_) => octets.len(),
        }
    }

    pub(super) fn client_skipped(&mut self, octets: u64, now: Timestamp) {
        match &mut self.client {
            Client::ProxyRest { remaining } => {
                *remaining = remaining.saturating_sub(u16::try_from(octets).unwrap_or(u16::MAX));
                if *remaining == 0 {
                    self.client = Client::Opening;
                }
            }
            Client::Chunk { remaining } => {
                *remaining = remaining.saturating_sub(octets);
                if *remaining == 0 {
                    self.client = Client::Commands;
                    self.pending.payload_complete(now);
                }
            }
            _ => {}
        }
    }

    /// The connection is over while the client was saying something.
    pub(super) fn client_left(&mut self, sink: &mut impl Sink<Self>) {
        match &self.client {
            Client::Mail(_) => self.mail_over(sink),
            Client::Chunk { .. } => {}
            _ => return,
        }
        self.anomaly(Anomaly::LeftInData, Direction::ToServer, sink);
    }

    /// Takes octets until it is clear what the stream is.
    fn opening(&mut self, octets: &[u8], now: Timestamp, sink: &mut impl Sink<Self>) -> usize {
        if self.held.len() == 0
            && Opening::of(octets) == Opening::Smtp
            && let Some(lf) = memchr(b'\n', octets)
            && let Some((line, _)) = octets.split_at_checked(lf.saturating_add(1))
            && line.len() <= self.limits.max_command_line.get()
        {
            // What nearly every connection begins with; nothing has to be kept.
            self.client = Client::Commands;
            self.client_line(line, now, sink);
            return line.len();
        }
        for (before, octet) in octets.iter().enumerate() {
            self.held.keep(&[*octet], now);
            let opening = Opening::of(&self.held.octets);
            if opening != Opening::NeedMore {
                self.opened_as(opening, sink);
                return before.saturating_add(1);
            }
        }
        octets.len()
    }

    fn opened_as(&mut self, opening: Opening, sink: &mut impl Sink<Self>) {
        match opening {
            Opening::NeedMore => {}
            Opening::Smtp => {
                self.client = Client::Commands;
                self.release(sink);
            }
            Opening::Http => {
                self.anomaly(Anomaly::Http, Direction::ToServer, sink);
                self.client = Client::Commands;
                self.release(sink);
            }
            Opening::Tls => {
                // Without a greeting it is TLS on a port for TLS. With one, somebody has mixed up the ports.
                let odd = (!self.greeting.is_awaited()).then_some(Anomaly::TlsHello);
                self.go_opaque(OpaqueCause::Tls, Direction::ToServer, odd, sink);
            }
            Opening::ProxyV1 => self.client = Client::ProxyLine,
            Opening::ProxyV2 { rest } => {
                sink.event(SmtpEvent::ProxyHeader(ProxyVersion::V2));
                self.held = Held::default();
                self.client = if rest == 0 { Client::Opening } else { Client::ProxyRest { remaining: rest } };
            }
        }
    }

    /// A line of whatever kind is expected, complete with its LF unless it was too long.
    fn client_line(&mut self, line: &[u8], now: Timestamp, sink: &mut impl Sink<Self>) {
        match self.client {
            Client::ProxyLine => {
                sink.event(SmtpEvent::ProxyHeader(ProxyVersion::V1));
                self.client = Client::Opening;
            }
            Client::AuthLine => self.auth_line(line, now, sink),
            _ if self.may_be_sealed && line.starts_with(&[0]) => self.sealed(Direction::ToServer, sink),
            _ => self.command_line(line, now, sink),
        }
    }

    /// Keeps octets until the reply comes that tells what they are.
    fn undecided(
        &mut self,
        undecided: Undecided,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        let room = self.limits.max_undecided_octets.get().saturating_sub(self.held.len());
        if octets.len() <= room {
            self.held.keep(octets, now);
            return octets.len();
        }
        match undecided {
            Undecided::Data => {
                // A client that says so much without waiting for 354 is sending its mail.
                self.anomaly(Anomaly::MailBeforeReply, Direction::ToServer, sink);
                self.client = Client::Mail(Mail::new(now));
                self.held.keep(octets, now);
                self.release(sink);
                octets.len()
            }
            Undecided::Auth | Undecided::Starttls => {
                if undecided == Undecided::Starttls {
                    let held = self.limits.max_undecided_octets.get() as u64;
                    self.smuggled(held, sink);
                }
                let anomaly = Some(Anomaly::UndecidedTooLong);
                self.go_opaque(OpaqueCause::LostSync, Direction::ToServer, anomaly, sink);
                room.max(1)
            }
        }
    }

    /// Understands what was held, as far as that goes now. What each octet is depends on what the ones before
    /// it did, so some may be held again.
    pub(super) fn release(&mut self, sink: &mut impl Sink<Self>) {
        let Held { octets: held, at } = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        while !rest.is_empty() {
            let taken = match self.client_need() {
                Need::Line { .. } => {
                    let end = memchr(b'\n', rest).map(|lf| lf.saturating_add(1));
                    let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                    let line_kept = line.get(..self.longest_line()).unwrap_or(line);
                    match end {
                        Some(_) => self.client_line(line_kept, at, sink),
                        None => self.held.keep(line_kept, at),
                    }
                    line.len()
                }
                Need::Scan => self.client_octets(rest, at, sink),
                Need::Skip(octets) => {
                    let taken = usize::try_from(octets).unwrap_or(usize::MAX).min(rest.len());
                    self.client_skipped(taken as u64, at);
                    taken
                }
                Need::Exact(_) | Need::Wait { .. } | Need::Opaque(_) => return,
            };
            rest = rest.get(taken.max(1)..).unwrap_or_default();
        }
    }

    fn mail(&mut self, octets: &[u8], now: Timestamp, sink: &mut impl Sink<Self>) -> usize {
        let Client::Mail(mail) = &mut self.client else { return octets.len() };
        let Scanned { consumed, ended } = mail.scanner.scan(octets);
        mail.octets = mail.octets.saturating_add(consumed as u64);
        mail.at = now;
        if ended {
            let octets = mail.octets.saturating_sub(END_OF_DATA_MARK);
            let answered = mail.answered;
            self.mail_over(sink);
            if !answered {
                let octets = u32::try_from(octets).unwrap_or(u32::MAX);
                self.push(Pending { at: now, octets, request: Asked::EndOfData }, sink);
            }
        }
        consumed
    }

    /// The mail ends here, one way or another: says what was odd about it, and goes on with commands.
    pub(super) fn mail_over(&mut self, sink: &mut impl Sink<Self>) {
        if let Client::Mail(mail) = &self.client {
            let oddities = mail.scanner.oddities();
            self.client = Client::Commands;
            for oddity in oddities.iter() {
                self.anomaly(oddity.into(), Direction::ToServer, sink);
            }
        }
    }

    /// Puts a request into the queue of what waits for a reply.
    pub(super) fn push(&mut self, pending: Pending, sink: &mut impl Sink<Self>) {
        self.pending.push(pending);
        if self.pending.len() > self.limits.max_pending_commands.get() {
            let anomaly = Some(Anomaly::TooManyPending);
            self.go_opaque(OpaqueCause::LostSync, Direction::ToServer, anomaly, sink);
        }
    }
}
