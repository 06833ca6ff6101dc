//! What the client says, and what its octets are at each point.

use session_driver::{Direction, Need, OpaqueCause, Opening, Sink, Timestamp};

use super::SmtpSession;
use super::pipeline::{Asked, Pending};
use crate::anomaly::Anomaly;
use crate::protocol::data::{DataOddity, DataScanner, Scanned};

/// Octets of CR LF `.` CR LF that are not part of the mail: its first CR LF ends the mail's last line.
const END_OF_DATA_MARK: u64 = b".\r\n".len() as u64;

/// What the client's next octets are.
#[derive(Debug)]
pub(super) enum Client {
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
    /// STARTTLS was accepted, just now.
    Encrypted,
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

impl Client {
    /// The state as a word, for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Undecided(Undecided::Data) => "data_unanswered",
            Self::Undecided(Undecided::Auth) => "auth_unanswered",
            Self::Undecided(Undecided::Starttls) => "starttls_unanswered",
            Self::AuthLine => "auth_line",
            Self::Mail(_) => "mail",
            Self::Chunk { .. } => "chunk",
            Self::Encrypted => "encrypted",
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
            Client::Mail(_) => Need::Scan,
            Client::Undecided(_) => Need::Wait { max: self.limits.max_undecided_octets.get() },
            Client::Commands | Client::AuthLine => Need::Line { max: self.limits.max_command_line.get() },
            Client::Chunk { remaining } => Need::Skip(remaining),
            Client::Encrypted => Need::Opaque(OpaqueCause::Starttls),
            Client::Opaque(cause) => Need::Opaque(cause),
        }
    }

    /// Takes what was asked for, and says how much of it.
    pub(super) fn client_octets(
        &mut self,
        octets: &[u8],
        now: Timestamp,
        sink: &mut impl Sink<Self>,
    ) -> usize {
        match self.client {
            Client::Mail(_) => return self.mail(octets, now, sink),
            Client::AuthLine => self.auth_line(octets, now, sink),
            Client::Commands if self.may_be_sealed && octets.starts_with(&[0]) => {
                self.sealed(Direction::ToServer, sink);
            }
            Client::Commands => self.command_line(octets, now, sink),
            Client::Undecided(_) | Client::Chunk { .. } | Client::Encrypted | Client::Opaque(_) => {}
        }
        octets.len()
    }

    pub(super) fn client_skipped(&mut self, octets: u64, now: Timestamp) {
        if let Client::Chunk { remaining } = &mut self.client {
            *remaining = remaining.saturating_sub(octets);
            if *remaining == 0 {
                self.client = Client::Commands;
                self.pending.payload_complete(now);
            }
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

    /// What the client begins with.
    pub(super) fn client_opens(&mut self, opening: Opening, sink: &mut impl Sink<Self>) {
        match opening {
            Opening::Other => {}
            // Followed as commands: that is what the server takes it for.
            Opening::Http => self.anomaly(Anomaly::Http, Direction::ToServer, sink),
            Opening::Tls => {
                // Without a greeting it is TLS on a port for TLS. With one, somebody has mixed up the ports.
                let odd = (!self.greeting.is_awaited()).then_some(Anomaly::TlsHello);
                self.go_opaque(OpaqueCause::Tls, Direction::ToServer, odd, sink);
            }
        }
    }

    /// More has come than is kept until the reply tells what it is.
    pub(super) fn undecided_too_long(&mut self, now: Timestamp, sink: &mut impl Sink<Self>) {
        let Client::Undecided(undecided) = self.client else { return };
        if undecided == Undecided::Data {
            // A client that says so much without waiting for 354 is sending its mail.
            self.anomaly(Anomaly::MailBeforeReply, Direction::ToServer, sink);
            self.client = Client::Mail(Mail::new(now));
            return;
        }
        if undecided == Undecided::Starttls {
            self.smuggled(self.limits.max_undecided_octets.get() as u64, sink);
        }
        let anomaly = Some(Anomaly::UndecidedTooLong);
        self.go_opaque(OpaqueCause::LostSync, Direction::ToServer, anomaly, sink);
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
