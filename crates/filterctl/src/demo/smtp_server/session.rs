//! One conversation: RFC 5321, section 4.

use std::fmt;
use std::io;
use std::sync::MutexGuard;

use super::lines::{Lines, Piece};
use super::{Mail, Tally};
use crate::demo::server::lock;

/// What the server calls itself.
const NAME: &str = "mail.example";

/// A reply of one line, with its enhanced status code (RFC 3463) in front of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    code: u16,
    enhanced: &'static str,
    text: &'static str,
}

impl Reply {
    /// `enhanced` is empty where RFC 2034, section 3, allows none.
    pub(super) fn new(code: u16, enhanced: &'static str, text: &'static str) -> Self {
        Self { code, enhanced, text }
    }

    /// The code, 200 to 599.
    pub(super) fn code(&self) -> u16 {
        self.code
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, enhanced, text } = self;
        let space = if enhanced.is_empty() { "" } else { " " };
        write!(f, "{code} {enhanced}{space}{text}\r\n")
    }
}

/// A mail transaction between its MAIL and its end.
#[derive(Debug, Default)]
struct Transaction {
    accepted: usize,
    refused: usize,
}

/// Where a conversation stands.
struct Session<'a> {
    shared: &'a Mail,
    tls: bool,
    /// Whether the client has said who it is.
    greeted: bool,
    /// After an accepted MAIL.
    transaction: Option<Transaction>,
}

/// What follows a command's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Command,
    Message,
    Tls,
    End,
}

/// Talks until the client leaves.
pub(super) fn converse(lines: &mut Lines<'_, '_>, shared: &Mail) -> io::Result<()> {
    let mut session = Session { shared, tls: false, greeted: false, transaction: None };
    lines.reply(format_args!("220 {NAME} ESMTP, the demo's server\r\n"));
    let result = session.run(lines);
    session.end_transaction(|tally, tls| tally.leg(tls).transactions_aborted += 1);
    result
}

