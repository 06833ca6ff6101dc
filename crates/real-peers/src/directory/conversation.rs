//! A scripted LDAP client: sends the octets that a test wants, in the pieces that it wants, and says what came
//! back. The sibling of [mail's](crate::mail::Conversation).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, ensure};

use super::message::{
    self, EXTENDED_RESPONSE, INTERMEDIATE_RESPONSE, Message, SEARCH_ENTRY, SEARCH_REFERENCE, START_TLS,
};
use crate::wire::Wire;

/// One connection to a directory server.
///
/// Every read waits at most [`DEADLINE`](crate::DEADLINE).
pub struct Conversation {
    wire: Wire,
    last_id: i32,
    exchanged: Exchanged,
}

/// What a conversation sent and received, counted by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Requests by their tag, without those that were sent as mere octets.
    pub requests: BTreeMap<u8, u64>,
    /// Everything that came back, by its tag.
    pub responses: BTreeMap<u8, u64>,
    /// Results by code.
    pub codes: BTreeMap<u32, u64>,
}

impl Conversation {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(server: SocketAddr) -> Result<Self> {
        Ok(Self { wire: Wire::connect(server)?, last_id: 0, exchanged: Exchanged::default() })
    }

    /// Connects by TLS from the first octet. Any certificate is accepted: this client tests servers, not trust.
    ///
    /// # Errors
    /// When nobody listens there, or the handshake fails.
    pub fn connect_tls(server: SocketAddr) -> Result<Self> {
        let mut conversation = Self::connect(server)?;
        conversation.handshake()?;
        Ok(conversation)
    }

    /// Sends octets as they are, with one write. They are not counted as requests.
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

    /// The octets of a request under the next number, counted but not sent; for [`send`](Self::send).
    pub fn prepare(&mut self, operation: &[u8]) -> Vec<u8> {
        self.last_id += 1;
        if let Some(&tag) = operation.first() {
            *self.exchanged.requests.entry(tag).or_default() += 1;
        }
        message::message(self.last_id, operation)
    }

    /// Sends a request under the next number, which it returns, and reads nothing.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn begin(&mut self, operation: &[u8]) -> Result<i32> {
        let octets = self.prepare(operation);
        self.send(&octets)?;
        Ok(self.last_id)
    }

    /// Sends requests with one write, under the next numbers, and reads nothing.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn pipeline(&mut self, operations: &[Vec<u8>]) -> Result<()> {
        let octets: Vec<u8> = operations.iter().flat_map(|operation| self.prepare(operation)).collect();
        self.send(&octets)
    }

    /// Sends a request and reads to its result. What comes before the result is counted and dropped.
    ///
    /// # Errors
    /// When the connection ends, or something is answered that was not asked.
    pub fn ask(&mut self, operation: &[u8]) -> Result<Message> {
        let id = self.begin(operation)?;
        self.result_of(id)
    }

    /// Sends a request and reads to its result, which has to have that code.
    ///
    /// # Errors
    /// When it has another one, or as [`ask`](Self::ask).
    pub fn ask_expecting(&mut self, operation: &[u8], code: u32) -> Result<Message> {
        let result = self.ask(operation)?;
        ensure!(result.code == Some(code), "expected the result code {code} and got {:?}", result.code);
        Ok(result)
    }

    /// Reads to the result of the request `id`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn result_of(&mut self, id: i32) -> Result<Message> {
        loop {
            let message = self.message()?;
            ensure!(message.id == id, "an answer to {} instead of {id}", message.id);
            if !matches!(message.operation, SEARCH_ENTRY | SEARCH_REFERENCE | INTERMEDIATE_RESPONSE) {
                return Ok(message);
            }
        }
    }

    /// Reads one message.
    ///
    /// # Errors
    /// When the connection ends or nothing comes in time; or what comes is no message.
    pub fn message(&mut self) -> Result<Message> {
        loop {
            if let Some((message, length)) = Message::read(self.wire.received())? {
                self.wire.take(length);
                *self.exchanged.responses.entry(message.operation).or_default() += 1;
                if let Some(code) = message.code {
                    *self.exchanged.codes.entry(code).or_default() += 1;
                }
                return Ok(message);
            }
            self.wire.receive("a message")?;
        }
    }

    /// StartTLS: the request, its answer, and the handshake. Everything afterwards goes through TLS.
    ///
    /// # Errors
    /// When the server refuses, or the handshake fails.
    pub fn start_tls(&mut self) -> Result<()> {
        let answer = self.ask_expecting(&message::extended(START_TLS, None), 0)?;
        ensure!(answer.operation == EXTENDED_RESPONSE, "not the answer to StartTLS: {answer:?}");
        self.handshake()
    }

    /// The TLS handshake alone.
    ///
    /// # Errors
    /// When it fails.
    pub fn handshake(&mut self) -> Result<()> {
        self.wire.handshake("localhost")
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

    /// Unbind, and the server's close. Returns what was counted.
    ///
    /// # Errors
    /// When the server sends something instead of closing.
    pub fn unbind(mut self) -> Result<Exchanged> {
        self.begin(&message::unbind())?;
        let rest = self.read_to_end()?;
        ensure!(rest.is_empty(), "the server sent {} octets after the unbind", rest.len());
        Ok(self.exchanged)
    }

    /// What was counted so far.
    #[must_use]
    pub fn exchanged(&self) -> &Exchanged {
        &self.exchanged
    }
}
