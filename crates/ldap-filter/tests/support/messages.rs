//! LDAP messages as peers send them (RFC 4511, 4), written without the filter's own code.

use super::ber::{Lengths, all, boolean, element, enumerated, integer, octet_string, sequence, tlv};

/// A message that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    id: i64,
    operation: Vec<u8>,
    controls: Vec<Vec<u8>>,
    lengths: Lengths,
}

impl Message {
    pub(crate) fn new(id: i64, operation: Vec<u8>) -> Self {
        Self { id, operation, controls: Vec::new(), lengths: Lengths::Short }
    }

    /// With a control that has a value.
    pub(crate) fn control(mut self, oid: &str, value: &[u8]) -> Self {
        self.controls.push(sequence(&[octet_string(oid), octet_string(value)]));
        self
    }

    /// As Microsoft writes it: the lengths of the message in five octets.
    pub(crate) fn long(mut self) -> Self {
        self.lengths = Lengths::Long;
        self
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut contents = [integer(self.id), self.operation.clone()].concat();
        if !self.controls.is_empty() {
            contents.extend(element(self.lengths, 0xa0, &self.controls.concat()));
        }
        element(self.lengths, 0x30, &contents)
    }
}

/// A bind by name and password.
pub(crate) fn bind(id: i64, name: &str, password: &str) -> Message {
    Message::new(id, all(0x60, &[integer(3), octet_string(name), tlv(0x80, password.as_bytes())]))
}

/// A round of a bind by SASL.
pub(crate) fn sasl(id: i64, mechanism: &str, credentials: &[u8]) -> Message {
    let sasl = all(0xa3, &[octet_string(mechanism), octet_string(credentials)]);
    Message::new(id, all(0x60, &[integer(3), octet_string(""), sasl]))
}

/// A round of a Sicily bind: 9, 10 or 11.
pub(crate) fn sicily(id: i64, round: u8) -> Message {
    Message::new(id, all(0x60, &[integer(3), octet_string("NTLM"), tlv(0x80 | round, b"NTLMSSP\0")]))
}

pub(crate) fn unbind(id: i64) -> Message {
    Message::new(id, tlv(0x42, b""))
}

pub(crate) fn abandon(id: i64, abandoned: i64) -> Message {
    Message::new(id, tlv(0x50, &super::ber::number(abandoned)))
}

/// A search below `dc=example` for entries that have `uid=<value>`.
pub(crate) fn search(id: i64) -> Message {
    search_for(id, 2, &tlv(0xa3, &[octet_string("uid"), octet_string("alice")].concat()), &["cn", "mail"])
}

pub(crate) fn search_for(id: i64, scope: i64, filter: &[u8], attributes: &[&str]) -> Message {
    let attributes: Vec<Vec<u8>> = attributes.iter().map(octet_string).collect();
    Message::new(
        id,
        all(
            0x63,
            &[
                octet_string("dc=example"),
                enumerated(scope),
                enumerated(0),
                integer(1000),
                integer(30),
                boolean(false),
                filter.to_vec(),
                sequence(&attributes),
            ],
        ),
    )
}

pub(crate) fn modify(id: i64) -> Message {
    let values = all(0x31, &[octet_string("x")]);
    let change = sequence(&[enumerated(2), sequence(&[octet_string("description"), values])]);
    Message::new(id, all(0x66, &[octet_string("uid=a,dc=example"), sequence(&[change])]))
}

pub(crate) fn add(id: i64, octets: usize) -> Message {
    let values = all(0x31, &[octet_string(vec![b'x'; octets])]);
    let attribute = sequence(&[octet_string("jpegPhoto"), values]);
    Message::new(id, all(0x68, &[octet_string("uid=a,dc=example"), sequence(&[attribute])]))
}

pub(crate) fn delete(id: i64) -> Message {
    Message::new(id, tlv(0x4a, b"uid=a,dc=example"))
}

pub(crate) fn modify_dn(id: i64) -> Message {
    Message::new(id, all(0x6c, &[octet_string("uid=a,dc=example"), octet_string("uid=b"), boolean(true)]))
}

pub(crate) fn compare(id: i64) -> Message {
    let assertion = sequence(&[octet_string("sn"), octet_string("x")]);
    Message::new(id, all(0x6e, &[octet_string("uid=a,dc=example"), assertion]))
}

pub(crate) fn extended(id: i64, oid: &str) -> Message {
    Message::new(id, all(0x77, &[tlv(0x80, oid.as_bytes())]))
}

pub(crate) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
pub(crate) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
pub(crate) const CANCEL: &str = "1.3.6.1.1.8";

/// A Cancel request (RFC 3909).
pub(crate) fn cancel(id: i64, cancelled: i64) -> Message {
    let value = sequence(&[integer(cancelled)]);
    Message::new(id, all(0x77, &[tlv(0x80, CANCEL.as_bytes()), tlv(0x81, &value)]))
}

/// A final response: of a bind is 0x61, of a search 0x65, …
pub(crate) fn result(id: i64, tag: u8, code: i64) -> Message {
    result_saying(id, tag, code, "")
}

pub(crate) fn result_saying(id: i64, tag: u8, code: i64, diagnostic: &str) -> Message {
    Message::new(id, all(tag, &[enumerated(code), octet_string(""), octet_string(diagnostic)]))
}

pub(crate) fn bind_result(id: i64, code: i64) -> Message {
    result(id, 0x61, code)
}

pub(crate) fn search_done(id: i64, code: i64) -> Message {
    result(id, 0x65, code)
}

pub(crate) fn extended_result(id: i64, code: i64) -> Message {
    result(id, 0x78, code)
}

/// A search's entry with an attribute of so many octets.
pub(crate) fn entry(id: i64, octets: usize) -> Message {
    let values = all(0x31, &[octet_string(vec![b'x'; octets])]);
    let attribute = sequence(&[octet_string("cn"), values]);
    Message::new(id, all(0x64, &[octet_string("uid=alice,dc=example"), sequence(&[attribute])]))
}

pub(crate) fn reference(id: i64) -> Message {
    Message::new(id, all(0x73, &[octet_string("ldap://elsewhere.example/dc=example")]))
}

pub(crate) fn intermediate(id: i64) -> Message {
    Message::new(id, all(0x79, &[tlv(0x80, b"1.3.6.1.4.1.4203.1.9.1.4")]))
}

/// The server is about to close (RFC 4511, 4.4.1).
pub(crate) fn notice_of_disconnection() -> Message {
    let name = tlv(0x8a, b"1.3.6.1.4.1.1466.20036");
    Message::new(0, all(0x78, &[enumerated(52), octet_string(""), octet_string("bye"), name]))
}
