//! Writes BER, without a thought of who reads it.

/// How lengths are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// In as few octets as possible, as OpenLDAP does.
    Short,
    /// In five octets, as Microsoft does.
    Long,
}

/// One element.
pub(crate) fn element(lengths: Lengths, tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).expect("a test's element");
    let mut octets = vec![tag];
    match (lengths, length) {
        (Lengths::Long, _) => {
            octets.push(0x84);
            octets.extend(length.to_be_bytes());
        }
        (Lengths::Short, 0..0x80) => octets.push(length as u8),
        (Lengths::Short, _) => {
            let significant = length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0);
            let significant: Vec<u8> = significant.collect();
            octets.push(0x80 | significant.len() as u8);
            octets.extend(significant);
        }
    }
    octets.extend(contents);
    octets
}

/// An element whose length is written in as few octets as possible.
pub(crate) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    element(Lengths::Short, tag, contents)
}

/// Several elements inside one.
pub(crate) fn all(tag: u8, inside: &[Vec<u8>]) -> Vec<u8> {
    tlv(tag, &inside.concat())
}

/// The contents of an INTEGER or ENUMERATED.
pub(crate) fn number(value: i64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let redundant = |pair: &[u8]| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80);
    let skipped = octets.windows(2).take_while(|pair| redundant(pair)).count();
    octets[skipped..].to_vec()
}

pub(crate) fn integer(value: i64) -> Vec<u8> {
    tlv(0x02, &number(value))
}

pub(crate) fn enumerated(value: i64) -> Vec<u8> {
    tlv(0x0a, &number(value))
}

pub(crate) fn octet_string(text: impl AsRef<[u8]>) -> Vec<u8> {
    tlv(0x04, text.as_ref())
}

pub(crate) fn boolean(value: bool) -> Vec<u8> {
    tlv(0x01, &[if value { 0xff } else { 0 }])
}

pub(crate) fn sequence(inside: &[Vec<u8>]) -> Vec<u8> {
    all(0x30, inside)
}
