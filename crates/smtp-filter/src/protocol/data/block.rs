//! Blocks of a mail in which there is nothing to look at.

/// Octets that are looked at together: few enough for one odd line to cost little.
pub(super) const BLOCK: usize = 128;

/// Whether `next` behind `octet` is nothing to look at: CR and LF stand together, and neither a NUL nor a dot at the start
/// of a line is there.
pub(super) fn follows_plainly(octet: u8, next: u8) -> bool {
    ((octet == b'\r') == (next == b'\n')) & (octet != 0) & !((octet == b'\n') & (next == b'.'))
}

/// Whether each of these octets, but for the last, which belongs to the next block, is
/// [plainly followed](follows_plainly) by the one behind it.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) fn is_plain(octets: &[u8; BLOCK + 1]) -> bool {
    let (Some(octets), Some(next)) = (octets.first_chunk::<BLOCK>(), octets.last_chunk::<BLOCK>()) else {
        return false;
    };
    octets.iter().zip(next).fold(true, |plain, (octet, next)| plain & follows_plainly(*octet, *next))
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) use self::simd::is_plain;

/// The same, 16 octets at a time.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd {
    use core::arch::wasm32::{
        u8x16_eq, u8x16_splat, u64x2, v128, v128_and, v128_any_true, v128_or, v128_xor,
    };

    use super::BLOCK;

    const LANES: usize = size_of::<v128>();

    /// See the other one.
    pub(in super::super) fn is_plain(octets: &[u8; BLOCK + 1]) -> bool {
        let (Some(octets), Some(next)) = (octets.first_chunk::<BLOCK>(), octets.last_chunk::<BLOCK>()) else {
            return false;
        };
        let (octets, next) = (octets.as_chunks::<LANES>().0, next.as_chunks::<LANES>().0);
        let (cr, lf, dot) = (u8x16_splat(b'\r'), u8x16_splat(b'\n'), u8x16_splat(b'.'));
        let nul = u8x16_splat(0);
        let mut odd = nul;
        for (octets, next) in octets.iter().zip(next) {
            let (octets, next) = (vector(octets), vector(next));
            let apart = v128_xor(u8x16_eq(octets, cr), u8x16_eq(next, lf));
            let dotted = v128_and(u8x16_eq(octets, lf), u8x16_eq(next, dot));
            odd = v128_or(odd, v128_or(v128_or(apart, dotted), u8x16_eq(octets, nul)));
        }
        !v128_any_true(odd)
    }

    fn vector(octets: &[u8; LANES]) -> v128 {
        let ([low, high], _) = octets.as_chunks::<8>() else { return u8x16_splat(0) };
        u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_plain_unless_something_odd_stands_anywhere_in_it() {
        let text: Vec<u8> =
            b"A line of text. And a dot.\r\n".iter().copied().cycle().take(BLOCK + 1).collect();
        let plain: [u8; BLOCK + 1] = text.try_into().unwrap();
        assert!(is_plain(&plain));
        for at in 0..BLOCK {
            for odd in [b"\0x".as_slice(), b"\rx", b"x\n", b"\r\r", b"\n\n", b"\n."] {
                let mut block = plain;
                let room = block.len() - at;
                let odd = &odd[..odd.len().min(room)];
                block[at..at + odd.len()].copy_from_slice(odd);
                assert!(!is_plain(&block), "{} at {at}", odd.escape_ascii());
            }
        }
    }
}
