//! Text of which Envoy only promises that it is octets.

use std::borrow::Cow;
use std::fmt;

/// Octets that are usually text: a header's value, a property. Prints with everything but printable ASCII
/// escaped, so that a value cannot break out of a log line.
///
/// ```
/// use envoy_sdk::ByteStr;
///
/// let value = ByteStr::from(&b"caf\xc3\xa9\r\n"[..]);
/// assert_eq!(value.to_str(), Some("café\r\n"));
/// assert_eq!(value.to_string(), r"caf\xc3\xa9\r\n");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteStr<'a>(&'a [u8]);

impl<'a> ByteStr<'a> {
    /// The octets as they are.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, when it is UTF-8.
    pub fn to_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// The text, with what is not UTF-8 replaced by U+FFFD.
    pub fn to_str_lossy(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }
}

impl<'a> From<&'a [u8]> for ByteStr<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self(octets)
    }
}

impl fmt::Display for ByteStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for ByteStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// An owned [`ByteStr`].
///
/// ```
/// use envoy_sdk::ByteString;
///
/// let value = ByteString::from(vec![b'x', 0xff]);
/// assert_eq!((value.to_str(), value.as_bytes()), (None, &b"x\xff"[..]));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteString(Vec<u8>);

impl ByteString {
    /// The same, borrowed.
    pub fn as_byte_str(&self) -> ByteStr<'_> {
        ByteStr(&self.0)
    }

    /// The octets as they are.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, when it is UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        self.as_byte_str().to_str()
    }

    /// The octets, given up.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl AsRef<[u8]> for ByteStr<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl AsRef<[u8]> for ByteString {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for ByteStr<'_> {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for ByteStr<'_> {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

impl PartialEq<str> for ByteString {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for ByteString {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

impl fmt::Display for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_byte_str().fmt(f)
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_byte_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_escapes_what_could_break_a_log_line() {
        let text = ByteString::from(b"a\"b\r\n\x00\xff".to_vec());
        assert_eq!(text.to_string(), r#"a\"b\r\n\x00\xff"#);
        assert_eq!(text.to_str(), None);
        assert_eq!(text.as_bytes().len(), 7);
    }
}
