//! The fields of a SEQUENCE whose header has been taken off already.

use rasn::ber::de::{Decoder, DecoderOptions};
use rasn::types::Tag;
use rasn::{AsnType, Decode};
use rasn_ldap::LdapString;

use crate::protocol::ber::Unreadable;

/// rasn does not read it as what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// Reads fields one behind the other.
pub(super) struct Fields<'a> {
    decoder: Decoder<'a>,
}

impl<'a> Fields<'a> {
    /// Over the contents of a SEQUENCE.
    pub(super) fn of(contents: &'a [u8]) -> Self {
        Self { decoder: Decoder::new(contents, DecoderOptions::ber()) }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.decoder.remaining()
    }

    /// The next field.
    pub(super) fn next<T: Decode>(&mut self) -> Result<T, Refused> {
        T::decode(&mut self.decoder).map_err(|_| Refused)
    }

    /// The next field, with a tag of its own (IMPLICIT).
    pub(super) fn tagged<T: Decode + AsnType>(&mut self, tag: Tag) -> Result<T, Refused> {
        T::decode_with_tag(&mut self.decoder, tag).map_err(|_| Refused)
    }

    /// The next field, a string, as it stands in the octets.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Refused> {
        let before = self.rest();
        let string: LdapString = self.next()?;
        let read = before.len().saturating_sub(self.rest().len());
        let start = read.saturating_sub(string.len());
        // The same, unless the string came in pieces (X.690, 8.7.3), which RFC 4511, 5.1 forbids.
        before.get(start..read).filter(|octets| *octets == string.as_bytes()).ok_or(Refused)
    }
}

impl From<Unreadable> for Refused {
    fn from(_: Unreadable) -> Self {
        Self
    }
}
