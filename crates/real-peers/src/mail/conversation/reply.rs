//! A server's reply, as a client reads it.

use std::fmt;

use anyhow::{Context, Result, ensure};

/// A complete reply of RFC 5321 section 4.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code of its last line, 200–599.
    pub code: u16,
    /// Its lines without code, separator and line end.
    pub lines: Vec<String>,
}

impl Reply {
    /// Reads a reply from the start of `octets`; returns it with its length, or nothing if it is not
    /// complete.
    ///
    /// # Errors
    /// When a line does not begin with a code.
    pub fn parse(octets: &[u8]) -> Result<Option<(Self, usize)>> {
        let mut lines = Vec::new();
        let mut length = 0;
        for line in octets.split_inclusive(|&octet| octet == b'\n') {
            if !line.ends_with(b"\n") {
                break;
            }
            length += line.len();
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end_matches(['\r', '\n']);
            let (code, rest) = text.split_at_checked(3).with_context(|| format!("not a reply: {text:?}"))?;
            let code: u16 = code.parse().with_context(|| format!("not a reply: {text:?}"))?;
            ensure!((200..600).contains(&code), "not a reply code: {text:?}");
            lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if !rest.starts_with('-') {
                return Ok(Some((Self { code, lines }, length)));
            }
        }
        Ok(None)
    }

    /// The enhanced status code of RFC 2034, such as `5.1.1`, if the last line begins with one.
    #[must_use]
    pub fn enhanced(&self) -> Option<&str> {
        let word = self.lines.last()?.split_whitespace().next()?;
        let mut parts = word.split('.');
        let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u16>().is_ok());
        (number(parts.next()) && number(parts.next()) && number(parts.next()) && parts.next().is_none())
            .then_some(word)
    }

    /// Whether an EHLO reply offers the extension `keyword`.
    #[must_use]
    pub fn offers(&self, keyword: &str) -> bool {
        self.lines.iter().skip(1).any(|line| {
            line.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(keyword))
        })
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" / "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_are_one_reply() {
        let (reply, length) =
            Reply::parse(b"250-mx\r\n250-SIZE 5\r\n250 CHUNKING\r\n220 next\r\n").unwrap().unwrap();
        assert_eq!((reply.code, length), (250, 34));
        assert!(reply.offers("size") && reply.offers("CHUNKING") && !reply.offers("mx"));
    }

    #[test]
    fn half_a_reply_is_none() {
        assert_eq!(Reply::parse(b"250-mx\r\n250 CHU").unwrap(), None);
        assert_eq!(Reply::parse(b"").unwrap(), None);
    }

    #[test]
    fn enhanced_codes() {
        let (reply, _) = Reply::parse(b"550 5.1.1 no such user\r\n").unwrap().unwrap();
        assert_eq!(reply.enhanced(), Some("5.1.1"));
        let (reply, _) = Reply::parse(b"250 OK\r\n").unwrap().unwrap();
        assert_eq!(reply.enhanced(), None);
        let (reply, _) = Reply::parse(b"250\r\n").unwrap().unwrap();
        assert_eq!((reply.code, reply.enhanced()), (250, None));
    }
}
