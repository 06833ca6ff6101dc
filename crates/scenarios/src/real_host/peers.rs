//! Clients and servers on real sockets.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::{Domain, SockRef, Socket, Type};

use super::http2::Http2;
use crate::observation::Arrival;
use crate::scenario::{Answer, Deed, Fields, fields};

/// How long Envoy may take to accept a connection.
const SOON: Duration = Duration::from_secs(10);

/// What stands behind a listener.
pub(super) enum Server {
    /// It accepts.
    Accepting(TcpListener),
    /// It holds a port on which nobody listens: the system refuses.
    Refusing(Socket),
}

impl Server {
    pub(super) fn new(refuses: bool) -> io::Result<Self> {
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        if refuses {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&any.into())?;
            return Ok(Self::Refusing(socket));
        }
        let listener = TcpListener::bind(any)?;
        listener.set_nonblocking(true)?;
        Ok(Self::Accepting(listener))
    }

    pub(super) fn port(&self) -> Result<u16> {
        let address = match self {
            Self::Accepting(listener) => listener.local_addr()?,
            Self::Refusing(socket) => socket.local_addr()?.as_socket().context("an IP address")?,
        };
        Ok(address.port())
    }

    /// The next connection that Envoy has made, if there is one. It does not block.
    pub(super) fn accept(&self) -> Result<Option<TcpStream>> {
        let Self::Accepting(listener) = self else { return Ok(None) };
        match listener.accept() {
            Ok((stream, _)) => Ok(Some(prepared(stream)?)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A client's connection. It does not block.
pub(super) fn connect(address: SocketAddr) -> Result<TcpStream> {
    prepared(TcpStream::connect_timeout(&address, SOON).context("connecting to Envoy")?)
}

fn prepared(stream: TcpStream) -> Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// One end of a connection, or of an HTTP stream.
pub(super) enum End {
    Tcp(TcpEnd),
    Http(HttpEnd),
}

impl End {
    /// Reads what has come. Returns whether there was anything.
    pub(super) fn read(&mut self) -> Result<bool> {
        match self {
            Self::Tcp(end) => end.read(),
            Self::Http(end) => end.read(),
        }
    }

    /// Does something with what has arrived and nobody has taken yet.
    pub(super) fn with_arrived<T>(&mut self, with: impl FnOnce(&mut Arrival) -> T) -> T {
        match self {
            Self::Tcp(end) => with(&mut end.arrived),
            Self::Http(end) if end.has_reset => with(&mut Arrival::default()),
            Self::Http(end) => with(end.connection.borrow_mut().arrived(end.stream)),
        }
    }

    /// Does what a scenario says.
    pub(super) fn act(&mut self, deed: &Deed) -> Result<()> {
        match self {
            Self::Tcp(end) => end.act(deed),
            Self::Http(end) => end.act(deed),
        }
    }
}

/// One end of an HTTP stream.
pub(super) struct HttpEnd {
    connection: Rc<RefCell<Http2>>,
    stream: u32,
    has_reset: bool,
    /// It has sent headers.
    has_begun: bool,
}

impl HttpEnd {
    pub(super) fn new(connection: Rc<RefCell<Http2>>, stream: u32) -> Self {
        Self { connection, stream, has_reset: false, has_begun: false }
    }

    fn read(&mut self) -> Result<bool> {
        Ok(self.connection.borrow_mut().read()? && !self.has_reset)
    }

    fn act(&mut self, deed: &Deed) -> Result<()> {
        match deed {
            Deed::SendsHeaders(headers, end) => self.send_fields(headers.clone(), *end),
            Deed::SendsBody(octets, end) => self.send_body(octets, *end),
            Deed::SendsTrailers(trailers) => self.send_fields(trailers.clone(), true),
            Deed::Resets => {
                self.has_reset = true;
                self.connection.borrow_mut().reset(self.stream)
            }
            Deed::Answers(Answer { status, headers, body, trailers }) => {
                let mut all = fields(&[(":status", &status.to_string())]);
                all.extend(headers.iter().cloned());
                self.send_fields(all, body.is_empty() && trailers.is_empty())?;
                if !body.is_empty() {
                    self.send_body(body, trailers.is_empty())?;
                }
                if trailers.is_empty() { Ok(()) } else { self.send_fields(trailers.clone(), true) }
            }
            Deed::BreaksOff => {
                self.send_fields(fields(&[(":status", "200")]), false)?;
                self.connection.borrow_mut().reset(self.stream)
            }
            Deed::AnswersGrpc(message) => {
                self.accept_grpc(&[])?;
                self.send_message(message)?;
                self.send_fields(fields(&[("grpc-status", "0")]), true)
            }
            Deed::FailsGrpc(status, message) => self.end_grpc(*status, &fields(&[("grpc-message", message)])),
            Deed::AcceptsGrpc(metadata) => self.accept_grpc(metadata),
            Deed::SendsGrpc(message) => {
                if !self.has_begun {
                    self.accept_grpc(&[])?;
                }
                self.send_message(message)
            }
            Deed::EndsGrpc(status, metadata) => self.end_grpc(*status, metadata),
            Deed::Sends(_) | Deed::SendsLast(_) | Deed::Ends => bail!("only on a connection"),
        }
    }

    fn accept_grpc(&mut self, metadata: &[(String, String)]) -> Result<()> {
        let mut headers = fields(&GRPC_RESPONSE);
        headers.extend_from_slice(metadata);
        self.send_fields(headers, false)
    }

    /// With trailers, or with headers only where there were none before.
    fn end_grpc(&mut self, status: u32, metadata: &Fields) -> Result<()> {
        let mut all = if self.has_begun { Vec::new() } else { fields(&GRPC_RESPONSE) };
        all.extend(fields(&[("grpc-status", &status.to_string())]));
        all.extend(metadata.iter().cloned());
        self.send_fields(all, true)
    }

    /// A message in its frame: not compressed, its length, its octets.
    fn send_message(&mut self, message: &[u8]) -> Result<()> {
        let length = u32::try_from(message.len())?.to_be_bytes();
        self.send_body(&[&[0], &length[..], message].concat(), false)
    }

    fn send_fields(&mut self, fields: Fields, end_stream: bool) -> Result<()> {
        self.has_begun = true;
        self.connection.borrow_mut().send_fields(self.stream, &fields, end_stream)
    }

    fn send_body(&self, octets: &[u8], end_stream: bool) -> Result<()> {
        self.connection.borrow_mut().send_body(self.stream, octets, end_stream)
    }
}

/// What every response of gRPC begins with.
const GRPC_RESPONSE: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

/// One end of a TCP connection.
pub(super) struct TcpEnd {
    /// None once this end has reset the connection.
    stream: Option<TcpStream>,
    arrived: Arrival,
    ended: bool,
}

impl TcpEnd {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream: Some(stream), arrived: Arrival::default(), ended: false }
    }

    /// The same on the side of the server.
    pub(super) fn accepted(stream: TcpStream) -> Self {
        let arrived = Arrival { connected: true, ..Arrival::default() };
        Self { arrived, ..Self::new(stream) }
    }

    fn read(&mut self) -> Result<bool> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.ended) else { return Ok(false) };
        let mut any = false;
        let mut piece = [0; 16 * 1024];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(size) => self.arrived.octets.extend_from_slice(&piece[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(any),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.ended = true,
                Err(error) => return Err(error).context("reading as a peer"),
            }
            any = true;
            if self.ended {
                self.arrived.end = true;
                return Ok(true);
            }
        }
    }

    fn act(&mut self, deed: &Deed) -> Result<()> {
        let Some(stream) = &mut self.stream else { bail!("this end has reset the connection already") };
        match deed {
            Deed::Sends(octets) => stream.write_all(octets)?,
            Deed::SendsLast(octets) => {
                // Corked, the octets leave with the FIN in one segment, so that Envoy reads both at once.
                SockRef::from(&*stream).set_tcp_cork(true)?;
                stream.write_all(octets)?;
                stream.shutdown(Shutdown::Write)?;
            }
            Deed::Ends => stream.shutdown(Shutdown::Write)?,
            Deed::Resets => {
                // A linger time of 0 makes close(2) send RST.
                SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
                self.stream = None;
            }
            deed => bail!("{deed}: only on an HTTP stream"),
        }
        Ok(())
    }
}
