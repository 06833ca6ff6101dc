//! Tokens as real peers sent them, with the project's own test directories.

use super::wire::*;
use super::*;

/// MIT krb5 1.20 as a client, AES: the checksum is last. An unbind.
const MIT_CFX: &str = "00000023050404ff000c00000000000033d84ac93005020105420039faebdc0eea2bf1d042b84e";
/// Samba 4.17 with Heimdal as a server, AES: the checksum is first. An entry and a result.
const HEIMDAL_CFX: &str = "00000076050405ff000c000c0000000001f50794cb66099710cceec94196bd69304a0201046445041844\
    433d61642c44433d6578616d706c652c44433d746573743029302704096f626a656374536964311a041801040000000000051500000050e0a726\
    e4d8db70387ffdf2300c02010465070a010004000400";
/// MIT krb5 1.20 as a client, RC4. An unbind.
const MIT_RC4: &str = "00000035603306092a864886f71201020202011100ffffffff4ce61908009df9dd402c6f5d7a47c43b45aded40\
    bd401c6b3005020105420001";
/// The same, sealed.
const MIT_RC4_SEALED: &str = "00000035603306092a864886f712010202020111001000ffff00da4bac80b5528551b34517ce77e9f90\
    27a38cc276af5e38e6167c9c27443b5";
/// MIT krb5 1.20 as a client, AES, sealed.
const MIT_CFX_SEALED: &str = "00000043050406ff00000000000000002fc6d27ad735a1a94aa24bcd3dba53c523abc9b6d785f24ad59f\
    bb3d5d3c04fc6b2c5d36b22f6a8ef8254ec1246a259b70dfb2ac6df99b";
/// Samba's ldbsearch, NTLM. It was asked to sign, and seals.
const SAMBA_NTLM: &str = "0000005801000000649f0b11aea3f49b02000000dc392245189aac572759929099dd27c8e502b72677677e63\
    7e2ef8400f0dec493a27e1df0bf4defae6e64ffa455f01d92dbbbd4da4cf783998e16b34874eea9b69559f2856ac08cf";
/// Cyrus SASL 2.1 as a client, DIGEST-MD5 with auth-int. An unbind.
const CYRUS_DIGEST_MD5: &str = "0000001730050201044200b3ba2484aea4286fb5a0000100000001";
/// Cyrus SASL 2.1 as a server, the same. A result.
const CYRUS_DIGEST_MD5_RESULT: &str = "0000001e300c02010365070a010004000400b07d889684e5d29eb6b8000100000001";
/// Cyrus SASL 2.1 as a client, DIGEST-MD5 with auth-conf.
const CYRUS_DIGEST_MD5_SEALED: &str = "00000017484669a1745a2adafb6e9a375cc7127b67000100000001";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("hexadecimal")).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// What is found in a buffer behind a bind.
fn found_in(hex: &str) -> Vec<Found> {
    found(&[bound(), octets(hex)].concat()).split_off(1)
}

#[test]
fn signed_ones_are_opened() {
    let success = b"\x0a\x01\x00\x04\x00\x04\x00";
    assert_eq!(found_in(MIT_CFX), [whole(5, 0x42, b"", 0), signed(0x23)]);
    assert_eq!(found_in(MIT_RC4), [whole(5, 0x42, b"", 0), signed(0x35)]);
    assert_eq!(found_in(CYRUS_DIGEST_MD5), [whole(4, 0x42, b"", 0), signed(0x17)]);
    assert_eq!(found_in(CYRUS_DIGEST_MD5_RESULT), [whole(3, 0x65, success, 0), signed(0x1e)]);
    let entry_and_result = found_in(HEIMDAL_CFX);
    assert!(matches!(
        entry_and_result[0],
        Found::Message(FoundMessage {
            id: 4,
            kind: MessageKind::Entry,
            octets: 76,
            contents: Kept::Nothing,
            ..
        })
    ));
    assert_eq!(entry_and_result[1..], [whole(4, 0x65, success, 0), signed(0x76)]);
}

#[test]
fn sealed_ones_are_not() {
    for (token, len) in
        [(MIT_CFX_SEALED, 0x43), (MIT_RC4_SEALED, 0x35), (SAMBA_NTLM, 0x58), (CYRUS_DIGEST_MD5_SEALED, 0x17)]
    {
        assert_eq!(found_in(token), [sealed(len)]);
    }
}
