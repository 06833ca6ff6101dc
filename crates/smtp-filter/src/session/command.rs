//! Command lines: what each asks of the server, and what the client's next octets are then.

use session_driver::{Direction, Sink, Timestamp};

use super::SmtpSession;
use super::auth::AuthExchange;
use super::client::{Client, Undecided};
use super::pipeline::{Asked, Pending};
use crate::anomaly::Anomaly;
use crate::event::SmtpEvent;
use crate::protocol::auth::auth;
use crate::protocol::bdat::{Chunk, bdat, burl_is_last};
use crate::protocol::command::{Command, CommandLine, LineEnding, command_line};
use crate::protocol::path::path;
use crate::protocol::verb::Verb;

/// Largest chunk that is believed, in octets. Servers count in signed numbers and refuse more as bad syntax,
/// and the client then goes on with commands (seen).
const LARGEST_CHUNK: u64 = i64::MAX.unsigned_abs();

impl SmtpSession {
    /// A line where the server expects a command.
    pub(super) fn command_line(&mut self, line: &[u8], now: Timestamp, sink: &mut impl Sink<Self>) {
        if self.greeting.client_talks() {
            self.anomaly(Anomaly::ClientBeforeGreeting, Direction::ToServer, sink);
        }
        match command_line(line) {
            CommandLine::Blank => {
                self.anomaly(Anomaly::BlankLine, Direction::ToServer, sink);
                self.push(Pending { at: now, octets: 0, request: Asked::Blank }, sink);
            }
            CommandLine::Command(command) => {
                self.line_oddities(line, command, sink);
                self.command(command, now, sink);
            }
        }
    }

    fn line_oddities(&self, line: &[u8], command: Command<'_>, sink: &mut impl Sink<Self>) {
        match command.ending {
            LineEnding::Crlf => {}
            LineEnding::Lf => self.anomaly(Anomaly::LfOnlyCommand, Direction::ToServer, sink),
            LineEnding::Missing => self.anomaly(Anomaly::CommandLineTooLong, Direction::ToServer, sink),
        }
        // Known verbs may have arguments in UTF-8 (RFC 6531).
        let is_text = |octet: &u8| matches!(octet, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        if command.verb == Verb::Other && !line.iter().all(is_text) {
            self.anomaly(Anomaly::BinaryCommand, Direction::ToServer, sink);
        }
    }

    fn command(&mut self, command: Command<'_>, now: Timestamp, sink: &mut impl Sink<Self>) {
        let Command { verb, argument, .. } = command;
        sink.event(SmtpEvent::Command { verb });
        self.quit = verb == Verb::Quit;
        let mut octets = 0;
        let mut next = Client::Commands;
        let mut request = Asked::Command(verb);
        match verb {
            Verb::Mail => request = self.mail_command(argument, sink),
            Verb::Rcpt => self.rcpt_command(argument, sink),
            Verb::Data => next = Client::Undecided(Undecided::Data),
            Verb::Starttls | Verb::XAnonymoustls => next = Client::Undecided(Undecided::Starttls),
            Verb::Auth | Verb::XExps => {
                let mechanism = auth(argument).mechanism;
                self.auth = Some(AuthExchange { mechanism, started: now, cancelled: false });
                next = Client::Undecided(Undecided::Auth);
            }
            // RFC 3030, 2: the octets follow the command at once, whatever the server will reply to it, and
            // the command has just the one reply.
            Verb::Bdat => match bdat(argument) {
                Some(Chunk { octets: remaining, last }) if remaining <= LARGEST_CHUNK => {
                    octets = u32::try_from(remaining).unwrap_or(u32::MAX);
                    if remaining > 0 {
                        next = Client::Chunk { remaining };
                    }
                    if last {
                        request = Asked::LastChunk(verb);
                    }
                }
                _ => self.anomaly(Anomaly::BdatInvalid, Direction::ToServer, sink),
            },
            Verb::Burl if burl_is_last(argument) => request = Asked::LastChunk(verb),
            _ => {}
        }
        self.client = next;
        self.push(Pending { at: now, octets, request }, sink);
    }

    fn mail_command(&mut self, argument: &[u8], sink: &mut impl Sink<Self>) -> Asked {
        let path = path(argument);
        let null_sender = path.is_some_and(|path| path.address.is_empty());
        let parameters = path.map(|path| path.parameters).unwrap_or_default();
        self.transactions_started = self.transactions_started.saturating_add(1);
        if let Some(identities) = &mut self.identities {
            identities.mail(path.map_or(b"", |path| path.address));
        }
        sink.event(SmtpEvent::TransactionStarted { null_sender, parameters });
        Asked::Mail { null_sender }
    }

    fn rcpt_command(&mut self, argument: &[u8], sink: &mut impl Sink<Self>) {
        if self.transaction.is_none() && self.pending.mails() == 0 {
            self.anomaly(Anomaly::RcptBeforeMail, Direction::ToServer, sink);
        }
        let Some(path) = path(argument) else { return };
        if !path.parameters.is_empty() {
            sink.event(SmtpEvent::RecipientParameters(path.parameters));
        }
        if let Some(identities) = &mut self.identities {
            identities.recipient(path.address);
        }
    }
}
