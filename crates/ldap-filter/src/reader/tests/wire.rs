//! Messages and tokens, made independently of what reads them.

use super::*;

/// A tag and a length that is written in `form` octets behind the first; 0 is the shortest way.
pub(super) fn element(tag: u8, form: usize, contents: &[u8]) -> Vec<u8> {
    let length = (contents.len() as u64).to_be_bytes();
    let mut octets = vec![tag];
    match (form, contents.len()) {
        (0, 0..=0x7f) => octets.push(contents.len() as u8),
        (0, len) => {
            let significant = (64 - (len as u64).leading_zeros()).div_ceil(8) as usize;
            octets.push(0x80 | significant as u8);
            octets.extend(&length[8 - significant..]);
        }
        _ => {
            octets.push(0x80 | form as u8);
            octets.extend(&length[8 - form..]);
        }
    }
    octets.extend(contents);
    octets
}

/// An LDAPMessage. `trailer` stands behind the operation as it is.
pub(super) fn message(id: u32, tag: u8, contents: &[u8], trailer: &[u8], form: usize) -> Vec<u8> {
    let id = match id {
        0..=0x7f => vec![0x02, 0x01, id as u8],
        _ => [&[0x02, 0x04][..], &id.to_be_bytes()].concat(),
    };
    element(0x30, form, &[id, element(tag, form, contents), trailer.to_vec()].concat())
}

/// Controls with one control.
pub(super) fn controls() -> Vec<u8> {
    element(0xa0, 0, &element(0x30, 0, &element(0x04, 0, b"1.2.840.113556.1.4.319")))
}

/// A bind response that says success.
pub(super) fn bound() -> Vec<u8> {
    message(1, 0x61, b"\x0a\x01\x00\x04\x00\x04\x00", b"", 0)
}

/// An unbind request: the shortest message.
pub(super) fn unbind() -> Vec<u8> {
    message(3, 0x42, b"", b"", 0)
}

/// What is found where a message without controls stands.
pub(super) fn whole(id: u32, tag: u8, contents: &[u8], form: usize) -> Found {
    Found::Message(FoundMessage {
        id: id.into(),
        kind: MessageKind::of_tag(tag),
        octets: message(id, tag, contents, b"", form).len() as u64,
        contents: Kept::Whole(contents.into()),
        controls: Some(Vec::new()),
        response_name: None,
    })
}

/// What is found where [`bound`] and [`unbind`] stand.
pub(super) fn found_bound() -> Found {
    whole(1, 0x61, b"\x0a\x01\x00\x04\x00\x04\x00", 0)
}

pub(super) fn found_unbind() -> Found {
    whole(3, 0x42, b"", 0)
}

pub(super) fn signed(octets: usize) -> Found {
    Found::SaslBuffer(Protection::Signed, octets as u32)
}

pub(super) fn sealed(octets: usize) -> Found {
    Found::SaslBuffer(Protection::Sealed, octets as u32)
}

/// How messages are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    Cfx { checksum: usize, rotation: u16 },
    Rc4,
    Des,
    Des3,
    Ntlm,
    DigestMd5,
    SealedCfx,
    SealedRc4,
    SealedNtlm,
    SealedDigestMd5,
}

impl Wrapping {
    /// A message may go on in tokens of the same family only.
    pub(super) fn family(self) -> Option<Family> {
        match self {
            Self::Cfx { .. } | Self::Rc4 | Self::Des | Self::Des3 => Some(Family::Kerberos),
            Self::Ntlm => Some(Family::Ntlm),
            Self::DigestMd5 => Some(Family::DigestMd5),
            Self::SealedCfx | Self::SealedRc4 | Self::SealedNtlm | Self::SealedDigestMd5 => None,
        }
    }

    pub(super) fn protection(self) -> Protection {
        if self.family().is_some() { Protection::Signed } else { Protection::Sealed }
    }

    /// A token around this text. What is sealed is replaced by noise.
    pub(super) fn token(self, text: &[u8]) -> Vec<u8> {
        let seed = text.iter().fold(text.len() as u64, |seed, octet| seed.rotate_left(7) ^ u64::from(*octet));
        let hidden = noise(seed, text.len() + 8);
        match self {
            Self::Cfx { checksum, rotation } => {
                let mut data = [text, &noise(seed, checksum)].concat();
                let len = data.len().max(1);
                data.rotate_right(usize::from(rotation) % len);
                let [high, low] = (checksum as u16).to_be_bytes();
                let [rrc_high, rrc_low] = rotation.to_be_bytes();
                let header = [0x05, 0x04, 0x05, 0xff, high, low, rrc_high, rrc_low, 0, 0, 0, 0, 1, 2, 3, 4];
                [&header[..], &data].concat()
            }
            Self::SealedCfx => {
                [b"\x05\x04\x07\xff\0\0\0\x1c\0\0\0\0\x01\x02\x03\x04".as_slice(), &hidden].concat()
            }
            Self::Rc4 => kerberos_v1(0x11, 8, &[text, &[1]].concat(), seed),
            Self::Des => kerberos_v1(0x00, 8, &padded(text), seed),
            Self::Des3 => kerberos_v1(0x04, 20, &padded(text), seed),
            Self::SealedRc4 => {
                let mut token = kerberos_v1(0x11, 8, &hidden, seed);
                let seal =
                    token.windows(4).position(|four| four == [0x11, 0x00, 0xff, 0xff]).expect("SEAL_ALG");
                token[seal + 2..seal + 4].copy_from_slice(&[0x10, 0x00]);
                token
            }
            Self::Ntlm => [&[1, 0, 0, 0][..], &noise(seed, 12), text].concat(),
            Self::SealedNtlm => [&[1, 0, 0, 0][..], &noise(seed, 12), &hidden].concat(),
            Self::DigestMd5 => [text, &noise(seed, 10), &[0, 1], &[0, 0, 0, 7]].concat(),
            Self::SealedDigestMd5 => [&hidden[..], &[0, 1], &[0, 0, 0, 7]].concat(),
        }
    }

    /// The token as a buffer: behind its length.
    pub(super) fn buffer(self, text: &[u8]) -> Vec<u8> {
        buffer(&self.token(text))
    }
}

/// A token behind its length.
pub(super) fn buffer(token: &[u8]) -> Vec<u8> {
    [&(token.len() as u32).to_be_bytes()[..], token].concat()
}

/// A token of RFC 1964 that is signed only.
fn kerberos_v1(sign: u8, checksum: usize, data: &[u8], seed: u64) -> Vec<u8> {
    let mechanism = element(0x06, 0, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
    let algorithms = [0x02, 0x01, sign, 0x00, 0xff, 0xff, 0xff, 0xff];
    let inside = [&mechanism[..], &algorithms, &noise(seed, 8 + checksum + 8), data].concat();
    element(0x60, 0, &inside)
}

fn padded(text: &[u8]) -> Vec<u8> {
    let padding = 8 - text.len() % 8;
    [text, &vec![padding as u8; padding]].concat()
}

/// Octets that look random and are the same in every run (SplitMix64).
pub(super) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    });
    words.flat_map(u64::to_be_bytes).take(len).collect()
}
