//! Buffers of DIGEST-MD5.

use super::super::ber::tag;
use super::{Arrangement, Family, Signed, Token};

/// The first octet of what is signed only: that of a message.
pub(super) const MESSAGE: u8 = tag::SEQUENCE;

// RFC 2831, 2.3: with integrity protection a MAC is appended to each message: the first 10 octets of an HMAC, a
// 2-octet message type number with value 1, and a 4-octet sequence number. 2.4: with confidentiality the message and
// the first part of the MAC are encrypted.
const MAC: u32 = 10 + 2 + 4;

/// A token that starts with a message, or goes on with one, if it is signed only.
pub(super) fn token(len: u32) -> Token {
    match len.checked_sub(MAC) {
        None | Some(0) => Token::Sealed,
        Some(octets) => {
            let arrangement = Arrangement::InOrder { octets };
            Token::Signed(Signed { family: Family::DigestMd5, start: 0, arrangement })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse_growing;
    use super::*;

    #[test]
    fn messages_and_then_a_mac() {
        let unbind = b"\x30\x05\x02\x01\x03\x42\x00";
        let token = [&unbind[..], &[0xab; 10], b"\x00\x01", b"\x00\x00\x00\x05"].concat();
        let arrangement = Arrangement::InOrder { octets: 7 };
        let signed = Signed { family: Family::DigestMd5, start: 0, arrangement };
        assert_eq!(parse_growing(&token), (Token::Signed(signed), 2));
        assert_eq!(Token::continued(Family::DigestMd5, 23), Some(Token::Signed(signed)));
        assert_eq!(Token::continued(Family::DigestMd5, 16), Some(Token::Sealed));
        assert_eq!(Token::continued(Family::Ntlm, 23), None);
    }
}