impl Session<'_> {
    fn run(&mut self, lines: &mut Lines<'_, '_>) -> io::Result<()> {
        while let Some(line) = next_line(lines)? {
            match self.command(line.as_deref(), lines) {
                Next::Command => {}
                Next::Message => self.message(lines)?,
                Next::Tls => {
                    lines.start_tls(&self.shared.tls)?;
                    // RFC 3207, section 4.2: what was known before is forgotten.
                    (self.tls, self.greeted) = (true, false);
                    self.end_transaction(|tally, _| tally.leg(false).transactions_reset += 1);
                    self.tally().starttls_sessions += 1;
                }
                Next::End => break,
            }
        }
        Ok(())
    }

    /// Answers a command; `None` is a line that was too long.
    fn command(&mut self, line: Option<&[u8]>, lines: &mut Lines<'_, '_>) -> Next {
        let Some(line) = line else {
            self.count_command("other");
            return self.reply(lines, Reply::new(500, "5.5.2", "line too long"));
        };
        let text = String::from_utf8_lossy(line);
        let (verb, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let argument = argument.trim();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.hello("EHLO", argument, lines),
            "HELO" => self.hello("HELO", argument, lines),
            "MAIL" => self.mail(argument, lines),
            "RCPT" => self.rcpt(argument, lines),
            "DATA" => self.data(lines),
            "RSET" => {
                self.count_command("RSET");
                self.reset();
                self.reply(lines, Reply::new(250, "2.0.0", "forgotten"))
            }
            "NOOP" => self.known(lines, "NOOP", Reply::new(250, "2.0.0", "done")),
            "VRFY" => self.known(lines, "VRFY", Reply::new(252, "2.5.2", "send a mail and see")),
            "HELP" => self.known(lines, "HELP", Reply::new(214, "2.0.0", "see RFC 5321")),
            "STARTTLS" => self.starttls(argument, lines),
            "QUIT" => {
                self.known(lines, "QUIT", Reply::new(221, "2.0.0", "until next time"));
                Next::End
            }
            _ => self.known(lines, "other", Reply::new(500, "5.5.2", "command not known")),
        }
    }

    fn hello(&mut self, verb: &'static str, name: &str, lines: &mut Lines<'_, '_>) -> Next {
        self.count_command(verb);
        if name.is_empty() {
            return self.reply(lines, Reply::new(501, "5.5.4", "who are you?"));
        }
        self.reset();
        self.greeted = true;
        self.tally().leg(self.tls).reply(250);
        if verb == "HELO" {
            lines.reply(format_args!("250 {NAME}\r\n"));
            return Next::Command;
        }
        let size = self.shared.rules.message_octets;
        let starttls = if self.tls { "" } else { "250-STARTTLS\r\n" };
        lines.reply(format_args!(
            "250-{NAME}\r\n250-SIZE {size}\r\n250-PIPELINING\r\n250-8BITMIME\r\n{starttls}250 ENHANCEDSTATUSCODES\r\n"
        ));
        Next::Command
    }

    fn mail(&mut self, argument: &str, lines: &mut Lines<'_, '_>) -> Next {
        self.count_command("MAIL");
        if self.transaction.is_some() {
            return self.reply(lines, Reply::new(503, "5.5.1", "one mail at a time"));
        }
        self.tally().leg(self.tls).transactions_started += 1;
        let refusal = match path(argument, "FROM:") {
            _ if !self.greeted => Some(Reply::new(503, "5.5.1", "say hello first")),
            None => Some(Reply::new(501, "5.5.4", "MAIL FROM:<address> is what was expected")),
            Some((_, parameters)) => match mail_parameters(parameters) {
                Err(reply) => Some(reply),
                Ok(size) if size > self.shared.rules.message_octets => Some(too_large()),
                Ok(_) => None,
            },
        };
        if let Some(refusal) = refusal {
            self.tally().leg(self.tls).transactions_rejected.mail += 1;
            return self.reply(lines, refusal);
        }
        self.transaction = Some(Transaction::default());
        self.reply(lines, Reply::new(250, "2.1.0", "sender is fine"))
    }

    fn rcpt(&mut self, argument: &str, lines: &mut Lines<'_, '_>) -> Next {
        self.count_command("RCPT");
        let Some(transaction) = &mut self.transaction else {
            return self.reply(lines, Reply::new(503, "5.5.1", "MAIL comes first"));
        };
        let refusal = match path(argument, "TO:") {
            None | Some(("", _)) => Some(Reply::new(501, "5.5.4", "RCPT TO:<address> is what was expected")),
            Some((_, parameters)) if !parameters.is_empty() => {
                Some(Reply::new(555, "5.5.4", "no parameter of RCPT is known"))
            }
            Some((recipient, _)) => self.shared.rules.refusal(recipient, transaction.accepted),
        };
        let mut tally = lock(&self.shared.tally);
        let leg = tally.leg(self.tls);
        if refusal.is_none() {
            transaction.accepted += 1;
            leg.recipients_accepted += 1;
        } else {
            transaction.refused += 1;
            leg.recipients_refused += 1;
        }
        drop(tally);
        self.reply(lines, refusal.unwrap_or(Reply::new(250, "2.1.5", "recipient is fine")))
    }

    fn data(&mut self, lines: &mut Lines<'_, '_>) -> Next {
        self.count_command("DATA");
        match &self.transaction {
            None => self.reply(lines, Reply::new(503, "5.5.1", "MAIL comes first")),
            Some(transaction) if transaction.accepted == 0 => {
                self.reply(lines, Reply::new(554, "5.5.1", "no recipient was accepted"))
            }
            Some(_) => {
                self.reply(lines, Reply::new(354, "", "go on, end with a dot on a line of its own"));
                Next::Message
            }
        }
    }

    /// Reads a message up to CRLF.CRLF and undoes dot-stuffing: RFC 5321, section 4.5.2.
    fn message(&mut self, lines: &mut Lines<'_, '_>) -> io::Result<()> {
        let mut octets: u64 = 0;
        let mut at_line_start = true;
        loop {
            let Some(piece) = lines.next()? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let (text, is_line_end) = match &piece {
                Piece::Line(text) => (text, true),
                Piece::Part(text) => (text, false),
            };
            if at_line_start && is_line_end && text == b"." {
                break;
            }
            let stuffed = at_line_start && text.first() == Some(&b'.');
            octets += text.len() as u64 + if is_line_end { 2 } else { 0 } - u64::from(stuffed);
            at_line_start = is_line_end;
        }
        self.transaction = None;
        let fits = octets <= self.shared.rules.message_octets;
        let mut tally = self.tally();
        let leg = tally.leg(self.tls);
        if fits {
            leg.transactions_accepted += 1;
            leg.message_octets += octets;
        } else {
            leg.transactions_rejected.end_of_data += 1;
        }
        drop(tally);
        let reply = if fits { Reply::new(250, "2.0.0", "message taken") } else { too_large() };
        self.reply(lines, reply);
        Ok(())
    }

    fn starttls(&mut self, argument: &str, lines: &mut Lines<'_, '_>) -> Next {
        self.count_command("STARTTLS");
        if self.tls {
            return self.reply(lines, Reply::new(503, "5.5.1", "TLS is on already"));
        }
        if !argument.is_empty() {
            return self.reply(lines, Reply::new(501, "5.5.4", "STARTTLS takes no argument"));
        }
        self.reply(lines, Reply::new(220, "2.0.0", "go ahead"));
        Next::Tls
    }

    fn reset(&mut self) {
        self.end_transaction(|tally, tls| tally.leg(tls).transactions_reset += 1);
    }

    /// Ends an open transaction without a message. One whose recipients were all refused was rejected by the
    /// server, whatever ended it.
    fn end_transaction(&mut self, otherwise: fn(&mut Tally, bool)) {
        if let Some(transaction) = self.transaction.take() {
            let mut tally = self.tally();
            if transaction.accepted == 0 && transaction.refused > 0 {
                tally.leg(self.tls).transactions_rejected.rcpt_all += 1;
            } else {
                otherwise(&mut tally, self.tls);
            }
        }
    }

    fn known(&self, lines: &mut Lines<'_, '_>, verb: &'static str, reply: Reply) -> Next {
        self.count_command(verb);
        self.reply(lines, reply)
    }

    fn reply(&self, lines: &mut Lines<'_, '_>, reply: Reply) -> Next {
        self.tally().leg(self.tls).reply(reply.code());
        lines.reply(reply);
        Next::Command
    }

    fn count_command(&self, verb: &'static str) {
        self.tally().leg(self.tls).command(verb);
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.shared.tally)
    }
}

