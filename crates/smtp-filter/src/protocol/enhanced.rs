//! Enhanced status codes (RFC 3463, RFC 2034).

use nom::IResult;
use nom::Parser as _;
use nom::bytes::complete::tag;
use nom::character::complete::digit1;
use nom::combinator::{map_opt, opt, verify};

use super::decimal::decimal;

/// An enhanced status code such as 5.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedCode {
    /// 2, 4 or 5: success, persistent transient failure, permanent failure.
    pub class: u8,
    /// What the status is about: 1 addressing, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content,
    /// 7 security. At most 999.
    pub subject: u16,
    /// Details on the subject. At most 999.
    pub detail: u16,
}

impl EnhancedCode {
    // RFC 3463, 2:
    //     status-code = class "." subject "." detail
    //     class       = "2"/"4"/"5"
    //     subject     = 1*3digit
    //     detail      = 1*3digit
    // RFC 2034, 3: it "is always followed by one or more spaces"; in practice also by punctuation, or by
    // nothing. Some gateways write a "#" in front of it.
    /// Reads the enhanced code with which the text of a reply line starts, if it does.
    pub fn at_start_of(text: &[u8]) -> Option<Self> {
        let (rest, code) = enhanced_code(text).ok()?;
        let ends_here = |octet: &u8| !octet.is_ascii_alphanumeric() && !matches!(octet, b'.' | b'-');
        rest.first().is_none_or(ends_here).then_some(code)
    }
}

fn enhanced_code(text: &[u8]) -> IResult<&[u8], EnhancedCode> {
    let (text, _) = opt(tag("#")).parse_complete(text)?;
    let class = verify(number, |class| matches!(class, 2 | 4 | 5));
    let (text, class) = map_opt(class, |class| u8::try_from(class).ok()).parse_complete(text)?;
    let (text, _) = tag(".").parse_complete(text)?;
    let (text, subject) = number(text)?;
    let (text, _) = tag(".").parse_complete(text)?;
    let (text, detail) = number(text)?;
    Ok((text, EnhancedCode { class, subject, detail }))
}

fn number(text: &[u8]) -> IResult<&[u8], u16> {
    let short = verify(digit1, |digits: &[u8]| digits.len() <= 3);
    map_opt(short, |digits| u16::try_from(decimal(digits)?).ok()).parse_complete(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<(u8, u16, u16)> {
        EnhancedCode::at_start_of(text).map(|code| (code.class, code.subject, code.detail))
    }

    #[test]
    fn codes_at_the_start_are_read() {
        assert_eq!(read(b"2.1.5 Ok"), Some((2, 1, 5)));
        assert_eq!(read(b"5.7.509"), Some((5, 7, 509)));
        assert_eq!(read(b"4.999.999\tlater"), Some((4, 999, 999)));
        assert_eq!(read(b"5.1.1: no such user"), Some((5, 1, 1)));
        assert_eq!(read(b"5.1.1<a@b> unknown"), Some((5, 1, 1)));
        assert_eq!(read(b"#5.1.0 Address rejected."), Some((5, 1, 0)));
    }

    #[test]
    fn what_only_looks_like_one_is_not() {
        for text in [
            &b""[..],
            b"Ok 2.1.5",
            b"3.1.1 x",
            b"6.0.0 x",
            b"22.1.1 x",
            b"5.1 x",
            b"5.1.1.2 x",
            b"5.1.1000 x",
            b"5.1.1a",
            b"5.1.1-2",
            b"5..1 x",
            b"5.1.",
            b" 5.1.1",
            b"##5.1.1",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
