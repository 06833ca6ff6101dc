//! Mails as `smtp-source` does not send them: pipelined, and by BDAT.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

use crate::mail::Conversation;
use crate::mail::conversation::stuffed;

/// How a message is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// By DATA (RFC 5321, 4.1.1.4).
    Data,
    /// By one BDAT that holds all of it (RFC 3030). The server has to offer CHUNKING.
    Bdat,
}

/// What to send, over one connection at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submissions {
    /// Mails altogether.
    pub mails: u32,
    /// The connection is closed after that many; at least 1.
    pub mails_per_connection: u32,
    /// The message, lines ending with CRLF; [`message`] makes one.
    pub message: Vec<u8>,
    /// How it is brought.
    pub content: Content,
    /// Whether commands go out together with those before them wherever that is allowed (RFC 2920): the whole
    /// of a mail by BDAT, or the end of a mail by DATA with all of the next one up to its own DATA.
    pub pipelined: bool,
}

impl Submissions {
    /// Sends them and waits until the server has closed the last connection. Returns how many connections there were.
    ///
    /// # Errors
    /// When a mail is not accepted, or a connection ends early.
    pub fn send(&self, server: SocketAddr) -> Result<u32> {
        ensure!(self.mails_per_connection > 0, "a connection for no mail");
        let mut left = self.mails;
        let mut connections = 0;
        while left > 0 {
            let share = left.min(self.mails_per_connection);
            let mut conversation = Conversation::greeted(server)?;
            conversation.command_expecting("EHLO load.client.test", 250)?;
            match (self.content, self.pipelined) {
                (Content::Data, false) => self.one_by_one(&mut conversation, share)?,
                (Content::Data, true) => self.data_pipelined(&mut conversation, share)?,
                (Content::Bdat, false) => self.chunks_one_by_one(&mut conversation, share)?,
                (Content::Bdat, true) => self.chunks_pipelined(&mut conversation, share)?,
            }
            conversation.quit()?;
            left -= share;
            connections += 1;
        }
        Ok(connections)
    }

    fn one_by_one(&self, conversation: &mut Conversation, mails: u32) -> Result<()> {
        for _ in 0..mails {
            conversation.command_expecting(MAIL, 250)?;
            conversation.command_expecting(RCPT, 250)?;
            conversation.command_expecting("DATA", 354)?;
            conversation.message(&self.message)?;
            conversation.expect(250)?;
        }
        Ok(())
    }

    fn data_pipelined(&self, conversation: &mut Conversation, mails: u32) -> Result<()> {
        let begin = format!("{MAIL}\r\n{RCPT}\r\nDATA\r\n").into_bytes();
        let end = [stuffed(&self.message), b".\r\n".to_vec()].concat();
        let both = [&*end, &*begin].concat();
        conversation.send(&begin)?;
        for sent in 1..=mails {
            conversation.expect_all([250, 250, 354])?;
            conversation.send(if sent == mails { &end } else { &both })?;
            conversation.expect(250)?;
        }
        Ok(())
    }

    fn chunks_one_by_one(&self, conversation: &mut Conversation, mails: u32) -> Result<()> {
        for _ in 0..mails {
            conversation.command_expecting(MAIL, 250)?;
            conversation.command_expecting(RCPT, 250)?;
            let reply = conversation.bdat(&self.message, true)?;
            ensure!(reply.code == 250, "a mail by BDAT was answered {reply}");
        }
        Ok(())
    }

    fn chunks_pipelined(&self, conversation: &mut Conversation, mails: u32) -> Result<()> {
        let head = format!("{MAIL}\r\n{RCPT}\r\nBDAT {} LAST\r\n", self.message.len());
        let mail = [head.as_bytes(), &self.message].concat();
        for _ in 0..mails {
            conversation.send(&mail)?;
            conversation.expect_all([250, 250, 250])?;
        }
        Ok(())
    }
}

const MAIL: &str = "MAIL FROM:<load@client.test>";
const RCPT: &str = "RCPT TO:<alice@good.test>";

/// A message of so many octets, at least 100: a header, and lines of 76 characters.
#[must_use]
pub fn message(octets: usize) -> Vec<u8> {
    let mut message = b"From: load@client.test\r\nTo: alice@good.test\r\nSubject: load\r\n\r\n".to_vec();
    let line: Vec<u8> = (b' '..=b'~').filter(|octet| *octet != b'.').take(76).chain(*b"\r\n").collect();
    while message.len() + line.len() <= octets.saturating_sub(2) {
        message.extend_from_slice(&line);
    }
    let rest = octets.saturating_sub(message.len() + 2);
    message.extend(std::iter::repeat_n(b'x', rest));
    message.extend_from_slice(b"\r\n");
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_length_that_was_asked_for() {
        for octets in [100, 101, 140, 141, 142, 1024, 102_400] {
            let message = message(octets);
            assert_eq!(message.len(), octets);
            assert!(message.ends_with(b"\r\n"));
            let text = String::from_utf8(message).unwrap();
            assert!(text.split("\r\n").all(|line| line.len() <= 100 && !line.contains('\n')));
        }
    }
}
