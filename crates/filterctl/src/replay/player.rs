//! Plays a conversation through whatever stands between a client and a server, from both ends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Conversation, Cutting, Direction};

/// How long one write may take to arrive. It takes microseconds, unless somebody holds octets back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is written before it is read on the other side: it fits into the sockets' buffers, so that
/// writing never blocks.
const WRITE: usize = 64 * 1_024;

/// So many writes of a conversation are waited for one by one. It costs some 20 µs each, which would make an
/// attachment of megabytes, octet by octet, last for minutes; so later ones are waited for in batches.
const ONE_BY_ONE: usize = 16 * 1_024;

/// How many writes such a batch has.
const BATCH: usize = 64;

/// What arrived of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What the client sent and the server received.
    pub to_server: Arrival,
    /// What the server sent and the client received.
    pub to_client: Arrival,
    /// Why it was given up before its end, if it was.
    pub broken_off: Option<String>,
}

/// What arrived in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// What was to be sent.
    pub sent: Vec<u8>,
    /// What arrived.
    pub received: Vec<u8>,
}

impl Delivered {
    /// Whether every octet arrived as it was sent, in time and in order, and no other.
    pub fn is_unchanged(&self) -> bool {
        self.broken_off.is_none() && self.first_difference().is_none()
    }

    /// The direction and the offset of the first octet that differs, is missing, or was not sent.
    pub fn first_difference(&self) -> Option<(Direction, usize)> {
        let to_server = self.to_server.first_difference().map(|offset| (Direction::ToServer, offset));
        to_server.or_else(|| self.to_client.first_difference().map(|offset| (Direction::ToClient, offset)))
    }
}

impl Arrival {
    /// The offset of the first octet that differs, is missing, or was not sent.
    pub fn first_difference(&self) -> Option<usize> {
        if self.sent == self.received {
            return None;
        }
        let equal = self.sent.iter().zip(&self.received).take_while(|(sent, received)| sent == received);
        Some(equal.count())
    }
}

/// Connects to `listener` as the client, accepts at `upstream` as the server, and plays the conversation.
///
/// Every write has arrived on the other side before the next one leaves: so the cutting is what Envoy reads. Only
/// in very long conversations some writes of one direction leave together; but never is a reply sent before all
/// of the request that it answers has arrived.
///
/// # Errors
///
/// When no connection comes about. What happens on the connection, good or bad, is in [`Delivered`].
pub fn play(
    listener: SocketAddr,
    upstream: &TcpListener,
    conversation: &Conversation,
    cutting: Cutting,
) -> Result<Delivered> {
    let client = TcpStream::connect_timeout(&listener, PATIENCE)
        .with_context(|| format!("cannot connect to {listener}"))?;
    let server = accept(upstream, &client)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
    }
    let mut ends = Ends { client, server, at_server: Vec::new(), at_client: Vec::new() };
    let result = ends.play(conversation, cutting);
    Ok(Delivered {
        to_server: Arrival { sent: conversation.octets(Direction::ToServer), received: ends.at_server },
        to_client: Arrival { sent: conversation.octets(Direction::ToClient), received: ends.at_client },
        broken_off: result.err().map(|error| format!("{error:#}")),
    })
}

/// Waits for the connection that belongs to the client's.
fn accept(upstream: &TcpListener, client: &TcpStream) -> Result<TcpStream> {
    upstream.set_nonblocking(true)?;
    client.set_nonblocking(true)?;
    let deadline = Instant::now() + PATIENCE;
    let server = loop {
        match upstream.accept() {
            Ok((server, _)) => break server,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("cannot accept the forwarded connection"),
        }
        if matches!(client.peek(&mut [0]), Ok(0)) {
            bail!("the connection was closed before it was forwarded");
        }
        if Instant::now() > deadline {
            bail!("the connection was not forwarded within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(1));
    };
    client.set_nonblocking(false)?;
    server.set_nonblocking(false)?;
    Ok(server)
}

/// Both ends of the connection.
struct Ends {
    client: TcpStream,
    server: TcpStream,
    at_server: Vec<u8>,
    at_client: Vec<u8>,
}

impl Ends {
    fn play(&mut self, conversation: &Conversation, cutting: Cutting) -> Result<()> {
        let writes = conversation.writes(cutting);
        let mut last = Direction::ToClient;
        let mut under_way = 0;
        for (index, (direction, octets)) in writes.iter().enumerate() {
            for octets in octets.chunks(WRITE) {
                self.send(*direction, octets)?;
                under_way += octets.len();
                let is_turn = writes.get(index + 1).is_none_or(|(next, _)| next != direction);
                if is_turn || index < ONE_BY_ONE || index.is_multiple_of(BATCH) || octets.len() > BATCH {
                    self.receive(*direction, under_way)?;
                    under_way = 0;
                }
            }
            last = *direction;
        }
        // Who had the last word leaves first.
        self.leave(last)?;
        self.leave(match last {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        })
    }

    fn send(&mut self, direction: Direction, octets: &[u8]) -> Result<()> {
        let (mut sender, _, received) = self.ends(direction);
        let begin = received.len();
        sender.write_all(octets).with_context(|| format!("sending behind octet {begin} {direction}"))
    }

    /// Waits until so many further octets have arrived.
    fn receive(&mut self, direction: Direction, count: usize) -> Result<()> {
        let (_, mut receiver, received) = self.ends(direction);
        let mut filled = received.len();
        received.resize(filled + count, 0);
        while let Some(room) = received.get_mut(filled..).filter(|room| !room.is_empty()) {
            match receiver.read(room) {
                Ok(0) => {
                    received.truncate(filled);
                    bail!("the connection ended behind octet {filled} {direction}");
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let missing = received.len() - filled;
                    received.truncate(filled);
                    let what = format!("{missing} octets behind octet {filled} {direction} did not arrive");
                    return Err(waited(error)).context(what);
                }
            }
        }
        Ok(())
    }

    /// Ends one direction, and takes in what arrives although nobody sent it.
    fn leave(&mut self, direction: Direction) -> Result<()> {
        let (sender, receiver, received) = self.ends(direction);
        let left = || format!("the end {direction} did not arrive");
        sender.shutdown(Shutdown::Write).with_context(left)?;
        // Bounded: whoever invents octets without end is told apart by the first few.
        receiver.take(WRITE as u64).read_to_end(received).map_err(waited).with_context(left)?;
        Ok(())
    }

    /// Who sends, who receives, and what was received so far.
    fn ends(&mut self, direction: Direction) -> (&TcpStream, &TcpStream, &mut Vec<u8>) {
        match direction {
            Direction::ToServer => (&self.client, &self.server, &mut self.at_server),
            Direction::ToClient => (&self.server, &self.client, &mut self.at_client),
        }
    }
}

/// Says what the system calls "resource temporarily unavailable".
fn waited(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => io::Error::other(format!("waited for {PATIENCE:?}")),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
