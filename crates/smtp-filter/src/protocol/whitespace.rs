//! White space as servers and clients read it between the words of a line.

/// What separates words: RFC 5321 says SP; servers in practice also take HT (RFC 5234, `WSP`).
pub(super) fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// The octets without white space at either end, and without CRs at the end: a peer that writes
/// CR CR LF means the line without either CR, and servers read it so.
pub(super) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = octets {
        octets = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r'] = octets {
        octets = rest;
    }
    octets
}

/// The words of a line, none of them empty.
pub(super) fn words(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split(|octet| is_space(*octet)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_both_ends_only() {
        assert_eq!(trim(b" \t a b\r c \t\r\r"), b"a b\r c");
        assert_eq!(trim(b"\ra"), b"\ra");
        assert_eq!(trim(b" \t "), b"");
    }

    #[test]
    fn words_are_never_empty() {
        assert_eq!(words(b"  86 \tLAST ").collect::<Vec<_>>(), [b"86".as_slice(), b"LAST"]);
        assert_eq!(words(b" ").count(), 0);
    }
}
