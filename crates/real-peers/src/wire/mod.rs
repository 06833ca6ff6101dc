//! One connection of a scripted client: octets as they are, in the pieces that a test wants.

mod stream;

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};

use anyhow::{Context, Result, bail, ensure};

use stream::Stream;

/// A TCP connection, later with TLS or not, and what it received and nobody took yet.
///
/// Every read waits at most [`DEADLINE`](crate::DEADLINE).
pub(crate) struct Wire {
    stream: Stream,
    received: Vec<u8>,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) fn connect(server: SocketAddr) -> Result<Self> {
        Ok(Self { stream: Stream::connect(server)?, received: Vec::new() })
    }

    /// Sends octets with one write.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.stream.write(octets).context("sending")
    }

    /// Sends octets one by one, each in a segment of its own (Nagle's algorithm is off).
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) fn send_octet_by_octet(&mut self, octets: &[u8]) -> Result<()> {
        octets.chunks(1).try_for_each(|octet| self.send(octet))
    }

    /// What came in and was not taken.
    pub(crate) fn received(&self) -> &[u8] {
        &self.received
    }

    /// Takes the first `length` octets of what came in; all of it when there is less.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        self.received.drain(..length.min(self.received.len())).collect()
    }

    /// Waits for more to come in.
    ///
    /// # Errors
    /// When the connection ends or nothing comes in time.
    pub(crate) fn receive(&mut self, what: &str) -> Result<()> {
        let mut piece = [0; 16 * 1024];
        let length = self.stream.read(&mut piece).with_context(|| format!("waiting for {what}"))?;
        if length == 0 {
            bail!("the server closed the connection instead of sending {what}");
        }
        self.received.extend_from_slice(&piece[..length]);
        Ok(())
    }

    /// The TLS handshake. Everything afterwards goes through TLS. Any certificate is accepted: this client tests
    /// servers, not trust.
    ///
    /// # Errors
    /// When it fails, or the server sent something before it.
    pub(crate) fn handshake(&mut self, host: &'static str) -> Result<()> {
        ensure!(self.received.is_empty(), "the server sent more before the handshake");
        self.stream.handshake(host)
    }

    /// Ends our direction and keeps reading (a half close).
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) fn shutdown_write(&mut self) -> Result<()> {
        Ok(self.stream.tcp().shutdown(Shutdown::Write)?)
    }

    /// Ends the connection by RST instead of FIN.
    ///
    /// # Errors
    /// When the socket refuses.
    pub(crate) fn reset(self) -> Result<()> {
        // A linger time of 0 makes close(2) send RST.
        socket2::SockRef::from(self.stream.tcp()).set_linger(Some(std::time::Duration::ZERO))?;
        Ok(())
    }

    /// Reads to the end of the connection and returns what came before it. An ending by RST is one too.
    ///
    /// # Errors
    /// When the server does not close in time.
    pub(crate) fn read_to_end(&mut self) -> Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.received);
        let mut piece = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(rest),
                Ok(length) => rest.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(rest),
                Err(error) => return Err(error).context("waiting for the server to close"),
            }
        }
    }
}
