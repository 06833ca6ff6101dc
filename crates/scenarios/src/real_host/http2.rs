//! An end of an HTTP/2 connection (RFC 9113) that sends what a scenario says, frame by frame.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, anyhow, bail};
use loona_hpack::{Decoder, Encoder};

use crate::observation::{self, Arrival};
use crate::scenario::Fields;

/// What a client says first (section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The length of a frame's header (section 4.1).
const FRAME_HEADER: usize = 9;

/// Types of frames (section 6).
mod kind {
    pub(super) const DATA: u8 = 0x0;
    pub(super) const HEADERS: u8 = 0x1;
    pub(super) const RST_STREAM: u8 = 0x3;
    pub(super) const SETTINGS: u8 = 0x4;
    pub(super) const PING: u8 = 0x6;
    pub(super) const CONTINUATION: u8 = 0x9;
}

/// Flags of frames. `ACK` and `END_STREAM` share a bit, on different types of frames.
mod flag {
    pub(super) const ACK: u8 = 0x1;
    pub(super) const END_STREAM: u8 = 0x1;
    pub(super) const END_HEADERS: u8 = 0x4;
    pub(super) const PADDED: u8 = 0x8;
    pub(super) const PRIORITY: u8 = 0x20;
}

/// What tells that a request is gRPC.
const GRPC: (&[u8], &[u8]) = (b"content-type", b"application/grpc");

/// `CANCEL` (section 7).
const CANCEL: u32 = 0x8;

/// One end of a connection.
pub(super) struct Http2 {
    socket: TcpStream,
    encoder: Encoder<'static>,
    decoder: Decoder<'static>,
    /// What has been read of frames that are not complete, or of a client's preface.
    input: Vec<u8>,
    awaits_preface: bool,
    role: Role,
    streams: BTreeMap<u32, Stream>,
}

/// Which end it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
    /// It serves call-outs. Only what the extension has said counts there: some headers, and messages of gRPC without their
    /// frames.
    Oracle,
}

/// A frame (section 4.1).
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// What has arrived on a stream and nobody has taken yet.
#[derive(Default)]
struct Stream {
    arrived: Arrival,
    headers_seen: bool,
    /// The other end has said all that it has to say.
    ended: bool,
    /// So has this one.
    has_ended: bool,
    was_reset: bool,
    /// It is gRPC, and this is of a message that is not complete.
    message: Option<Vec<u8>>,
}

impl Http2 {
    /// The client's end of a connection that has just been made. The socket does not block.
    pub(super) fn client(mut socket: TcpStream) -> Result<Self> {
        socket.write_all(PREFACE)?;
        Self::new(socket, Role::Client)
    }

    /// The server's end, whether of requests or of call-outs.
    pub(super) fn server(socket: TcpStream, role: Role) -> Result<Self> {
        Self::new(socket, role)
    }

    fn new(socket: TcpStream, role: Role) -> Result<Self> {
        let mut end = Self {
            socket,
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            input: Vec::new(),
            awaits_preface: role != Role::Client,
            role,
            streams: BTreeMap::new(),
        };
        end.send(kind::SETTINGS, 0, 0, &[])?;
        Ok(end)
    }

    /// Sends headers or trailers.
    pub(super) fn send_fields(&mut self, stream: u32, fields: &Fields, end_stream: bool) -> Result<()> {
        let pairs = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let block = self.encoder.encode(pairs);
        let end = self.end_flag(stream, end_stream);
        self.send(kind::HEADERS, flag::END_HEADERS | end, stream, &block)
    }

    /// Sends a piece of a body.
    pub(super) fn send_body(&mut self, stream: u32, octets: &[u8], end_stream: bool) -> Result<()> {
        let end = self.end_flag(stream, end_stream);
        self.send(kind::DATA, end, stream, octets)
    }

