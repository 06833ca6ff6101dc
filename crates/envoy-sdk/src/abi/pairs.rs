//! Lists of names and values, as the ABI passes them.
//!
//! ```text
//! count | name length, value length | … | name 0 value 0 | …
//! ```
//! Numbers are 32 bits wide, least significant octet first.

use crate::bytes::ByteString;

/// Reads a list; `None` when the octets are none. No octets at all are an empty list.
pub(crate) fn read(octets: &[u8]) -> Option<Vec<(ByteString, ByteString)>> {
    if octets.is_empty() {
        return Some(Vec::new());
    }
    let (count, rest) = number(octets)?;
    let sizes_len = count.checked_mul(8)?;
    let (mut sizes, mut texts) = rest.split_at_checked(sizes_len)?;
    let mut pairs = Vec::with_capacity(count);
    while let Some((name_len, rest)) = number(sizes) {
        let (value_len, rest) = number(rest)?;
        sizes = rest;
        let name = text(&mut texts, name_len)?;
        pairs.push((name, text(&mut texts, value_len)?));
    }
    Some(pairs)
}

/// Writes a list.
pub(crate) fn write<T: AsRef<[u8]>>(pairs: &[(T, T)]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut put = |len: usize| octets.extend(u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    put(pairs.len());
    for (name, value) in pairs {
        put(name.as_ref().len());
        put(value.as_ref().len());
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        octets.extend_from_slice(text.as_ref());
        octets.push(0);
    }
    octets
}

fn number(octets: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = octets.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

/// Takes a text and the zero behind it.
fn text(texts: &mut &[u8], len: usize) -> Option<ByteString> {
    let (text, rest) = texts.split_at_checked(len)?;
    *texts = rest.split_first()?.1;
    Some(ByteString::from(text.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pairs: [(&[u8], &[u8]); 3] = [(b":path", b"/"), (b"x", b""), (b"a\0b", b"\xff")];
        let octets = write(&pairs);
        let read = read(&octets).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(read, pairs);
        for len in 1..octets.len() {
            assert_eq!(super::read(&octets[..len]), None, "{len}");
        }
        assert_eq!(super::read(&[255; 4]), None);
        assert_eq!(super::read(&[]), Some(vec![]));
        assert_eq!(super::read(&write::<&[u8]>(&[])), Some(vec![]));
    }
}