fn too_large() -> Reply {
    Reply::new(552, "5.3.4", "message is too large")
}

/// The next command line; its inside is `None` when it was too long.
fn next_line(lines: &mut Lines<'_, '_>) -> io::Result<Option<Option<Vec<u8>>>> {
    let mut too_long = false;
    while let Some(piece) = lines.next()? {
        match piece {
            Piece::Line(line) => return Ok(Some((!too_long).then_some(line))),
            Piece::Part(_) => too_long = true,
        }
    }
    Ok(None)
}

/// Reads `FROM:<address> parameters` into the address and the parameters. The space that many clients put
/// behind the colon is accepted.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (found, rest) = argument.split_at_checked(keyword.len())?;
    if !found.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    Some((address, parameters.trim()))
}

/// Reads the parameters of MAIL: the declared size (RFC 1870), or 0.
fn mail_parameters(parameters: &str) -> Result<u64, Reply> {
    let mut size = 0;
    for parameter in parameters.split_ascii_whitespace() {
        let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => {
                size = value.parse().map_err(|_| Reply::new(501, "5.5.4", "SIZE is not a number"))?;
            }
            "BODY" if ["7BIT", "8BITMIME"].contains(&value.to_ascii_uppercase().as_str()) => {}
            _ => return Err(Reply::new(555, "5.5.4", "a parameter is not known")),
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_their_parameters() {
        assert_eq!(path("FROM:<a@b.example> SIZE=1", "FROM:"), Some(("a@b.example", "SIZE=1")));
        assert_eq!(path("to: <a@b.example>", "TO:"), Some(("a@b.example", "")));
        assert_eq!(path("FROM:<>", "FROM:"), Some(("", "")));
        for bad in ["", "FROM", "FROM:a@b.example", "FROM:<a@b.example", "TO:<a@b.example>", "FRÖM:<>"] {
            assert_eq!(path(bad, "FROM:"), None, "{bad}");
        }
    }

    #[test]
    fn mail_parameters_are_known_or_refused() {
        assert_eq!(mail_parameters("SIZE=77 body=8bitmime"), Ok(77));
        assert_eq!(mail_parameters(""), Ok(0));
        assert_eq!(mail_parameters("SIZE=many").map_err(|reply| reply.code()), Err(501));
        assert_eq!(mail_parameters("SMTPUTF8").map_err(|reply| reply.code()), Err(555));
    }

    #[test]
    fn an_enhanced_code_stands_before_the_text() {
        assert_eq!(Reply::new(250, "2.0.0", "fine").to_string(), "250 2.0.0 fine\r\n");
        assert_eq!(Reply::new(354, "", "go on").to_string(), "354 go on\r\n");
    }
}
