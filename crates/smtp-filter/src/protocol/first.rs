//! What a client's first octets are: SMTP, or something that stands in front of it or in its place.

/// What a stream from a client starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nothing that is known here, so commands.
    Smtp,
    /// A TLS record: the client speaks TLS from the start.
    Tls,
    /// An HTTP request.
    Http,
    /// A PROXY protocol header in text: one line of at most [`PROXY_V1_LONGEST`] octets, CR LF included.
    /// The stream starts anew behind it.
    ProxyV1,
    /// A PROXY protocol header in binary, [`PROXY_V2_FIXED`] octets and so many more.
    /// The stream starts anew behind it.
    ProxyV2 {
        /// How many octets of addresses and other information follow the fixed part.
        rest: u16,
    },
    /// Too few octets to tell. More than [`Self::LONGEST`] are never asked for.
    NeedMore,
}

/// The longest line of PROXY protocol version 1, CR LF included: 2.1 of its specification.
pub const PROXY_V1_LONGEST: usize = 107;

/// The part of a PROXY protocol version 2 header that is always there: 2.2 of its specification.
pub const PROXY_V2_FIXED: usize = 16;

impl Opening {
    /// With so many octets the answer is never [`Opening::NeedMore`].
    pub const LONGEST: usize = PROXY_V2_FIXED;

    /// Classifies a stream by its first octets; octets beyond those that decide do not matter.
    pub fn of(octets: &[u8]) -> Self {
        // PROXY protocol, 2.2: the signature, version and command, family and protocol, and the length in
        // network order. The signature holds "QUIT" and four line feeds on purpose: SMTP servers close on it.
        if let Some([_, _, high, low, ..]) = octets.strip_prefix(PROXY_V2_SIGNATURE) {
            return Self::ProxyV2 { rest: u16::from_be_bytes([*high, *low]) };
        }
        let mut openings = SIGNATURES.iter().filter(|(signature, _)| octets.starts_with(signature));
        if let Some((_, opening)) = openings.next() {
            return *opening;
        }
        if SIGNATURES.iter().any(|(signature, _)| signature.starts_with(octets)) {
            return Self::NeedMore;
        }
        Self::Smtp
    }
}

const PROXY_V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// No signature is a prefix of another one.
const SIGNATURES: &[(&[u8], Opening)] = &[
    // With its length not there yet.
    (PROXY_V2_SIGNATURE, Opening::NeedMore),
    // PROXY protocol, 2.1: "PROXY", one space, the family.
    (b"PROXY ", Opening::ProxyV1),
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

    /// Every prefix asks for more until one decides, and nothing behind it changes the answer.
    fn decides_after(octets: &[u8], needed: usize) -> Opening {
        for length in 0..needed {
            assert_eq!(Opening::of(&octets[..length]), Opening::NeedMore, "{length} octets");
        }
        let opening = Opening::of(&octets[..needed]);
        assert_ne!(opening, Opening::NeedMore);
        assert_eq!(Opening::of(octets), opening);
        opening
    }

    #[test]
    fn smtp_is_known_as_soon_as_possible() {
        assert_eq!(decides_after(b"EHLO a\r\n", 1), Opening::Smtp);
        assert_eq!(decides_after(b"HELO a\r\n", 3), Opening::Smtp);
        assert_eq!(decides_after(b"DATA\r\n", 2), Opening::Smtp);
        assert_eq!(decides_after(b"\r\nEHLO a\r\n", 3), Opening::Smtp);
        assert_eq!(decides_after(b"PROXYX\r\n", 6), Opening::Smtp);
        assert_eq!(decides_after(b"get / HTTP/1.1\r\n", 1), Opening::Smtp);
        assert_eq!(decides_after(b"\x16\r\n", 2), Opening::Smtp);
    }

    #[test]
    fn what_is_not_smtp_is_named() {
        assert_eq!(decides_after(b"\x16\x03\x01\x02\x00\x01", 2), Opening::Tls);
        assert_eq!(decides_after(b"GET / HTTP/1.1\r\n", 4), Opening::Http);
        assert_eq!(decides_after(b"HEAD / HTTP/1.1\r\n", 5), Opening::Http);
        assert_eq!(decides_after(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 11), Opening::Http);
        assert_eq!(decides_after(b"PROXY UNKNOWN\r\nEHLO a\r\n", 6), Opening::ProxyV1);
    }

    #[test]
    fn version_2_tells_its_length() {
        let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\x0c\x7f\x00\x00\x01";
        assert_eq!(decides_after(header, PROXY_V2_FIXED), Opening::ProxyV2 { rest: 0x010c });
    }

    #[test]
    fn no_signature_hides_another_and_none_is_longer_than_said() {
        for (i, (signature, _)) in SIGNATURES.iter().enumerate() {
            assert!(signature.len() < Opening::LONGEST);
            for (other, _) in &SIGNATURES[i + 1..] {
                assert!(!signature.starts_with(other) && !other.starts_with(signature));
            }
        }
    }
}
