//! Reply lines.

use super::code::ReplyCode;
use super::command::LineEnding;
use super::enhanced::EnhancedCode;
use super::whitespace::trim;

/// One line of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLine<'a> {
    /// The code; `None` when the line does not start with one from 100 to 599.
    pub code: Option<ReplyCode>,
    /// Whether the reply ends with this line. A line without a code says nothing about it: here it is `true`,
    /// and a session that is inside a reply knows better.
    pub last: bool,
    /// The enhanced code, when there is one that agrees with the code (RFC 2034, 4).
    pub enhanced: Option<EnhancedCode>,
    /// What follows the code, the enhanced code included, without white space at either end and without the
    /// line's ending. Without a code: the whole line.
    pub text: &'a [u8],
}

/// Reads one line with its ending, or what there is of it.
pub fn reply_line(line: &[u8]) -> ReplyLine<'_> {
    let (line, _) = LineEnding::split(line);
    // RFC 5321, 4.2:
    //     Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    // Clients read the first three octets as a number and look for "-" in the fourth; what else stands there
    // is text to them. A fourth digit makes it something else.
    let (code, text) = match line {
        [a, b, c, rest @ ..] if !rest.first().is_some_and(u8::is_ascii_digit) => {
            match ReplyCode::from_digits([*a, *b, *c]) {
                Some(code) => (code, rest),
                None => return without_code(line),
            }
        }
        _ => return without_code(line),
    };
    let (last, text) = match text {
        [b'-', text @ ..] => (false, text),
        text => (true, text),
    };
    let text = trim(text);
    let enhanced = EnhancedCode::at_start_of(text).filter(|enhanced| agree(code, *enhanced));
    ReplyLine { code: Some(code), last, enhanced, text }
}

fn without_code(line: &[u8]) -> ReplyLine<'_> {
    ReplyLine { code: None, last: true, enhanced: None, text: trim(line) }
}

// RFC 2034, 4: the classes of both codes must agree, so a text that only looks like an enhanced code (a
// version number in a greeting) is mostly none.
fn agree(code: ReplyCode, enhanced: EnhancedCode) -> bool {
    code.get().checked_div(100) == Some(u16::from(enhanced.class))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: u16) -> Option<ReplyCode> {
        ReplyCode::new(number)
    }

    #[test]
    fn code_continuation_and_text() {
        let line = reply_line(b"250-PIPELINING\r\n");
        assert_eq!((line.code, line.last, line.text), (code(250), false, &b"PIPELINING"[..]));
        let line = reply_line(b"221 Bye\n");
        assert_eq!((line.code, line.last, line.text), (code(221), true, &b"Bye"[..]));
        let line = reply_line(b"354 go \r\r\n");
        assert_eq!((line.code, line.last, line.text), (code(354), true, &b"go"[..]));
    }

    #[test]
    fn a_bare_code_is_a_whole_line() {
        for octets in [&b"250\r\n"[..], b"250 \r\n", b"250", b"250\n"] {
            let line = reply_line(octets);
            assert_eq!((line.code, line.last, line.text), (code(250), true, &b""[..]), "{octets:?}");
        }
        let line = reply_line(b"250-\r\n");
        assert_eq!((line.code, line.last, line.text), (code(250), false, &b""[..]));
    }

    #[test]
    fn clients_also_read_codes_without_a_space() {
        let line = reply_line(b"250OK\r\n");
        assert_eq!((line.code, line.last, line.text), (code(250), true, &b"OK"[..]));
    }

    #[test]
    fn lines_without_a_code() {
        for octets in
            [&b""[..], b"\r\n", b"25", b"2500 x\r\n", b"HTTP/1.0 200\r\n", b"600 x", b" 250 x", b"099 x"]
        {
            let line = reply_line(octets);
            assert_eq!((line.code, line.last, line.enhanced), (None, true, None), "{octets:?}");
        }
        assert_eq!(reply_line(b"oops: \r\n").text, b"oops:");
    }

    #[test]
    fn enhanced_codes_must_agree_with_the_code() {
        let unknown_user = EnhancedCode { class: 5, subject: 1, detail: 1 };
        assert_eq!(reply_line(b"550 5.1.1 unknown\r\n").enhanced, Some(unknown_user));
        assert_eq!(reply_line(b"550-5.1.1 unknown\r\n").enhanced, Some(unknown_user));
        assert_eq!(reply_line(b"550 5.1.1 unknown\r\n").text, b"5.1.1 unknown");
        assert_eq!(reply_line(b"450 5.1.1 unknown\r\n").enhanced, None);
        assert_eq!(reply_line(b"220 4.94.2 Exim\r\n").enhanced, None);
    }
}
