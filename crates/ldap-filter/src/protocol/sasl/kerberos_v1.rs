//! Wrap tokens of Kerberos as RFC 1964 has them, with DES and triple DES, and RFC 4757, with RC4.

use super::{Arrangement, Family, NeedMore, Signed, Token, start};

// RFC 1964, 1.1 and 1.2.2, and RFC 2743, 3.1:
//     60 <length> 06 09 2a 86 48 86 f7 12 01 02 02
//     Byte no      Name        Description
//     0..1         TOK_ID      Identification field. Tokens emitted by GSS_Wrap() contain the hex value 02 01
//     2..3         SGN_ALG     Checksum algorithm indicator.
//     4..5         SEAL_ALG    ff ff - none
//     6..7         Filler      Contains ff ff
//     8..15        SND_SEQ     Encrypted sequence number field.
//     16..s_len-1  SGN_CKSUM   Checksum of plaintext padded data
//     s_len..last  Data        encrypted or plaintext padded data: a confounder of 8 octets, the plaintext, padding
/// The first octet: [APPLICATION 0].
pub(super) const FRAME: u8 = 0x60;
const MECHANISM_AND_WRAP: [u8; 13] =
    [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x02, 0x01];
const NOT_SEALED: [u8; 2] = [0xff, 0xff];
const SEQUENCE_NUMBER: u32 = 8;
const CONFOUNDER: u32 = 8;

/// Octets up to SND_SEQ when the length is written in one octet and four more.
pub(super) const LONGEST_HEAD: usize = 6 + 13 + 6;

/// A token that starts with [`FRAME`].
pub(super) fn parse(head: &[u8], len: u32) -> Result<Token, NeedMore> {
    let Some(&[_, length]) = start::<2>(head, len)? else { return Ok(Token::Sealed) };
    match length {
        0x00..=0x7f => framed::<{ 2 + 13 + 6 }>(2, head, len),
        0x81 => framed::<{ 3 + 13 + 6 }>(3, head, len),
        0x82 => framed::<{ 4 + 13 + 6 }>(4, head, len),
        0x83 => framed::<{ 5 + 13 + 6 }>(5, head, len),
        0x84 => framed::<LONGEST_HEAD>(6, head, len),
        _ => Ok(Token::Sealed),
    }
}

/// A token whose frame has `frame` octets, and `N` octets up to SND_SEQ.
fn framed<const N: usize>(frame: u32, head: &[u8], len: u32) -> Result<Token, NeedMore> {
    let Some(head) = start::<N>(head, len)? else { return Ok(Token::Sealed) };
    let Some((framing, behind)) = head.split_at_checked(frame as usize) else { return Ok(Token::Sealed) };
    let Some(algorithms) = behind.strip_prefix(&MECHANISM_AND_WRAP) else { return Ok(Token::Sealed) };
    let [sign_0, sign_1, seal_0, seal_1, _, _] = algorithms else { return Ok(Token::Sealed) };
    if [*seal_0, *seal_1] != NOT_SEALED || claimed(framing) != u64::from(len.saturating_sub(frame)) {
        return Ok(Token::Sealed);
    }
    // RFC 1964, 1.2.2.3: the padding is what DES needs; RFC 4757, 7.3: with RC4 it is one octet.
    let (checksum, padding) = match [*sign_0, *sign_1] {
        // DES MAC MD5, MD2.5, DES MAC.
        [0x00..=0x02, 0x00] => (8, None),
        // draft-raeburn-cat-gssapi-krb5-3des, as MIT and Heimdal have it: HMAC SHA1 DES3 KD.
        [0x04, 0x00] => (20, None),
        // RFC 4757: HMAC.
        [0x11, 0x00] => (8, Some(1)),
        _ => return Ok(Token::Sealed),
    };
    let start =
        (N as u32).saturating_add(SEQUENCE_NUMBER).saturating_add(checksum).saturating_add(CONFOUNDER);
    let data = len.checked_sub(start).filter(|data| *data > 0);
    Ok(data.map_or(Token::Unreadable, |data| {
        let arrangement = match padding {
            Some(padding) => Arrangement::InOrder { octets: data.saturating_sub(padding) },
            None => Arrangement::Padded,
        };
        Token::Signed(Signed { family: Family::Kerberos, start, arrangement })
    }))
}

