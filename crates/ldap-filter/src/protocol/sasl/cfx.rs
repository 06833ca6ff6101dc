//! Wrap tokens of Kerberos as RFC 4121 has them: of every encryption type since AES.

use super::{Arrangement, Family, NeedMore, Signed, Token, start};

// RFC 4121, 4.2.6.2:
//     Octet no   Name        Description
//     --------------------------------------------------------------
//     0..1       TOK_ID      Identification field.  Tokens emitted by
//                            GSS_Wrap() contain the hex value 05 04
//     2          Flags       Attributes field
//     3          Filler      Contains the hex value FF
//     4..5       EC          Contains the "extra count" field, in big-endian order
//     6..7       RRC         Contains the "right rotation count" in big-endian order
//     8..15      SND_SEQ     Sequence number field in clear text
//     16..last   Data
/// The first two octets.
pub(super) const WRAP: [u8; 2] = [0x05, 0x04];
const HEADER: u32 = 16;
const FILLER: u8 = 0xff;
/// RFC 4121, 4.2.2: bit 1, confidentiality is provided for.
const SEALED: u8 = 0x02;

/// A token that starts with [`WRAP`].
pub(super) fn parse(head: &[u8], len: u32) -> Result<Token, NeedMore> {
    let Some(header) = start::<{ HEADER as usize }>(head, len)? else { return Ok(Token::Sealed) };
    let [_, _, flags, filler, ec_high, ec_low, rrc_high, rrc_low, ..] = *header;
    if filler != FILLER || flags & SEALED != 0 {
        return Ok(Token::Sealed);
    }
    let checksum = u32::from(u16::from_be_bytes([ec_high, ec_low]));
    let rotation = u32::from(u16::from_be_bytes([rrc_high, rrc_low]));
    let data = len.saturating_sub(HEADER);
    let Some(octets) = data.checked_sub(checksum) else { return Ok(Token::Unreadable) };

    // RFC 4121, 4.2.4: unsealed data is {plaintext | checksum}, and EC is the length of the checksum; 4.2.5: all of
    // it is rotated to the right by RRC octets, which may be more than there are.
    let rotation = rotation.checked_rem(data).unwrap_or_default();
    Ok(Token::Signed(match rotation.checked_sub(checksum) {
        None | Some(0) => Signed {
            family: Family::Kerberos,
            start: HEADER.saturating_add(rotation),
            arrangement: Arrangement::InOrder { octets },
        },
        Some(tail) => Signed {
            family: Family::Kerberos,
            start: HEADER,
            arrangement: Arrangement::Rotated { tail, checksum },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse_growing;
    use super::*;

    /// A token around this plaintext, made as RFC 4121, 4.2.5 describes it: rotated octet by octet.
    fn token(plaintext: &[u8], checksum: &[u8], rotation: u16) -> Vec<u8> {
        let mut data = [plaintext, checksum].concat();
        for _ in 0..rotation {
            if let Some(last) = data.pop() {
                data.insert(0, last);
            }
        }
        let ec = u16::try_from(checksum.len()).expect("a short checksum").to_be_bytes();
        let rrc = rotation.to_be_bytes();
        [&[0x05, 0x04, 0x04, 0xff], &ec[..], &rrc, &[0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78], &data].concat()
    }

    /// The plaintext that a reading of the token finds.
    fn plaintext(token: &[u8]) -> Vec<u8> {
        let (parsed, given) = parse_growing(token);
        assert_eq!(given, 16);
        let Token::Signed(Signed { family: Family::Kerberos, start, arrangement }) = parsed else {
            panic!("{parsed:?}");
        };
        let data = &token[start as usize..];
        match arrangement {
            Arrangement::InOrder { octets } => data[..octets as usize].to_vec(),
            Arrangement::Rotated { tail, checksum } => {
                let (tail, checksum) = (tail as usize, checksum as usize);
                [&data[tail + checksum..], &data[..tail]].concat()
            }
            Arrangement::Padded => panic!("never padded"),
        }
    }

    #[test]
    fn every_rotation_of_every_short_token() {
        let text: Vec<u8> = (0..23).collect();
        let sum: Vec<u8> = (100..112).collect();
        for octets in 0..=text.len() {
            for checksum in 0..=sum.len() {
                for rotation in 0..80 {
                    let token = token(&text[..octets], &sum[..checksum], rotation);
                    assert_eq!(plaintext(&token), text[..octets], "{octets} {checksum} {rotation}");
                }
            }
        }
    }

    #[test]
    fn in_order_unless_the_rotation_is_more_than_the_checksum() {
        for (rotation, in_order) in [(0, true), (5, true), (12, true), (13, false), (29, false), (30, true)] {
            let (parsed, _) = parse_growing(&token(&[7; 18], &[9; 12], rotation));
            let Token::Signed(signed) = parsed else { panic!("{parsed:?}") };
            assert_eq!(
                matches!(signed.arrangement, Arrangement::InOrder { octets: 18 }),
                in_order,
                "{rotation}"
            );
        }
    }

    #[test]
    fn sealed_by_its_flag_and_odd_without_its_filler() {
        let plain = token(b"text", b"checksum", 0);
        for (at, octet, expected) in [(2, 0x06, true), (2, 0x02, true), (2, 0x05, false), (3, 0xfe, true)] {
            let mut token = plain.clone();
            token[at] = octet;
            assert_eq!(parse_growing(&token).0 == Token::Sealed, expected, "{at} {octet}");
        }
    }

    #[test]
    fn a_checksum_longer_than_the_token_is_a_contradiction() {
        let mut token = token(b"text", b"checksum", 0);
        token[5] = 12;
        assert!(matches!(parse_growing(&token).0, Token::Signed(_)), "no text, but a checksum");
        token[5] = 13;
        assert_eq!(parse_growing(&token).0, Token::Unreadable);
    }
}
