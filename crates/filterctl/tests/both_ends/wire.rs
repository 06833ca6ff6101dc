//! A connection of which the test holds both ends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::SockRef;

use super::counts::SOON;
use super::script::Script;

/// Octets in both directions, in clear text or not.
pub(crate) trait Octets: Read + Write + Send {}
impl<T: Read + Write + Send> Octets for T {}

/// A connection from a client through Envoy to a server, both of which are the test.
pub(crate) struct Wire {
    client: Box<dyn Octets>,
    /// The socket below `client`.
    client_socket: TcpStream,
    server: TcpStream,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Who connects to Envoy.
    Client,
    /// Whom Envoy connects to.
    Server,
}

impl End {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl Wire {
    /// `client` reads and writes through `client_socket`.
    pub(crate) fn new(client: Box<dyn Octets>, client_socket: TcpStream, server: TcpStream) -> Result<Self> {
        prepare(&server)?;
        Ok(Self { client, client_socket, server })
    }

    /// Plays lines as [`Script::lines`] has them.
    pub(crate) fn talk(&mut self, lines: &str) -> Result<()> {
        self.play(&Script::lines(lines)?)
    }

    /// Plays a script. Each part has to arrive, octet by octet as it was sent, before the next one leaves.
    pub(crate) fn play(&mut self, script: &Script) -> Result<()> {
        script.parts().try_for_each(|(end, octets)| {
            self.say(end, octets).with_context(|| octets.escape_ascii().to_string())
        })
    }

    /// Sends octets from one end, and demands that they arrive unchanged at the other.
    pub(crate) fn say(&mut self, from: End, octets: &[u8]) -> Result<()> {
        self.send(from, octets)?;
        let mut arrived = vec![0; octets.len()];
        self.end(from.other())
            .read_exact(&mut arrived)
            .with_context(|| format!("waiting for what the {from:?} said"))?;
        ensure!(arrived == octets, "what the {from:?} said has changed: {}", arrived.escape_ascii());
        Ok(())
    }

    /// Sends octets and does not wait for them.
    pub(crate) fn send(&mut self, from: End, octets: &[u8]) -> Result<()> {
        let end = self.end(from);
        end.write_all(octets).and_then(|()| end.flush()).with_context(|| format!("sending from the {from:?}"))
    }

    /// Ends one direction with FIN: the other end notices.
    pub(crate) fn finish(&mut self, end: End) -> Result<()> {
        self.socket(end).shutdown(Shutdown::Write).context("ending a direction")?;
        let rest = self.read_to_end(end.other())?;
        ensure!(rest.is_empty(), "unexpected at the end: {}", rest.escape_ascii());
        Ok(())
    }

    /// Ends the connection with FIN from both ends, this one first.
    pub(crate) fn close(mut self, first: End) -> Result<()> {
        self.finish(first)?;
        self.finish(first.other())
    }

    /// Ends the connection with RST from one end: the other one notices.
    pub(crate) fn reset(self, end: End) -> Result<()> {
        let socket = self.socket(end).try_clone()?;
        // A linger time of 0 makes close(2) send RST. Every handle of the socket has to be closed for that.
        SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
        drop(socket);
        let Self { client, client_socket, server } = self;
        let mut left: Box<dyn Octets> = match end {
            End::Client => {
                drop((client, client_socket));
                Box::new(server)
            }
            End::Server => {
                drop(server);
                client
            }
        };
        read_to_end(&mut left).context("waiting for the other end to notice the reset").map(drop)
    }

    /// What still arrives at one end until the connection ends there; an ending by RST is one too.
    pub(crate) fn read_to_end(&mut self, end: End) -> Result<Vec<u8>> {
        read_to_end(self.end(end)).with_context(|| format!("waiting for the end at the {end:?}"))
    }

    fn end(&mut self, end: End) -> &mut dyn Octets {
        match end {
            End::Client => &mut *self.client,
            End::Server => &mut self.server,
        }
    }

    fn socket(&self, end: End) -> &TcpStream {
        match end {
            End::Client => &self.client_socket,
            End::Server => &self.server,
        }
    }
}

/// Makes every write a segment of its own, and every wait a bounded one.
pub(crate) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(SOON))?;
    socket.set_write_timeout(Some(SOON))
}

fn read_to_end(end: &mut dyn Octets) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    match end.read_to_end(&mut octets) {
        Ok(_) => Ok(octets),
        Err(error) if is_ending(&error) => Ok(octets),
        Err(error) => Err(error),
    }
}

/// A reset, and the end of TLS without its farewell.
fn is_ending(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe)
}
