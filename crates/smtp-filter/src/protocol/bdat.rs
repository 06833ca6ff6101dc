//! Chunks of mail: the arguments of BDAT and BURL.

use super::decimal::decimal;
use super::whitespace::words;

/// What a BDAT command announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How many octets of mail follow the command line directly.
    pub octets: u64,
    /// Whether the mail ends with this chunk.
    pub last: bool,
}

// RFC 3030, 2:
//     bdat-cmd   ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF
//     chunk-size ::= 1*DIGIT
//     end-marker ::= "LAST"
/// The argument of BDAT; `None` when it is junk, negative, or more than `u64` holds.
///
/// What follows a command that is `None` here is not defined: servers disagree, and mostly close.
pub fn bdat(argument: &[u8]) -> Option<Chunk> {
    let mut words = words(argument);
    let octets = decimal(words.next()?)?;
    let last = match words.next() {
        Some(marker) if marker.eq_ignore_ascii_case(LAST) => true,
        Some(_) => return None,
        None => false,
    };
    words.next().is_none().then_some(Chunk { octets, last })
}

// RFC 4468:
//     burl-cmd = "BURL" SP absolute-URI [SP end-marker] CRLF
/// Whether the argument of BURL says that the mail ends with what its URL names.
pub fn burl_is_last(argument: &[u8]) -> bool {
    words(argument).skip(1).last().is_some_and(|word| word.eq_ignore_ascii_case(LAST))
}

const LAST: &[u8] = b"LAST";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_the_end_marker() {
        let chunk = |octets, last| Some(Chunk { octets, last });
        assert_eq!(bdat(b"86"), chunk(86, false));
        assert_eq!(bdat(b"86 LAST"), chunk(86, true));
        assert_eq!(bdat(b"0 last"), chunk(0, true));
        assert_eq!(bdat(b"\t0086 \t Last "), chunk(86, true));
        assert_eq!(bdat(b"18446744073709551615"), chunk(u64::MAX, false));
    }

    #[test]
    fn junk_negative_and_overflow_are_none() {
        for argument in [
            &b""[..],
            b"LAST",
            b"-1",
            b"+1",
            b"0x10",
            b"1 LASTS",
            b"1 LAST LAST",
            b"1 2",
            b"1LAST",
            b"18446744073709551616",
            b"99999999999999999999999999999999",
            b"\xb2",
            b"1\0",
        ] {
            assert_eq!(bdat(argument), None, "{argument:?}");
        }
    }

    #[test]
    fn the_end_marker_of_burl_follows_its_url() {
        assert!(burl_is_last(b"imap://harry@gryffindor.example.com/outbox;uid=25 LAST"));
        assert!(burl_is_last(b"imap://a last "));
        assert!(!burl_is_last(b"imap://a"));
        assert!(!burl_is_last(b"LAST"));
        assert!(!burl_is_last(b"imap://a LASTING"));
        assert!(!burl_is_last(b""));
    }
}
