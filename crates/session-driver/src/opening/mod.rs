//! What a client's stream is, by its first octets: a PROXY protocol header in front, or another protocol than the port says.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub(crate) mod proxy_header;

/// What a client's stream starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nothing that is known here, so what the session expects.
    Other,
    /// A TLS record: the client speaks TLS from the start.
    Tls,
    /// An HTTP request.
    Http,
}

impl Opening {
    /// Classifies a stream by its first octets; `None` while they are too few to tell. Octets behind those that
    /// decide do not matter.
    pub fn of(octets: &[u8]) -> Option<Self> {
        let known = SIGNATURES.iter().find(|(signature, _)| octets.starts_with(signature));
        match known {
            Some((_, opening)) => Some(*opening),
            None if SIGNATURES.iter().any(|(signature, _)| signature.starts_with(octets)) => None,
            None => Some(Self::Other),
        }
    }
}

/// How many of a stream's first octets say that it is not what the session expects: at most
/// [`LONGEST_SIGNATURE`].
pub(crate) fn signature_len(octets: &[u8]) -> usize {
    let known = SIGNATURES.iter().find(|(signature, _)| octets.starts_with(signature));
    known.map_or(0, |(signature, _)| signature.len())
}

/// With so many octets [`Opening::of`] always has an answer.
pub(crate) const LONGEST_SIGNATURE: usize = b"PRI * HTTP/".len();

/// No signature is a prefix of another one.
const SIGNATURES: &[(&[u8], Opening)] = &[
    // RFC 8446, 5.1: a record of type handshake (22); its legacy version is 3.x in every version of TLS.
    (b"\x16\x03", Opening::Tls),
    // RFC 9110, 9.1 and RFC 5789: methods are case-sensitive; RFC 9113, 3.4: the preface of HTTP/2.
    (b"GET ", Opening::Http),
    (b"HEAD ", Opening::Http),
    (b"POST ", Opening::Http),
    (b"PUT ", Opening::Http),
    (b"DELETE ", Opening::Http),
    (b"CONNECT ", Opening::Http),
    (b"OPTIONS ", Opening::Http),
    (b"TRACE ", Opening::Http),
    (b"PATCH ", Opening::Http),
    (b"PRI * HTTP/", Opening::Http),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Every shorter prefix is undecided, and nothing behind it changes the answer.
    fn decides_after(octets: &[u8], needed: usize) -> Opening {
        for length in 0..needed {
            assert_eq!(Opening::of(&octets[..length]), None, "{length} octets");
        }
        let opening = Opening::of(&octets[..needed]);
        assert_eq!(Opening::of(octets), opening);
        opening.expect("decided")
    }

    #[test]
    fn what_the_session_expects_is_known_as_soon_as_possible() {
        for (octets, needed) in [
            (b"EHLO a\r\n".as_slice(), 1),
            (b"HELO a\r\n", 3),
            (b"DATA\r\n", 2),
            (b"\r\nEHLO a\r\n", 1),
            (b"get / HTTP/1.1\r\n", 1),
            (b"\x16\r\n", 2),
            (b"\x30\x0c\x02\x01\x01", 1),
        ] {
            assert_eq!(decides_after(octets, needed), Opening::Other, "{octets:?}");
        }
    }

    #[test]
    fn what_it_does_not_expect_is_named() {
        for (octets, needed, opening) in [
            (b"\x16\x03\x01\x02\x00\x01".as_slice(), 2, Opening::Tls),
            (b"GET / HTTP/1.1\r\n", 4, Opening::Http),
            (b"HEAD / HTTP/1.1\r\n", 5, Opening::Http),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 11, Opening::Http),
        ] {
            assert_eq!(decides_after(octets, needed), opening);
            assert_eq!(signature_len(octets), needed);
        }
        assert_eq!(signature_len(b"EHLO a\r\n"), 0);
    }

    #[test]
    fn no_signature_hides_another_and_none_is_longer_than_said() {
        for (i, (signature, _)) in SIGNATURES.iter().enumerate() {
            assert!(signature.len() <= LONGEST_SIGNATURE);
            for (other, _) in &SIGNATURES[i + 1..] {
                assert!(!signature.starts_with(other) && !other.starts_with(signature));
            }
        }
    }
}
