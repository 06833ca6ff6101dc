//! LDAP messages as octets: written for clients that send what libraries would not, and read as far as it takes
//! to know what came back.
//!
//! ```
//! use real_peers::directory::message::{self, Message};
//!
//! let octets = message::message(7, &message::bind("cn=admin", "secret"));
//! let (read, length) = Message::read(&octets).unwrap().unwrap();
//! assert_eq!((read.id, read.operation, length), (7, message::BIND_REQUEST, octets.len()));
//! ```

use anyhow::{Context, Result, ensure};

use super::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, element, elements, number, text};
use super::client::Scope;

/// Tag of a bind request (RFC 4511 section 4.2).
pub const BIND_REQUEST: u8 = 0x60;
/// Tag of a bind response.
pub const BIND_RESPONSE: u8 = 0x61;
/// Tag of an unbind request.
pub const UNBIND_REQUEST: u8 = 0x42;
/// Tag of a search request.
pub const SEARCH_REQUEST: u8 = 0x63;
/// Tag of an entry that a search brings.
pub const SEARCH_ENTRY: u8 = 0x64;
/// Tag of a search's end.
pub const SEARCH_DONE: u8 = 0x65;
/// Tag of a continuation reference that a search brings.
pub const SEARCH_REFERENCE: u8 = 0x73;
/// Tag of a comparison.
pub const COMPARE_REQUEST: u8 = 0x6E;
/// Tag of an abandon request.
pub const ABANDON_REQUEST: u8 = 0x50;
/// Tag of a deletion.
pub const DELETE_REQUEST: u8 = 0x4A;
/// Tag of an extended request.
pub const EXTENDED_REQUEST: u8 = 0x77;
/// Tag of an extended response.
pub const EXTENDED_RESPONSE: u8 = 0x78;
/// Tag of an intermediate response.
pub const INTERMEDIATE_RESPONSE: u8 = 0x79;

/// The name of StartTLS (RFC 4511 section 4.14.1).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The name of "Who am I?" (RFC 4532).
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// The name of Cancel (RFC 3909).
pub const CANCEL: &str = "1.3.6.1.1.8";
/// The name of the paged results control (RFC 2696).
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// The message `id` with that operation.
#[must_use]
pub fn message(id: i32, operation: &[u8]) -> Vec<u8> {
    elements(SEQUENCE, &[&number(INTEGER, id.into()), operation])
}

/// The message `id` with that operation and controls as [`control`] makes them.
#[must_use]
pub fn message_with_controls(id: i32, operation: &[u8], controls: &[Vec<u8>]) -> Vec<u8> {
    let controls = element(0xA0, &controls.concat());
    elements(SEQUENCE, &[&number(INTEGER, id.into()), operation, &controls])
}

/// A control (RFC 4511 section 4.1.11).
#[must_use]
pub fn control(oid: &str, critical: bool, value: Option<&[u8]>) -> Vec<u8> {
    let criticality = if critical { element(BOOLEAN, &[0xFF]) } else { Vec::new() };
    let value = value.map(|value| element(OCTET_STRING, value)).unwrap_or_default();
    elements(SEQUENCE, &[&text(OCTET_STRING, oid), &criticality, &value])
}

/// The control that asks for one page of that many entries.
#[must_use]
pub fn page(entries: u32, cookie: &[u8]) -> Vec<u8> {
    let value = elements(SEQUENCE, &[&number(INTEGER, entries.into()), &element(OCTET_STRING, cookie)]);
    control(PAGED_RESULTS, true, Some(&value))
}

/// A simple bind; anonymous with two empty texts.
#[must_use]
pub fn bind(dn: &str, password: &str) -> Vec<u8> {
    elements(BIND_REQUEST, &[&number(INTEGER, 3), &text(OCTET_STRING, dn), &text(0x80, password)])
}

/// A round of a SASL bind.
#[must_use]
pub fn sasl_bind(mechanism: &str, credentials: Option<&[u8]>) -> Vec<u8> {
    let credentials = credentials.map(|octets| element(OCTET_STRING, octets)).unwrap_or_default();
    let sasl = elements(0xA3, &[&text(OCTET_STRING, mechanism), &credentials]);
    elements(BIND_REQUEST, &[&number(INTEGER, 3), &text(OCTET_STRING, ""), &sasl])
}

