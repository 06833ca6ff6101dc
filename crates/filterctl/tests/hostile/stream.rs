//! Octets in bulk: made while they are sent, and compared while they arrive.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::wire::{End, prepare};

/// A connection through [`LISTENER`] of which each end can be read and written by another thread.
pub(crate) struct Stream {
    client: TcpStream,
    server: TcpStream,
}

impl Stream {
    pub(crate) fn open(bridge: &Bridge) -> Result<Self> {
        let client = bridge.connect(LISTENER)?;
        let server = bridge.accept()?;
        prepare(&server)?;
        Ok(Self { client, server })
    }

    /// Sends `pieces` from one end while they are awaited at the other, and demands that they arrive unchanged.
    pub(crate) fn pass<'a>(
        &mut self,
        from: End,
        pieces: impl Iterator<Item = &'a [u8]> + Clone + Send,
    ) -> Result<()> {
        let (sender, receiver) = self.ends(from);
        thread::scope(|scope| {
            let sent = pieces.clone();
            let sending = scope.spawn(move || -> Result<()> {
                let mut sender = sender;
                sent.into_iter().try_for_each(|piece| sender.write_all(piece)).context("sending")
            });
            let received = receive(receiver, pieces);
            let sent = sending.join().map_err(|_| anyhow!("the sender panicked"))?;
            received.and(sent)
        })
    }

    /// One piece.
    pub(crate) fn say(&mut self, from: End, octets: &[u8]) -> Result<()> {
        self.pass(from, std::iter::once(octets))
    }

    /// Ends the connection in order, and demands that nothing else arrives.
    pub(crate) fn close(self, first: End) -> Result<()> {
        let (mut one, mut other) = match first {
            End::Client => (self.client, self.server),
            End::Server => (self.server, self.client),
        };
        for _ in 0..2 {
            one.shutdown(std::net::Shutdown::Write)?;
            let mut rest = Vec::new();
            other.read_to_end(&mut rest).context("waiting for the end")?;
            ensure!(rest.is_empty(), "{} octets that nobody has sent", rest.len());
            std::mem::swap(&mut one, &mut other);
        }
        Ok(())
    }

    /// Who sends, and who receives.
    pub(crate) fn ends(&self, from: End) -> (&TcpStream, &TcpStream) {
        match from {
            End::Client => (&self.client, &self.server),
            End::Server => (&self.server, &self.client),
        }
    }
}

/// Waits for `pieces`, and demands that they are what arrives.
pub(crate) fn receive<'a>(mut receiver: &TcpStream, pieces: impl Iterator<Item = &'a [u8]>) -> Result<()> {
    let mut arrived = Vec::new();
    let mut octets: usize = 0;
    for piece in pieces {
        arrived.resize(piece.len(), 0);
        receiver
            .read_exact(&mut arrived)
            .with_context(|| format!("waiting for what follows octet {octets}"))?;
        ensure!(arrived == piece, "octets have changed behind octet {octets}");
        octets += piece.len();
    }
    Ok(())
}
