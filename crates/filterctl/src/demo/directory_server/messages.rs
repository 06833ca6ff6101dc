//! Reads LDAP messages from a connection and writes others to it: RFC 4511, section 4.1.1.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::LdapMsg;
use rustls::ServerConfig;
use tokio_util::codec::{Decoder, Encoder};

use crate::demo::server::Wire;

/// So much is read at once.
const CHUNK: usize = 16 * 1024;

/// From so many octets on, what is to be written does not wait for more.
const FULL: usize = 64 * 1024;

/// How every message begins: RFC 4511, section 5.1.
const SEQUENCE: u8 = 0x30;

/// The longest request, in octets.
const LONGEST: usize = 1024 * 1024;

/// What came of waiting for octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Octets,
    Nothing,
    End,
}

/// A connection, read and written in messages. Answers wait until all requests that have arrived are seen.
pub(super) struct Messages<'w, 'a> {
    wire: &'w mut Wire<'a>,
    codec: LdapCodec,
    /// Read and not handed out yet.
    input: BytesMut,
    /// Not written yet.
    output: BytesMut,
}

impl<'w, 'a> Messages<'w, 'a> {
    pub(super) fn new(wire: &'w mut Wire<'a>) -> Self {
        let codec = LdapCodec::new(Some(LONGEST), None);
        Self { wire, codec, input: BytesMut::new(), output: BytesMut::new() }
    }

    /// The next message that has arrived as a whole.
    ///
    /// # Errors
    ///
    /// When what has arrived is no LDAP message.
    pub(super) fn next(&mut self) -> io::Result<Option<LdapMsg>> {
        match self.input.first() {
            None => Ok(None),
            Some(&SEQUENCE) => self.codec.decode(&mut self.input),
            // Taken for the beginning of something else, it would be waited for the rest.
            Some(_) => Err(io::Error::other("every message is a sequence")),
        }
    }

    /// Writes what is to be written and waits for octets, at most so long.
    pub(super) fn wait(&mut self, silence: Duration) -> io::Result<Arrival> {
        self.flush()?;
        self.wire.wait_for(silence)?;
        let mut chunk = [0; CHUNK];
        match self.wire.read(&mut chunk) {
            Ok(0) => Ok(Arrival::End),
            Ok(count) => {
                self.input.extend_from_slice(chunk.get(..count).unwrap_or_default());
                Ok(Arrival::Octets)
            }
            Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&error.kind()) => {
                Ok(Arrival::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until the client has closed the connection, and forgets what still comes.
    pub(super) fn wait_for_close(&mut self, patience: Duration) -> io::Result<()> {
        self.flush()?;
        self.wire.wait_for_close(patience)
    }

    pub(super) fn send(&mut self, message: LdapMsg) -> io::Result<()> {
        self.codec.encode(message, &mut self.output)?;
        if self.output.len() > FULL { self.flush() } else { Ok(()) }
    }

    /// Writes what is to be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.wire.write(&self.output)?;
            self.output.clear();
        }
        Ok(())
    }

    /// Begins TLS. What the client sent behind StartTLS in clear text is thrown away: it must not be taken for
    /// something said under TLS.
    pub(super) fn start_tls(&mut self, config: &Arc<ServerConfig>, within: Duration) -> io::Result<()> {
        self.flush()?;
        self.input.clear();
        self.wire.wait_for(within)?;
        self.wire.start_tls(config)
    }
}
