//! The buffers of a SASL security layer (RFC 4422, 3.7), and where in them messages stand in clear text.
//!
//! A layer that only signs carries its messages readable, with a header in front of them or a checksum behind.
//! Kerberos says in every token whether it seals; NTLM and DIGEST-MD5 never do, so that only what stands there
//! can tell. No checksum is looked at: that takes the key, and is the peers' own business.

mod cfx;
mod digest_md5;
mod kerberos_v1;
mod ntlm;

/// Octets of the length in front of every buffer (RFC 4422, 3.7).
pub const LENGTH_OCTETS: usize = 4;

// RFC 4752, 3.1 and RFC 2831, 2.1.1: the largest buffer that a side can take is negotiated in three octets.
/// Octets of the longest buffer. So the first octet of a length is always 0, and never that of a message.
pub const LONGEST_BUFFER: u32 = 0x00ff_ffff;

/// What the token in a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Encrypted, or of a kind that is not known here: there is nothing to read.
    Sealed,
    /// It says that it is signed only, and then contradicts itself.
    Unreadable,
    /// It is signed only, if its [`Family`] says such a thing; else it may be.
    Signed(Signed),
}

/// Where in a signed token the messages stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Which kind of token it is.
    pub family: Family,
    /// Octets of the token in front of the first that is not header.
    pub start: u32,
    /// What stands from there to the end of the token.
    pub arrangement: Arrangement,
}

/// Kinds of tokens that can be signed only. A message may be spread over several tokens of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Wrap tokens of Kerberos: RFC 4121, RFC 1964 and RFC 4757.
    Kerberos,
    /// NTLM: MS-NLMP, 2.2.2.9.
    Ntlm,
    /// DIGEST-MD5 with `auth-int`: RFC 2831, 2.3. It has nothing in front of the messages.
    DigestMd5,
}

impl Family {
    /// Whether a token says itself that it is signed only.
    pub const fn says_so(self) -> bool {
        matches!(self, Self::Kerberos)
    }
}

/// How the messages in a token are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// So many octets of messages, and then perhaps a checksum.
    InOrder {
        /// How many.
        octets: u32,
    },
    /// Messages, and then 1 to 8 octets of padding, each of which says how many they are.
    Padded,
    /// The last `tail` octets of the messages, so many octets of checksum, and the messages' other octets.
    Rotated {
        /// Octets of messages in front of the checksum.
        tail: u32,
        /// Octets of the checksum.
        checksum: u32,
    },
}

/// The first octets of a token are too few to tell what it is: so many are needed in all. Always more than there
/// are, at most [`Token::LONGEST_HEAD`], and never more than the token has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedMore(pub usize);

impl Token {
    /// With so many octets of a token [`parse`](Self::parse) always has an answer.
    pub const LONGEST_HEAD: usize = kerberos_v1::LONGEST_HEAD;

    /// What the token of `len` octets is that starts with `head`.
    ///
    /// # Errors
    /// See [`NeedMore`].
    pub fn parse(head: &[u8], len: u32) -> Result<Self, NeedMore> {
        const KIND: usize = 2;
        if len < KIND as u32 {
            return Ok(Self::Sealed);
        }
        let [first, second, ..] = head else { return Err(NeedMore(KIND)) };
        match [*first, *second] {
            cfx::WRAP => cfx::parse(head, len),
            [kerberos_v1::FRAME, _] => kerberos_v1::parse(head, len),
            [digest_md5::MESSAGE, _] => Ok(digest_md5::token(len)),
            ntlm::START => ntlm::parse(head, len),
            _ => Ok(Self::Sealed),
        }
    }

    /// What the next token of this kind is, of `len` octets, when a message goes on in it; `None` when only the
    /// token itself can tell.
    pub fn continued(family: Family, len: u32) -> Option<Self> {
        match family {
            Family::DigestMd5 => Some(digest_md5::token(len)),
            Family::Kerberos | Family::Ntlm => None,
        }
    }
}

/// The first `N` octets of a token of `len` octets; `Ok(None)` when it is shorter than that.
fn start<const N: usize>(head: &[u8], len: u32) -> Result<Option<&[u8; N]>, NeedMore> {
    match head.first_chunk() {
        Some(start) => Ok(Some(start)),
        None if (len as usize) < N => Ok(None),
        None => Err(NeedMore(N)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a token is, given its octets one by one; and with how many that is known.
    pub(super) fn parse_growing(token: &[u8]) -> (Token, usize) {
        let len = u32::try_from(token.len()).expect("a short token");
        let mut given = 0;
        loop {
            match Token::parse(&token[..given], len) {
                Ok(known) => return (known, given),
                Err(NeedMore(wanted)) => {
                    assert!(given < wanted && wanted <= token.len().min(Token::LONGEST_HEAD), "{wanted}");
                    given = wanted;
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_or_too_short_to_say_anything_is_sealed() {
        for token in [
            &b""[..],
            b"\x05",
            b"\x05\x04",
            b"\x05\x04\x04\xff\0\x0c\0\x0c\0\0\0\0\0\0\0",
            b"\x04\x04\x04\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0mic",
            b"\x60",
            b"\x60\x02",
            b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\x30",
            b"\x30\x05\x02\x01\x01\x42\0",
            b"\xe6\x8b\x4f\xdb",
        ] {
            assert_eq!(parse_growing(token).0, Token::Sealed, "{token:?}");
        }
    }

    proptest! {
        /// The arrangement never reaches beyond the token, whatever it says of itself.
        #[test]
        fn everything_stands_inside_the_token(
            kind in proptest::sample::select(vec![
                &b"\x05\x04\x04\xff"[..], b"\x05\x04\x00\xff\0\x0c", b"\x60", b"\x60\x30\x06\x09\x2a\x86\x48",
                b"\x60\x81", b"\x60\x84\0\0\0", b"\x01\0\0\0", b"\x30", b"",
            ]),
            rest in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let token = [kind, &rest[..]].concat();
            let len = token.len() as u64;
            let (Token::Signed(Signed { start, arrangement, .. }), _) = parse_growing(&token) else { return Ok(()) };
            let covered = match arrangement {
                Arrangement::InOrder { octets } => octets,
                Arrangement::Padded => 0,
                Arrangement::Rotated { tail, checksum } => {
                    prop_assert!(tail > 0);
                    tail + checksum
                }
            };
            prop_assert!(u64::from(start) + u64::from(covered) <= len);
        }
    }
}
