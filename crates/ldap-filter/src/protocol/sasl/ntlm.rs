//! Signed and sealed messages of NTLM.

use super::{Arrangement, Family, NeedMore, Signed, Token, start};

// MS-NLMP, 2.2.2.9: a signature is a version (4 octets, little-endian, always 1), 8 octets of checksum (or of
// padding, checksum), and a sequence number (4 octets). MS-ADTS and Samba put it in front of the message, which is
// encrypted or not: that was agreed in the bind, and the signature looks the same.
/// The first two octets.
pub(super) const START: [u8; 2] = [0x01, 0x00];
const VERSION: [u8; 4] = [0x01, 0x00, 0x00, 0x00];
const SIGNATURE: u32 = 16;

/// A token that starts with [`START`].
pub(super) fn parse(head: &[u8], len: u32) -> Result<Token, NeedMore> {
    let Some(signature) = start::<{ SIGNATURE as usize }>(head, len)? else { return Ok(Token::Sealed) };
    if !signature.starts_with(&VERSION) {
        return Ok(Token::Sealed);
    }
    let octets = len.saturating_sub(SIGNATURE);
    let arrangement = Arrangement::InOrder { octets };
    Ok(Token::Signed(Signed { family: Family::Ntlm, start: SIGNATURE, arrangement }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse_growing;
    use super::*;

    #[test]
    fn a_signature_and_then_the_messages() {
        let token = [&VERSION[..], &[0xab; 8], &7_u32.to_le_bytes(), b"messages"].concat();
        let arrangement = Arrangement::InOrder { octets: 8 };
        let signed = Signed { family: Family::Ntlm, start: 16, arrangement };
        assert_eq!(parse_growing(&token), (Token::Signed(signed), 16));
        assert!(!Family::Ntlm.says_so());
    }

    #[test]
    fn another_version_is_something_else() {
        let token = [&[0x01, 0x00, 0x00, 0x01][..], &[0xab; 12], b"messages"].concat();
        assert_eq!(parse_growing(&token).0, Token::Sealed);
    }
}