/// The length that the frame claims: a tag, and a length in one octet, or in those that it counts.
fn claimed(framing: &[u8]) -> u64 {
    let length = match framing {
        [_, short] => std::slice::from_ref(short),
        [_, _, long @ ..] => long,
        _ => &[],
    };
    length.iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet))
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse_growing;
    use super::*;

    /// A token of RC4 around this plaintext, with the length of its frame in `form` octets more than one.
    fn token(sign: [u8; 2], seal: [u8; 2], form: usize, data: &[u8]) -> Vec<u8> {
        let checksum = if sign[0] == 0x04 { 20 } else { 8 };
        let inside =
            [&MECHANISM_AND_WRAP, &sign[..], &seal, &[0xff; 2], &[1; 8], &vec![2; checksum], &[3; 8], data]
                .concat();
        let length = u32::try_from(inside.len()).expect("a short token").to_be_bytes();
        let framing = match form {
            0 => vec![FRAME, length[3]],
            _ => [&[FRAME, 0x80 | form as u8], &length[4 - form..]].concat(),
        };
        [framing, inside].concat()
    }

    #[test]
    fn signed_only_in_every_form_of_length() {
        for form in 0..=4 {
            let token = token([0x11, 0], [0xff, 0xff], form, b"messages\x01");
            let head = if form == 0 { 21 } else { 21 + form as u32 };
            let arrangement = Arrangement::InOrder { octets: 8 };
            let signed = Signed { family: Family::Kerberos, start: head + 24, arrangement };
            assert_eq!(parse_growing(&token), (Token::Signed(signed), head as usize), "{form}");
        }
    }

    #[test]
    fn the_checksum_and_the_padding_depend_on_the_algorithm() {
        for (sign, start) in [([0, 0], 45), ([1, 0], 45), ([2, 0], 45), ([4, 0], 57)] {
            let (parsed, _) = parse_growing(&token(sign, [0xff, 0xff], 0, b"text\x04\x04\x04\x04"));
            let arrangement = Arrangement::Padded;
            assert_eq!(parsed, Token::Signed(Signed { family: Family::Kerberos, start, arrangement }));
        }
    }

    #[test]
    fn sealed_or_not_known() {
        // RFC 4757's sealing algorithm, as Windows sends it; DES; an unknown checksum.
        for (sign, seal) in
            [([0x11, 0], [0x10, 0]), ([0, 0], [0, 0]), ([3, 0], [0xff, 0xff]), ([0, 1], [0xff, 0xff])]
        {
            assert_eq!(parse_growing(&token(sign, seal, 0, b"messages\x01")).0, Token::Sealed);
        }
        let mut longer = token([0x11, 0], [0xff, 0xff], 0, b"messages\x01");
        longer.push(1);
        assert_eq!(parse_growing(&longer).0, Token::Sealed, "the frame is not the token");
        let other_mechanism = [&[FRAME, 40, 0x06, 0x06][..], &[0x2b; 38]].concat();
        assert_eq!(parse_growing(&other_mechanism).0, Token::Sealed);
    }

    #[test]
    fn too_short_for_what_it_has_to_hold() {
        let whole = token([0x11, 0], [0xff, 0xff], 0, b"");
        assert_eq!(parse_growing(&whole).0, Token::Unreadable, "no padding");
        let mut shorter = whole[..30].to_vec();
        shorter[1] = 28;
        assert_eq!(parse_growing(&shorter).0, Token::Unreadable);
    }
}