/// An unbind.
#[must_use]
pub fn unbind() -> Vec<u8> {
    element(UNBIND_REQUEST, &[])
}

/// A search without limits, with a filter as [`equal`] or [`present`] make them.
#[must_use]
pub fn search(base: &str, scope: Scope, filter: &[u8], attributes: &[&str]) -> Vec<u8> {
    let scope = match scope {
        Scope::Base => 0,
        Scope::One => 1,
        Scope::Subtree => 2,
        Scope::Children => 3,
    };
    let attributes: Vec<u8> = attributes.iter().flat_map(|name| text(OCTET_STRING, name)).collect();
    let parts = [
        &text(OCTET_STRING, base)[..],
        &number(ENUMERATED, scope),
        // Aliases are never followed; no limit of entries, none of seconds; values too, not their types alone.
        &number(ENUMERATED, 0),
        &number(INTEGER, 0),
        &number(INTEGER, 0),
        &element(BOOLEAN, &[0]),
        filter,
        &element(SEQUENCE, &attributes),
    ];
    elements(SEARCH_REQUEST, &parts)
}

/// The filter `(attribute=value)`, which takes the value as it is.
#[must_use]
pub fn equal(attribute: &str, value: &str) -> Vec<u8> {
    elements(0xA3, &[&text(OCTET_STRING, attribute), &text(OCTET_STRING, value)])
}

/// The filter `(attribute=*)`.
#[must_use]
pub fn present(attribute: &str) -> Vec<u8> {
    text(0x87, attribute)
}

/// A filter that all of these have to fit: `(&…)`.
#[must_use]
pub fn all(filters: &[Vec<u8>]) -> Vec<u8> {
    element(0xA0, &filters.concat())
}

/// A filter that this must not fit: `(!…)`.
#[must_use]
pub fn not(filter: &[u8]) -> Vec<u8> {
    element(0xA2, filter)
}

/// A comparison.
#[must_use]
pub fn compare(dn: &str, attribute: &str, value: &str) -> Vec<u8> {
    let assertion = elements(SEQUENCE, &[&text(OCTET_STRING, attribute), &text(OCTET_STRING, value)]);
    elements(COMPARE_REQUEST, &[&text(OCTET_STRING, dn), &assertion])
}

/// A deletion.
#[must_use]
pub fn delete(dn: &str) -> Vec<u8> {
    text(DELETE_REQUEST, dn)
}

/// An abandon request for the message `id`.
#[must_use]
pub fn abandon(id: i32) -> Vec<u8> {
    number(ABANDON_REQUEST, id.into())
}

/// An extended operation.
#[must_use]
pub fn extended(oid: &str, value: Option<&[u8]>) -> Vec<u8> {
    let value = value.map(|value| element(0x81, value)).unwrap_or_default();
    elements(EXTENDED_REQUEST, &[&text(0x80, oid), &value])
}

/// A Cancel operation for the message `id` (RFC 3909).
#[must_use]
pub fn cancel(id: i32) -> Vec<u8> {
    extended(CANCEL, Some(&element(SEQUENCE, &number(INTEGER, id.into()))))
}

/// A message that came in, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// All of its octets.
    pub octets: Vec<u8>,
    /// The message's number; 0 for an unsolicited notification.
    pub id: i32,
    /// The operation's tag.
    pub operation: u8,
    /// The result code, of what has one.
    pub code: Option<u32>,
    /// Where the operation's content begins and ends in `octets`.
    content: (usize, usize),
}

