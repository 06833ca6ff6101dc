//! A connection of which both ends are held here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use socket2::SockRef;

use super::meeting::Meeting;
use crate::replay::Direction;

/// How long anything may take that takes microseconds: only a failure uses it up.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that is written before it is read at the other end: it fits into the sockets' buffers, so that writing never
/// blocks.
const WRITE: usize = 64 * 1024;

/// Both ends.
#[derive(Debug)]
pub(super) struct Line {
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    /// Opens a connection through Envoy.
    ///
    /// # Errors
    /// When Envoy does not take it, or does not forward it.
    pub(super) fn open(envoy: SocketAddr, meeting: &Meeting) -> Result<Self> {
        let client = TcpStream::connect_timeout(&envoy, PATIENCE).context("connecting to Envoy")?;
        let server = meeting.server_of(&client, PATIENCE)?;
        for end in [&client, &server] {
            end.set_nodelay(true)?;
            end.set_read_timeout(Some(PATIENCE))?;
            end.set_write_timeout(Some(PATIENCE))?;
        }
        Ok(Self { client, server })
    }

    /// Sends octets from one end, and demands that they arrive at the other, all of them and unchanged.
    ///
    /// # Errors
    /// When they do not.
    pub(super) fn pass(&mut self, direction: Direction, octets: &[u8]) -> Result<()> {
        let mut arrived = vec![0; octets.len().min(WRITE)];
        for octets in octets.chunks(WRITE) {
            self.send(direction, octets)?;
            let room = &mut arrived[..octets.len()];
            self.end(direction).1.read_exact(room).map_err(waited).context("octets did not arrive")?;
            ensure!(room == octets, "octets have changed on the way");
        }
        Ok(())
    }

    /// Sends octets, at most some 64 KB, and does not wait for them.
    ///
    /// # Errors
    /// When the connection is over already.
    pub(super) fn send(&mut self, direction: Direction, octets: &[u8]) -> Result<()> {
        self.end(direction).0.write_all(octets).map_err(waited).context("sending")
    }

    /// Ends one direction with FIN, and waits until the other end has noticed.
    ///
    /// # Errors
    /// When it does not, or when something arrives that nobody has sent.
    pub(super) fn finish(&mut self, direction: Direction) -> Result<()> {
        let (from, to) = self.end(direction);
        from.shutdown(Shutdown::Write).context("ending a direction")?;
        let mut rest = [0; 64];
        match to.read(&mut rest).map_err(waited).context("waiting for the end")? {
            0 => Ok(()),
            count => bail!("{count} octets that nobody has sent"),
        }
    }

    /// Ends the connection with RST from the end that sends in this direction, and waits until the other end has noticed;
    /// what arrives there before is dropped.
    ///
    /// # Errors
    /// When it does not notice.
    pub(super) fn reset(self, direction: Direction) -> Result<()> {
        let Self { client, server } = self;
        let (from, mut to) = match direction {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        };
        // A linger time of 0 makes close(2) send RST.
        SockRef::from(&from).set_linger(Some(Duration::ZERO))?;
        drop(from);
        let mut dropped = vec![0; WRITE];
        loop {
            match to.read(&mut dropped) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if is_ending(&error) => return Ok(()),
                Err(error) => return Err(waited(error)).context("waiting for a reset to be noticed"),
            }
        }
    }

    /// Who sends in this direction, and who receives.
    fn end(&mut self, direction: Direction) -> (&mut TcpStream, &mut TcpStream) {
        match direction {
            Direction::ToServer => (&mut self.client, &mut self.server),
            Direction::ToClient => (&mut self.server, &mut self.client),
        }
    }
}

fn is_ending(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Says what the system calls "resource temporarily unavailable".
fn waited(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => io::Error::other(format!("waited for {PATIENCE:?}")),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::soak::meeting::header;

    /// A line through something that passes on what `change` makes of the first octets that come from the client, and then
    /// ends.
    fn line(change: fn(&mut Vec<u8>)) -> Line {
        let meeting = Meeting::open().unwrap();
        let (proxy, server) = (TcpListener::bind("127.0.0.1:0").unwrap(), meeting.address());
        let address = proxy.local_addr().unwrap();
        thread::spawn(move || {
            let (mut client, from) = proxy.accept().unwrap();
            let mut server = TcpStream::connect(server).unwrap();
            server.write_all(&header(from, address)).unwrap();
            let mut octets = vec![0; 64];
            let count = client.read(&mut octets).unwrap();
            octets.truncate(count);
            change(&mut octets);
            server.write_all(&octets).unwrap();
        });
        Line::open(address, &meeting).unwrap()
    }

    #[test]
    fn what_arrives_unchanged_is_right() {
        let mut line = line(|_| ());
        line.pass(Direction::ToServer, b"EHLO a\r\n").unwrap();
        line.finish(Direction::ToClient).unwrap();
    }

    #[test]
    fn whatever_is_changed_missing_or_too_much_is_noticed() {
        let said = |change| {
            let mut line = line(change);
            let passed = line.pass(Direction::ToServer, b"EHLO a\r\n");
            format!("{:#}", passed.and_then(|()| line.finish(Direction::ToServer)).unwrap_err())
        };
        assert_eq!(said(|octets| octets[3] ^= 1), "octets have changed on the way");
        assert!(said(|octets| octets.truncate(5)).starts_with("octets did not arrive: "));
        assert_eq!(said(|octets| octets.push(b'x')), "1 octets that nobody has sent");
    }
}