    /// Resets a stream.
    pub(super) fn reset(&mut self, stream: u32) -> Result<()> {
        self.send(kind::RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
    }

    /// Reads what has come. Returns whether there was anything for a stream.
    pub(super) fn read(&mut self) -> Result<bool> {
        let mut piece = [0; 16 * 1024];
        let over = loop {
            match self.socket.read(&mut piece) {
                Ok(0) => break true,
                Ok(size) => self.input.extend_from_slice(&piece[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break true,
                Err(error) => return Err(error).context("reading as a peer of HTTP/2"),
            }
        };
        let mut any = false;
        while let Some(frame) = self.next_frame()? {
            any |= self.take_frame(&frame)?;
        }
        if over {
            for stream in self.streams.values_mut() {
                any |= stream.is_reset(self.role);
            }
        }
        Ok(any)
    }

    /// What has arrived on a stream and nobody has taken yet.
    pub(super) fn arrived(&mut self, stream: u32) -> &mut Arrival {
        &mut self.streams.entry(stream).or_default().arrived
    }

    /// The streams that the other end has begun.
    pub(super) fn streams(&self) -> impl Iterator<Item = u32> {
        self.streams.keys().copied()
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let length = u32::try_from(payload.len())?.to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.socket.write_all(&frame).context("sending a frame")
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        if self.awaits_preface {
            if self.input.len() < PREFACE.len() {
                return Ok(None);
            }
            let preface: Vec<u8> = self.input.drain(..PREFACE.len()).collect();
            anyhow::ensure!(preface == PREFACE, "no preface of HTTP/2: {}", preface.escape_ascii());
            self.awaits_preface = false;
        }
        let Some((header, rest)) = self.input.split_first_chunk::<FRAME_HEADER>() else { return Ok(None) };
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = *header;
        let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
        let Some(payload) = rest.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
        self.input.drain(..FRAME_HEADER + length);
        let stream = u32::from_be_bytes([s1 & 0x7f, s2, s3, s4]);
        Ok(Some(Frame { kind, flags, stream, payload }))
    }

    /// Returns whether the frame was for a stream.
    fn take_frame(&mut self, frame: &Frame) -> Result<bool> {
        let Frame { kind, flags, stream: id, ref payload } = *frame;
        match kind {
            kind::SETTINGS | kind::PING if flags & flag::ACK == 0 => {
                let answer = if kind == kind::PING { payload.as_slice() } else { &[] };
                self.send(kind, flag::ACK, 0, answer)?;
                return Ok(false);
            }
            kind::HEADERS => {
                anyhow::ensure!(flags & flag::END_HEADERS != 0, "headers that need more than one frame");
                let block = unpadded(flags, payload)?;
                let block = if flags & flag::PRIORITY == 0 { block } else { block.get(5..).unwrap_or(&[]) };
                let fields = self.decoder.decode(block).map_err(|error| anyhow!("HPACK: {error:?}"))?;
                let is_oracle = self.role == Role::Oracle;
                let counts = |(name, _): &(&[u8], &[u8])| !is_oracle || observation::of_extension(name);
                let pairs = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
                let is_grpc = is_oracle && pairs.clone().any(|field| field == GRPC);
                let shown = observation::fields(pairs.filter(counts));
                let stream = self.streams.entry(id).or_default();
                if stream.headers_seen {
                    stream.arrived.trailers = shown;
                } else {
                    stream.arrived.headers = shown;
                    stream.headers_seen = true;
                    stream.message = is_grpc.then(Vec::new);
                }
            }
            kind::DATA => {
                let octets = unpadded(flags, payload)?;
                self.streams.entry(id).or_default().take_octets(octets);
            }
            kind::RST_STREAM => {
                return Ok(self.streams.entry(id).or_default().is_reset(self.role));
            }
            kind::CONTINUATION => bail!("headers that need more than one frame"),
            _ => return Ok(false),
        }
        if flags & flag::END_STREAM != 0 {
            let stream = self.streams.entry(id).or_default();
            stream.arrived.end = true;
            stream.ended = true;
        }
        Ok(true)
    }

    fn end_flag(&mut self, stream: u32, end_stream: bool) -> u8 {
        if !end_stream {
            return 0;
        }
        self.streams.entry(stream).or_default().has_ended = true;
        flag::END_STREAM
    }
}

impl Stream {
    fn take_octets(&mut self, octets: &[u8]) {
        let Some(message) = &mut self.message else {
            self.arrived.octets.extend_from_slice(octets);
            return;
        };
        message.extend_from_slice(octets);
        // A flag, and the length of the message.
        while let Some(([_, length @ ..], rest)) = message.split_first_chunk::<5>()
            && let Some(octets) = rest.get(..u32::from_be_bytes(*length) as usize)
        {
            self.arrived.octets.extend_from_slice(octets);
            let size = 5 + octets.len();
            message.drain(..size);
        }
    }

    /// The other end has reset the stream. Returns whether that tells anything: a client whose response is complete does not
    /// care, nor does a server that has both the whole request and sent its whole response.
    fn is_reset(&mut self, role: Role) -> bool {
        let is_complete = self.ended && (self.has_ended || role == Role::Client);
        let tells = !is_complete && !self.was_reset;
        self.was_reset = true;
        self.arrived.reset |= tells;
        tells
    }
}

/// A payload without its padding (section 6.1).
fn unpadded(flags: u8, payload: &[u8]) -> Result<&[u8]> {
    if flags & flag::PADDED == 0 {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().context("no length of the padding")?;
    let length = rest.len().checked_sub((*padding).into()).context("more padding than payload")?;
    Ok(&rest[..length])
}
