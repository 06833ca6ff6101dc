//! Blocks of a mail in which there is nothing to look at.

/// Octets that are looked at together: few enough for one odd line to cost little.
pub(super) const BLOCK: usize = 128;
/// What is seen of a mail to tell that a block is plain: also the two octets behind it.
pub(super) const SEEN: usize = BLOCK + 2;

/// Whether `next` behind `octet` is nothing to look at: CR and LF stand together, and no dot at the start of a line is there.
pub(super) fn follows_plainly(octet: u8, next: u8) -> bool {
    ((octet == b'\r') == (next == b'\n')) && (octet, next) != (b'\n', b'.')
}

/// How many of these octets, from the first on and in whole blocks, are plain: CR and LF stand together, and there is
/// neither a NUL nor CR LF and a dot. What stands behind a block counts as far as that takes, and the last two octets are
/// in no block.
pub(super) fn plain_prefix(octets: &[u8]) -> usize {
    let pattern = Pattern::new();
    let mut rest = octets;
    while let (Some(seen), Some((_, behind))) = (rest.first_chunk(), rest.split_first_chunk::<BLOCK>())
        && pattern.is_plain(seen)
    {
        rest = behind;
    }
    octets.len().saturating_sub(rest.len())
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use self::simd::Pattern;

/// What blocks are compared with.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
struct Pattern;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
impl Pattern {
    const fn new() -> Self {
        Self
    }

    /// Octet by octet; a compiler may well make vectors of it.
    fn is_plain(&self, seen: &[u8; SEEN]) -> bool {
        seen.array_windows().fold(true, |plain, [octet, next, after]| {
            let cr = *octet == b'\r';
            plain & (cr == (*next == b'\n')) & (*octet != 0) & !(cr & (*after == b'.'))
        })
    }
}

/// The same, 16 octets at a time.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd {
    use core::arch::wasm32::{
        u8x16_add_sat, u8x16_all_true, u8x16_eq, u8x16_min, u8x16_splat, v128, v128_and, v128_any_true,
        v128_or, v128_xor,
    };
    use std::hint::black_box;

    use super::SEEN;

    const LANES: usize = size_of::<v128>();

    /// What blocks are compared with.
    pub(super) struct Pattern {
        cr: v128,
        lf: v128,
        dot: v128,
    }

    /// What was found in a part of a block.
    #[derive(Clone, Copy)]
    struct Found {
        /// Not zero where something is odd.
        odd: v128,
        /// Zero where there is a NUL.
        least: v128,
    }

    impl Pattern {
        /// V8 makes a constant anew wherever it is used; not so a value that it cannot know.
        pub(super) fn new() -> Self {
            let [cr, lf, dot] = [b'\r', b'\n', b'.'].map(|octet| u8x16_splat(black_box(octet)));
            Self { cr, lf, dot }
        }

        /// See the other one. Without a loop, which would take as long as what it repeats; and never put into one, where
        /// the compiler would keep 24 addresses in place of one.
        #[inline(never)]
        pub(super) fn is_plain(&self, seen: &[u8; SEEN]) -> bool {
            let found = Found { odd: u8x16_splat(0), least: u8x16_splat(u8::MAX) };
            let found = self.look::<0>(seen, found);
            let found = self.look::<16>(seen, found);
            let found = self.look::<32>(seen, found);
            let found = self.look::<48>(seen, found);
            let found = self.look::<64>(seen, found);
            let found = self.look::<80>(seen, found);
            let found = self.look::<96>(seen, found);
            let found = self.look::<112>(seen, found);
            !v128_any_true(found.odd) & u8x16_all_true(found.least)
        }

        #[inline(always)]
        fn look<const AT: usize>(&self, seen: &[u8; SEEN], found: Found) -> Found {
            let [octets, next, after] = [vector(seen, AT), vector(seen, AT + 1), vector(seen, AT + 2)];
            let cr = u8x16_eq(octets, self.cr);
            let apart = v128_xor(cr, u8x16_eq(next, self.lf));
            let dotted = v128_and(cr, u8x16_eq(after, self.dot));
            Found {
                // Not `or`, of which the compiler would make one of single bits, and take ten instructions to make octets of
                // them again.
                odd: u8x16_add_sat(found.odd, v128_or(apart, dotted)),
                least: u8x16_min(found.least, octets),
            }
        }
    }

    /// The octets from there on. The compiler knows that they are there, and makes one load of it.
    #[inline(always)]
    fn vector(seen: &[u8; SEEN], at: usize) -> v128 {
        match seen.get(at..).and_then(<[u8]>::first_chunk::<LANES>) {
            Some(octets) => bytemuck::must_cast(*octets),
            None => u8x16_splat(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_plain_unless_something_odd_stands_anywhere_in_it() {
        let text: Vec<u8> =
            b"A line of text. And a dot.\r\n".iter().copied().cycle().take(2 * BLOCK + 2).collect();
        assert_eq!(plain_prefix(&text), 2 * BLOCK);
        assert_eq!(plain_prefix(&text[..2 * BLOCK + 1]), BLOCK, "what stands behind is not known");
        for at in 0..BLOCK {
            for odd in [b"\0x".as_slice(), b"\rx", b"x\n", b"\r\r", b"\n\n", b"\r\n."] {
                let mut block = text.clone();
                block[at..at + odd.len()].copy_from_slice(odd);
                assert_eq!(plain_prefix(&block), 0, "{} at {at}", odd.escape_ascii());
                let mut behind = text.clone();
                behind[BLOCK + at..BLOCK + at + odd.len()].copy_from_slice(odd);
                // The first block sees an LF behind it, that is without CR.
                let plain = if at == 0 && odd.starts_with(b"\n") { 0 } else { BLOCK };
                assert_eq!(plain_prefix(&behind), plain, "{} at {at} of the second", odd.escape_ascii());
            }
        }
    }
}