impl Message {
    /// Reads the first message of `octets` and says how long it is; `None` when there is less than one.
    ///
    /// # Errors
    /// When they do not begin with a message.
    pub fn read(octets: &[u8]) -> Result<Option<(Self, usize)>> {
        let Some(envelope) = Header::read(octets)? else { return Ok(None) };
        ensure!(envelope.tag == SEQUENCE, "not an LDAP message: it begins with {:#04x}", envelope.tag);
        let end = envelope.end;
        let Some(octets) = octets.get(..end) else { return Ok(None) };
        let id = Header::within(octets, envelope.begin)?;
        let operation = Header::within(octets, id.end)?;
        let code = match operation.tag {
            // Responses with a result begin with its code.
            BIND_RESPONSE | SEARCH_DONE | 0x67 | 0x69 | 0x6B | 0x6D | 0x6F | EXTENDED_RESPONSE => {
                let code = Header::within(octets, operation.begin)?;
                Some(u32::try_from(integer(&octets[code.begin..code.end])?)?)
            }
            _ => None,
        };
        let message = Self {
            octets: octets.to_vec(),
            id: i32::try_from(integer(&octets[id.begin..id.end])?)?,
            operation: operation.tag,
            code,
            content: (operation.begin, operation.end),
        };
        Ok(Some((message, end)))
    }

    /// The content of the operation.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.octets[self.content.0..self.content.1]
    }
}

/// An element's tag, and where its content stands.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) tag: u8,
    pub(super) begin: usize,
    pub(super) end: usize,
}

impl Header {
    /// Reads the header at the start of `octets`, in any definite form; `None` when it is not complete. The content
    /// may be.
    pub(super) fn read(octets: &[u8]) -> Result<Option<Self>> {
        let (Some(&tag), Some(&first)) = (octets.first(), octets.get(1)) else { return Ok(None) };
        if first < 0x80 {
            return Ok(Some(Self { tag, begin: 2, end: 2 + usize::from(first) }));
        }
        let count = usize::from(first & 0x7F);
        ensure!((1..=8).contains(&count), "a length that is not definite, or of {count} octets");
        let Some(length) = octets.get(2..2 + count) else { return Ok(None) };
        let length = length.iter().fold(0_usize, |length, &octet| (length << 8) | usize::from(octet));
        let end = length.checked_add(2 + count).context("a length beyond all memory")?;
        Ok(Some(Self { tag, begin: 2 + count, end }))
    }

    /// Reads the header at `place`, whose element has to be complete.
    fn within(octets: &[u8], place: usize) -> Result<Self> {
        let header = Self::read(octets.get(place..).unwrap_or_default())?.context("an element is missing")?;
        let (begin, end) = (place + header.begin, place + header.end);
        ensure!(end <= octets.len(), "an element is longer than what it is in");
        Ok(Self { tag: header.tag, begin, end })
    }
}

fn integer(octets: &[u8]) -> Result<i64> {
    ensure!((1..=8).contains(&octets.len()), "a number of {} octets", octets.len());
    let sign = if octets[0] < 0x80 { 0 } else { -1 };
    Ok(octets.iter().fold(sign, |number, &octet| (number << 8) | i64::from(octet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 4511 has none; this is what `ldapsearch -x` sends first.
    #[test]
    fn an_anonymous_bind() {
        let octets = message(1, &bind("", ""));
        assert_eq!(octets, [0x30, 0x0C, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]);
    }

    #[test]
    fn reads_what_microsoft_writes() {
        let done = [0x30, 0x84, 0, 0, 0, 16, 2, 1, 9, 0x65, 0x84, 0, 0, 0, 7, 10, 1, 32, 4, 0, 4, 0];
        let (read, length) = Message::read(&done).unwrap().unwrap();
        assert_eq!((read.id, read.operation, read.code, length), (9, SEARCH_DONE, Some(32), 22));
        assert_eq!(read.content(), [10, 1, 32, 4, 0, 4, 0]);
    }

    #[test]
    fn less_than_a_message_is_none_and_something_else_is_an_error() {
        let octets = message(300, &delete("cn=x"));
        for length in 0..octets.len() {
            assert_eq!(Message::read(&octets[..length]).unwrap(), None);
        }
        assert!(Message::read(b"HTTP/1.1").is_err());
        assert!(Message::read(&[0x30, 0x80, 0, 0]).is_err());
        assert!(Message::read(&[0x30, 3, 2, 9, 1]).is_err());
    }
}
