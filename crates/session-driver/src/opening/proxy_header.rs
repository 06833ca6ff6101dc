//! The PROXY protocol: a header in front of a client's octets, by which a proxy tells where they come from.

use common_metrics::label;

label! {
    /// The version of a PROXY protocol header.
    pub enum ProxyVersion: "version" {
        /// The line of text.
        V1 = "v1",
        /// The binary header.
        V2 = "v2",
    }
}

/// What the first octets of a stream say about a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyHeader {
    /// There is none.
    Absent,
    /// Too few octets to tell.
    Undecided,
    /// The line of text, of which [`V1_SIGNATURE`] has been seen.
    V1,
    /// The binary header, of which [`V2_FIXED`] octets have been seen and so many follow.
    V2 { rest: u16 },
}

// PROXY protocol, 2.1: "PROXY", one space, the family.
pub(crate) const V1_SIGNATURE: &[u8] = b"PROXY ";
// PROXY protocol, 2.2. It holds "QUIT" and four line feeds on purpose: servers that do not know it close on it.
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The part of a binary header that is always there: the signature, version and command, family and protocol, and
/// the length of the rest in network order.
pub(crate) const V2_FIXED: usize = 16;

impl ProxyHeader {
    /// Looks for a header; octets beyond [`V2_FIXED`] do not matter.
    pub(crate) fn at_start_of(octets: &[u8]) -> Self {
        if octets.starts_with(V1_SIGNATURE) {
            return Self::V1;
        }
        match octets.strip_prefix(V2_SIGNATURE) {
            Some([_, _, high, low, ..]) => Self::V2 { rest: u16::from_be_bytes([*high, *low]) },
            Some(_) => Self::Undecided,
            None if [V1_SIGNATURE, V2_SIGNATURE].iter().any(|signature| signature.starts_with(octets)) => {
                Self::Undecided
            }
            None => Self::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every shorter prefix is undecided, and nothing behind it changes the answer.
    fn decides_after(octets: &[u8], needed: usize) -> ProxyHeader {
        for length in 0..needed {
            assert_eq!(
                ProxyHeader::at_start_of(&octets[..length]),
                ProxyHeader::Undecided,
                "{length} octets"
            );
        }
        let header = ProxyHeader::at_start_of(&octets[..needed]);
        assert_ne!(header, ProxyHeader::Undecided);
        assert_eq!(ProxyHeader::at_start_of(octets), header);
        header
    }

    #[test]
    fn version_1_is_known_by_its_first_word() {
        assert_eq!(decides_after(b"PROXY UNKNOWN\r\nEHLO a\r\n", V1_SIGNATURE.len()), ProxyHeader::V1);
    }

    #[test]
    fn version_2_tells_its_length() {
        let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\x0c\x7f\x00\x00\x01";
        assert_eq!(decides_after(header, V2_FIXED), ProxyHeader::V2 { rest: 0x010c });
    }

    #[test]
    fn what_is_no_header_is_known_as_soon_as_possible() {
        for (octets, needed) in [
            (b"EHLO a\r\n".as_slice(), 1),
            // LDAP: the sequence that every message is.
            (b"\x30\x0c\x02\x01\x01", 1),
            (b"\r\nEHLO a\r\n", 3),
            (b"PROXYX\r\n", 6),
            (b"proxy TCP4\r\n", 1),
            (b"\r\n\r\n\0\r\nQUIT\r\n", 12),
        ] {
            assert_eq!(decides_after(octets, needed), ProxyHeader::Absent, "{octets:?}");
        }
    }
}
