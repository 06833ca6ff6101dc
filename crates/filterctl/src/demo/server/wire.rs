//! A connection as octets, in clear text or through TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Traffic;

/// A connection. It begins in clear text.
pub(in crate::demo) struct Wire<'a> {
    stream: Stream<'a>,
}

enum Stream<'a> {
    Clear(Counted<'a>),
    Tls(Box<StreamOwned<ServerConnection, Counted<'a>>>),
    /// TLS failed: nothing can be said any more.
    Broken,
}

impl<'a> Wire<'a> {
    /// `traffic` gets the octets on the wire.
    pub(super) fn new(stream: TcpStream, traffic: &'a Traffic) -> Self {
        Self { stream: Stream::Clear(Counted { stream, traffic }) }
    }

    /// Reads what there is; 0 at the end. Waits at most as long as [`Wire::wait_for`] says.
    pub(in crate::demo) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.get()?.read(buffer)
    }

    /// Writes all of it.
    pub(in crate::demo) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let stream = self.stream.get()?;
        stream.write_all(octets)?;
        stream.flush()
    }

    /// How long a read may wait before it fails with `WouldBlock`.
    pub(in crate::demo) fn wait_for(&mut self, silence: Duration) -> io::Result<()> {
        // A duration of zero would mean to wait for ever.
        let silence = silence.max(Duration::from_millis(1));
        match self.stream.socket() {
            Some(socket) => socket.set_read_timeout(Some(silence)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Begins TLS.
    pub(in crate::demo) fn start_tls(&mut self, config: &Arc<ServerConfig>) -> io::Result<()> {
        let Stream::Clear(stream) = std::mem::replace(&mut self.stream, Stream::Broken) else {
            return Err(io::Error::other("TLS inside TLS"));
        };
        let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        stream.conn.complete_io(&mut stream.sock)?;
        self.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }

    /// Waits until the client has closed the connection; taking leave of TLS is not enough. What still comes is
    /// forgotten.
    pub(in crate::demo) fn wait_for_close(&mut self, patience: Duration) -> io::Result<()> {
        self.wait_for(patience)?;
        let socket = match &mut self.stream {
            Stream::Clear(socket) => socket,
            Stream::Tls(tls) => &mut tls.sock,
            Stream::Broken => return Ok(()),
        };
        let mut chunk = [0; 1024];
        while socket.read(&mut chunk)? > 0 {}
        Ok(())
    }

    /// Ends the connection; with TLS it takes leave first.
    pub(super) fn close(&mut self) {
        if let Stream::Tls(tls) = &mut self.stream {
            tls.conn.send_close_notify();
            // The client may have gone already: then there is nobody to tell.
            let _ = tls.flush();
        }
        if let Some(socket) = self.stream.socket() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Stream<'_> {
    fn get(&mut self) -> io::Result<&mut dyn ReadWrite> {
        match self {
            Self::Clear(stream) => Ok(stream),
            Self::Tls(stream) => Ok(stream.as_mut()),
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Clear(stream) => Some(&stream.stream),
            Self::Tls(tls) => Some(&tls.sock.stream),
            Self::Broken => None,
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A socket that counts its octets.
struct Counted<'a> {
    stream: TcpStream,
    traffic: &'a Traffic,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.traffic.received.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        // Counted first: who has received an octet must never read a count that lacks it.
        self.traffic.sent.fetch_add(octets.len() as u64, Ordering::Relaxed);
        let written = self.stream.write(octets);
        let unsent = octets.len() - written.as_ref().copied().unwrap_or(0);
        self.traffic.sent.fetch_sub(unsent as u64, Ordering::Relaxed);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
