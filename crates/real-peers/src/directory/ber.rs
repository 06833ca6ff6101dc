//! Writing BER (X.690), as far as LDAP uses it: definite lengths in their shortest form.

/// A universal INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// A universal OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// A universal ENUMERATED.
pub(super) const ENUMERATED: u8 = 0x0A;
/// A universal BOOLEAN.
pub(super) const BOOLEAN: u8 = 0x01;
/// A universal SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;

/// An element: its tag, the length of its content, its content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![tag];
    let length = content.len().to_be_bytes();
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => octets.push(short),
        _ => {
            let significant = &length[length.iter().take_while(|&&octet| octet == 0).count()..];
            octets.push(0x80 | significant.len() as u8);
            octets.extend_from_slice(significant);
        }
    }
    octets.extend_from_slice(content);
    octets
}

/// An element made of elements.
pub(super) fn elements(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// A number, in two's complement, as INTEGER or under another tag of that form.
pub(super) fn number(tag: u8, value: i64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    // An octet in front is redundant when it only repeats the sign of the next (X.690 section 8.3.2).
    let redundant = octets
        .windows(2)
        .take_while(|pair| (pair[0] == 0x00 && pair[1] < 0x80) || (pair[0] == 0xFF && pair[1] >= 0x80))
        .count();
    element(tag, &octets[redundant..])
}

/// Text, as OCTET STRING or under another tag of that form.
pub(super) fn text(tag: u8, text: &str) -> Vec<u8> {
    element(tag, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        assert_eq!(number(INTEGER, 0), [2, 1, 0]);
        assert_eq!(number(INTEGER, 127), [2, 1, 127]);
        assert_eq!(number(INTEGER, 128), [2, 2, 0, 128]);
        assert_eq!(number(INTEGER, 256), [2, 2, 1, 0]);
        assert_eq!(number(INTEGER, -1), [2, 1, 0xFF]);
        assert_eq!(number(INTEGER, -129), [2, 2, 0xFF, 0x7F]);
    }

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        assert_eq!(element(OCTET_STRING, &[7; 127])[..3], [4, 127, 7]);
        assert_eq!(element(OCTET_STRING, &[7; 128])[..4], [4, 0x81, 128, 7]);
        assert_eq!(element(OCTET_STRING, &[7; 256])[..5], [4, 0x82, 1, 0, 7]);
    }
}
