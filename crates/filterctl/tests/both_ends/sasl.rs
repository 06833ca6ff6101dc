//! Buffers of SASL security layers (RFC 4422, 3.7), with Kerberos tokens made by hand (RFC 4121, 4.2.6.2).

/// Octets in front of what such a buffer carries: its length and the token's header.
pub(crate) const HEADER: usize = 4 + 16;

/// A token that is signed only: the header, then what it carries, then 12 octets of checksum.
pub(crate) fn signed(octets: &[u8]) -> Vec<u8> {
    let header = [5, 4, 0, 0xff, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    buffer(&[&header[..], octets, &[0xcc; 12]].concat())
}

/// The same rotated by as many octets as the checksum has, as Windows sends it: the checksum comes first.
pub(crate) fn signed_rotated(octets: &[u8]) -> Vec<u8> {
    let header = [5, 4, 0, 0xff, 0, 12, 0, 12, 0, 0, 0, 0, 0, 0, 0, 1];
    buffer(&[&header[..], &[0xcc; 12], octets].concat())
}

/// A token that is encrypted, with so many octets behind its header, all of which could begin a message.
pub(crate) fn sealed(octets: usize) -> Vec<u8> {
    let header = [5, 4, 2, 0xff, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 1];
    buffer(&[&header[..], &vec![0x30; octets]].concat())
}

fn buffer(contents: &[u8]) -> Vec<u8> {
    let length = contents.len() as u32;
    [&length.to_be_bytes(), contents].concat()
}
