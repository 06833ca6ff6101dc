//! A scripted client: sends the octets that a test wants, in the pieces that it wants, and says what came
//! back.

mod reply;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use super::rules::HOST;
use crate::wire::Wire;

pub use reply::Reply;

/// One connection to a server.
///
/// Every read waits at most [`DEADLINE`](crate::DEADLINE).
pub struct Conversation {
    wire: Wire,
    sent: Sent,
}

/// What a conversation sent and received, counted by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Commands by verb, in upper case.
    pub verbs: BTreeMap<String, u64>,
    /// Replies by code; a reply of several lines is one.
    pub replies: BTreeMap<u16, u64>,
}

impl Conversation {
    /// Connects, and reads nothing yet: the greeting is the first reply.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(server: SocketAddr) -> Result<Self> {
        Ok(Self { wire: Wire::connect(server)?, sent: Sent::default() })
    }

    /// Connects, and reads the greeting, which has to be 220.
    ///
    /// # Errors
    /// When nobody listens there, or greets otherwise.
    pub fn greeted(server: SocketAddr) -> Result<Self> {
        let mut conversation = Self::connect(server)?;
        conversation.expect(220)?;
        Ok(conversation)
    }

    /// Sends octets as they are, with one write. They are not counted as commands.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.wire.send(octets)
    }

    /// Sends octets one by one, each in a segment of its own (Nagle's algorithm is off).
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send_octet_by_octet(&mut self, octets: &[u8]) -> Result<()> {
        self.wire.send_octet_by_octet(octets)
    }

    /// Sends a command, adding CRLF, and reads its reply.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn command(&mut self, line: &str) -> Result<Reply> {
        self.pipeline([line])?;
        self.reply()
    }

    /// Sends commands with one write, adding CRLF to each, and reads no reply.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn pipeline<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut octets = Vec::new();
        for line in lines {
            octets.extend_from_slice(line.as_bytes());
            octets.extend_from_slice(b"\r\n");
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            *self.sent.verbs.entry(verb).or_default() += 1;
        }
        self.send(&octets)
    }

    /// Sends a command and reads its reply, which has to have that code.
    ///
    /// # Errors
    /// When it has another one (the error shows both), or the connection is gone.
    pub fn command_expecting(&mut self, line: &str, code: u16) -> Result<Reply> {
        self.pipeline([line])?;
        self.expect(code).with_context(|| format!("after {line}"))
    }

    /// Sends a message behind a 354: dots stuffed, end of data added (RFC 5321 section 4.5.2).
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn message(&mut self, message: &[u8]) -> Result<()> {
        let mut octets = stuffed(message);
        octets.extend_from_slice(b".\r\n");
        self.send(&octets)
    }

    /// Sends a BDAT command (RFC 3030) with its octets in one write, and reads its reply.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn bdat(&mut self, chunk: &[u8], last: bool) -> Result<Reply> {
        *self.sent.verbs.entry("BDAT".to_owned()).or_default() += 1;
        let line = format!("BDAT {}{}\r\n", chunk.len(), if last { " LAST" } else { "" });
        self.send(&[line.as_bytes(), chunk].concat())?;
        self.reply()
    }

    /// Reads one reply, however many lines it has.
    ///
    /// # Errors
    /// When the connection ends or nothing comes in time; or what comes is no reply.
    pub fn reply(&mut self) -> Result<Reply> {
        loop {
            if let Some((reply, length)) = Reply::parse(self.wire.received())? {
                self.wire.take(length);
                *self.sent.replies.entry(reply.code).or_default() += 1;
                return Ok(reply);
            }
            self.wire.receive("a reply")?;
        }
    }

    /// Reads one reply, which has to have that code.
    ///
    /// # Errors
    /// When it has another one (the error shows it), or as [`reply`](Self::reply).
    pub fn expect(&mut self, code: u16) -> Result<Reply> {
        let reply = self.reply()?;
        ensure!(reply.code == code, "expected a reply {code} and got {reply}");
        Ok(reply)
    }

    /// Reads replies, one for each of `codes`, in that order.
    ///
    /// # Errors
    /// As [`expect`](Self::expect).
    pub fn expect_all<const N: usize>(&mut self, codes: [u16; N]) -> Result<[Reply; N]> {
        let replies: Result<Vec<Reply>> = codes.into_iter().map(|code| self.expect(code)).collect();
        replies?.try_into().map_err(|_| anyhow::anyhow!("as many replies as codes"))
    }

    /// STARTTLS: the command, its 220, and the handshake. Everything afterwards goes through TLS. Any
    /// certificate is accepted: this client tests servers, not trust.
    ///
    /// # Errors
    /// When the server refuses, or the handshake fails.
    pub fn starttls(&mut self) -> Result<()> {
        self.command_expecting("STARTTLS", 220)?;
        self.handshake()
    }

    /// The TLS handshake alone.
    ///
    /// # Errors
    /// When it fails.
    pub fn handshake(&mut self) -> Result<()> {
        self.wire.handshake(HOST)
    }

    /// Ends our direction and keeps reading (a half close).
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn shutdown_write(&mut self) -> Result<()> {
        self.wire.shutdown_write()
    }

    /// Ends the connection by RST instead of FIN.
    ///
    /// # Errors
    /// When the socket refuses.
    pub fn reset(self) -> Result<()> {
        self.wire.reset()
    }

    /// Reads to the end of the connection and returns what came before it. An ending by RST is one too.
    ///
    /// # Errors
    /// When the server does not close in time.
    pub fn read_to_end(&mut self) -> Result<Vec<u8>> {
        self.wire.read_to_end()
    }

    /// QUIT, its 221, and the server's close. Returns what was counted.
    ///
    /// # Errors
    /// When the server answers otherwise or does not close.
    pub fn quit(mut self) -> Result<Sent> {
        self.command_expecting("QUIT", 221)?;
        let rest = self.read_to_end()?;
        ensure!(rest.is_empty(), "the server sent {} octets after its 221", rest.len());
        Ok(self.sent)
    }

    /// What was counted so far.
    #[must_use]
    pub fn sent(&self) -> &Sent {
        &self.sent
    }
}

/// With a dot before each line that begins with one (RFC 5321, 4.5.2).
pub(super) fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_stuffed() {
        assert_eq!(stuffed(b"a\r\n.b\r\n..\r\n"), b"a\r\n..b\r\n...\r\n");
    }
}
