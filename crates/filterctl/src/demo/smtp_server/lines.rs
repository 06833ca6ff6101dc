//! Reads lines from a connection and writes replies to it.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;

use crate::demo::server::Wire;

/// The longest piece that is handed out at once. Command lines are at most 512 octets (RFC 5321, section
/// 4.5.3.1.4), and parameters make them somewhat longer.
const PIECE: usize = 4_096;

/// A piece of what the client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A line, or the last part of one, without its CRLF.
    Line(Vec<u8>),
    /// A part of a line that is longer than [`PIECE`]: more of it follows.
    Part(Vec<u8>),
}

/// A connection, read in pieces of lines and written in replies.
///
/// Replies wait until there is nothing more to read, so that those to pipelined commands leave together
/// (RFC 2920, section 3.2).
pub(super) struct Lines<'w, 'a> {
    wire: &'w mut Wire<'a>,
    /// Read and not handed out yet.
    input: Vec<u8>,
    /// Not written yet.
    output: Vec<u8>,
}

impl<'w, 'a> Lines<'w, 'a> {
    pub(super) fn new(wire: &'w mut Wire<'a>) -> Self {
        Self { wire, input: Vec::new(), output: Vec::new() }
    }

    /// The next piece, or `None` when the client has left.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            if let Some(piece) = take_piece(&mut self.input) {
                return Ok(Some(piece));
            }
            self.flush()?;
            let mut chunk = [0; PIECE];
            let count = self.wire.read(&mut chunk)?;
            if count == 0 {
                return Ok(None);
            }
            self.input.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
    }

    /// Queues a reply.
    pub(super) fn reply(&mut self, reply: impl std::fmt::Display) {
        self.output.extend_from_slice(reply.to_string().as_bytes());
    }

    /// Writes what is queued.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.wire.write(&self.output)?;
            self.output.clear();
        }
        Ok(())
    }

    /// Begins TLS. What the client sent behind STARTTLS in clear text is thrown away: it must not be taken for
    /// something said under TLS (RFC 3207, section 6).
    pub(super) fn start_tls(&mut self, config: &Arc<ServerConfig>) -> io::Result<()> {
        self.flush()?;
        self.input.clear();
        self.wire.start_tls(config)
    }
}

/// Takes a line off the front, or a part of one that has become too long. Only CRLF ends a line: RFC 5321,
/// section 2.3.8.
fn take_piece(input: &mut Vec<u8>) -> Option<Piece> {
    if let Some(end) = memchr::memmem::find(input, b"\r\n") {
        let line = input.get(..end)?.to_vec();
        input.drain(..end + 2);
        return Some(Piece::Line(line));
    }
    // A CR at the very end may be the first half of a CRLF: it stays.
    let ready = input.len() - usize::from(input.last() == Some(&b'\r'));
    (ready >= PIECE).then(|| Piece::Part(input.drain(..ready).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crlf_ends_a_line() {
        let mut input = b"NOOP\r\nbare\nline\rfeed\r\nrest".to_vec();
        assert_eq!(take_piece(&mut input), Some(Piece::Line(b"NOOP".to_vec())));
        assert_eq!(take_piece(&mut input), Some(Piece::Line(b"bare\nline\rfeed".to_vec())));
        assert_eq!(take_piece(&mut input), None);
        assert_eq!(input, b"rest");
    }

    #[test]
    fn a_long_line_comes_in_parts_and_its_crlf_is_never_cut() {
        let mut input = vec![b'x'; PIECE];
        input.push(b'\r');
        assert_eq!(take_piece(&mut input), Some(Piece::Part(vec![b'x'; PIECE])));
        assert_eq!(take_piece(&mut input), None);
        input.push(b'\n');
        assert_eq!(take_piece(&mut input), Some(Piece::Line(Vec::new())));
    }
}
