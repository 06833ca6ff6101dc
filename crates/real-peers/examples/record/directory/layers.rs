//! Takes the SASL buffers off a recording, as far as they are only signed: tshark opens those of few mechanisms.

use anyhow::{Result, ensure};
use real_peers::directory::message::Message;
use real_peers::{Direction, RecordedFrame, Recording};

/// What a SASL buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A Kerberos token of RFC 4121 that is only signed.
    KerberosSigned,
    /// One that is sealed.
    KerberosSealed,
    /// A Kerberos token of RFC 1964, with RC4 as of RFC 4757, that is only signed.
    OldKerberosSigned,
    /// One that is sealed.
    OldKerberosSealed,
    /// An NTLM signature (MS-NLMP section 2.2.2.9.1) and what is sealed under it: over LDAP never signed alone.
    Ntlm,
    /// A message followed by the 16 octets of DIGEST-MD5's integrity layer (RFC 2831 section 2.3).
    DigestSigned,
    /// Anything else.
    Opaque,
}

impl Token {
    /// Whether the messages in it can be read.
    pub(crate) fn is_readable(self) -> bool {
        matches!(self, Self::KerberosSigned | Self::OldKerberosSigned | Self::DigestSigned)
    }
}

/// A recording without its security layer.
pub(crate) struct Opened {
    /// What is readable, each message or token in a frame of its own.
    pub(crate) recording: Recording,
    pub(crate) buffers: Vec<(Direction, Token)>,
}

/// What one side has sent, and where we are in it.
#[derive(Default)]
struct Side {
    pending: Vec<u8>,
}

/// Reads to the end, or to where TLS begins.
pub(crate) fn open(recording: &Recording) -> Result<Opened> {
    let mut opened = Opened { recording: Recording::default(), buffers: Vec::new() };
    let (mut client, mut server) = (Side::default(), Side::default());
    for frame in &recording.frames {
        let side = match frame.direction {
            Direction::ClientToServer => &mut client,
            Direction::ServerToClient => &mut server,
        };
        side.pending.extend_from_slice(&frame.octets);
        while let Some((octets, token)) = side.next()? {
            if let Some(token) = token {
                opened.buffers.push((frame.direction, token));
            }
            if token.is_none_or(Token::is_readable) {
                let frame = RecordedFrame { octets, ..frame.clone() };
                opened.recording.frames.push(frame);
            }
        }
    }
    Ok(opened)
}

impl Side {
    /// The next message, with the kind of buffer that it was in, if it was in one.
    fn next(&mut self) -> Result<Option<(Vec<u8>, Option<Token>)>> {
        /// The first octet of an LDAP message, and of the length of a buffer that is of reasonable size.
        const SEQUENCE: u8 = 0x30;
        const LENGTH: u8 = 0x00;
        let (length, is_buffer) = match self.pending[..] {
            [SEQUENCE, ..] => match Message::read(&self.pending)? {
                Some((_, length)) => (length, false),
                None => return Ok(None),
            },
            [LENGTH, a, b, c, ..] => (4 + u32::from_be_bytes([0, a, b, c]) as usize, true),
            _ => return Ok(None),
        };
        if self.pending.len() < length {
            return Ok(None);
        }
        let rest = self.pending.split_off(length);
        let octets = std::mem::replace(&mut self.pending, rest);
        if !is_buffer {
            return Ok(Some((octets, None)));
        }
        let (token, content) = token(&octets[4..])?;
        Ok(Some((content, Some(token))))
    }
}

/// What kind of token that is, and the octets in it, if they can be read. Messages may begin and end within.
fn token(octets: &[u8]) -> Result<(Token, Vec<u8>)> {
    const HEADER: usize = 16;
    const SEALED: u8 = 2;
    // RFC 4121 section 4.2.6.2: token id, flags, filler, extra count, right rotation count, sequence number.
    if let [5, 4, flags, 0xFF, e, c, r, q, ..] = *octets
        && octets.len() >= HEADER
    {
        if flags & SEALED != 0 {
            return Ok((Token::KerberosSealed, Vec::new()));
        }
        let mut content = octets[HEADER..].to_vec();
        let [extra, rotation] = [[e, c], [r, q]].map(|count| usize::from(u16::from_be_bytes(count)));
        ensure!(extra <= content.len() && rotation <= content.len(), "a token shorter than it says");
        content.rotate_left(rotation);
        content.truncate(content.len() - extra);
        return Ok((Token::KerberosSigned, content));
    }
    if let Some(token) = old_token(octets) {
        return Ok(token);
    }
    if octets.len() >= HEADER && octets.starts_with(&[1, 0, 0, 0]) {
        return Ok((Token::Ntlm, Vec::new()));
    }
    let whole_message = Message::read(octets).ok().flatten();
    Ok(match whole_message {
        Some((message, length)) if length + 16 == octets.len() => (Token::DigestSigned, message.octets),
        _ => (Token::Opaque, Vec::new()),
    })
}

/// The same for a token of RFC 1964 section 1.2.2.
fn old_token(octets: &[u8]) -> Option<(Token, Vec<u8>)> {
    /// The object identifier of Kerberos 5, and the kind of token.
    const KERBEROS: [u8; 13] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 1, 2, 2, 2, 1];
    /// RC4 (RFC 4757 section 7.3): the algorithm of signing, none of sealing; or both.
    const SIGNED: [u8; 4] = [0x11, 0, 0xFF, 0xFF];
    const SEALED: [u8; 4] = [0x11, 0, 0x10, 0];
    /// The filler, the sequence number, the checksum and the confounder.
    const REST: usize = 2 + 8 + 8 + 8;
    if octets.first() != Some(&0x60) {
        return None;
    }
    let place = octets.windows(KERBEROS.len()).take(8).position(|octets| octets == KERBEROS)?;
    let algorithms = octets.get(place + KERBEROS.len()..)?;
    if algorithms.starts_with(&SEALED) {
        return Some((Token::OldKerberosSealed, Vec::new()));
    }
    // One octet of padding ends it.
    let content = algorithms.strip_prefix(&SIGNED)?.get(REST..)?.strip_suffix(&[1])?;
    Some((Token::OldKerberosSigned, content.to_vec()))
}
