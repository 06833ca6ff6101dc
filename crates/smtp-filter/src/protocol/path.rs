//! The arguments of MAIL and RCPT.

use nom::IResult;
use nom::Parser as _;
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while};
use nom::character::complete::char;
use nom::sequence::delimited;

use super::decimal::decimal;
use super::parameter::{Parameter, ParameterSet};
use super::whitespace::{is_space, trim, words};

/// Where a mail comes from or goes to, and what is asked of the server for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathArgument<'a> {
    /// The mailbox, without angle brackets and without a source route. Empty for the null sender `<>`, and
    /// for nothing else.
    pub address: &'a [u8],
    /// The parameters that follow.
    pub parameters: ParameterSet,
    /// The size in octets that the client declares for its mail (RFC 1870, 6); `None` also when the number
    /// is none or more than `u64` holds.
    pub declared_size: Option<u64>,
}

// RFC 5321, 4.1.1.2 and 4.1.1.3:
//     mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
//     rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
//            [SP Rcpt-parameters] CRLF
// Servers also take white space around the colon, and an address without angle brackets.
/// Reads the argument of MAIL or RCPT, `FROM:…` or `TO:…`; `None` when there is no path in it.
pub fn path(argument: &[u8]) -> Option<PathArgument<'_>> {
    let (text, _) = direction(argument).ok()?;
    let (address, parameters) = match text.strip_prefix(b"<") {
        Some(text) => bracketed(text)?,
        None => bare(text)?,
    };
    let mut path = PathArgument { address, parameters: ParameterSet::new(), declared_size: None };
    for word in words(parameters) {
        let (keyword, value) = keyword_and_value(word);
        let parameter = Parameter::from_keyword(keyword);
        path.parameters.insert(parameter);
        if parameter == Parameter::Size {
            path.declared_size = value.and_then(decimal);
        }
    }
    Some(path)
}

fn direction(argument: &[u8]) -> IResult<&[u8], &[u8]> {
    let colon = delimited(take_while(is_space), char(':'), take_while(is_space));
    let (text, (direction, _)) =
        (alt((tag_no_case("FROM"), tag_no_case("TO"))), colon).parse_complete(argument)?;
    Ok((text, direction))
}

/// The mailbox and the parameters behind `<`.
fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (path, parameters) = split_outside_quotes(text, |octet| octet == b'>')?;
    let parameters = parameters.strip_prefix(b">")?;
    let apart = parameters.first().is_none_or(|octet| is_space(*octet));
    // RFC 5321, 4.1.2 and C: a source route "@a,@b:" may stand in front of the mailbox and is ignored.
    let mut address = trim(path);
    while address.starts_with(b"@") {
        let (_, mailbox) = split_outside_quotes(address, |octet| octet == b':')?;
        address = mailbox.strip_prefix(b":").map(trim).filter(|mailbox| !mailbox.is_empty())?;
    }
    apart.then_some((address, parameters))
}

/// The mailbox and the parameters where the client left out the angle brackets.
fn bare(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (address, parameters) = split_outside_quotes(text, is_space).unwrap_or((text, b""));
    let is_address = !address.is_empty() && !address.iter().any(|octet| matches!(octet, b'<' | b'>'));
    // Else it may be words in front of the address: `John Smith <smith@example.org>`.
    let are_parameters = words(parameters).all(|word| is_keyword(keyword_and_value(word).0));
    (is_address && are_parameters).then_some((address, parameters))
}

// RFC 5321, 4.1.2:
//     Quoted-string = DQUOTE *QcontentSMTP DQUOTE
//     quoted-pairSMTP = %d92 %d32-126
/// Splits in front of the first such octet that is not inside a quoted string.
fn split_outside_quotes(text: &[u8], ends: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let mut quoted = false;
    let mut escaped = false;
    let end = text.iter().position(|&octet| {
        if escaped {
            escaped = false;
            return false;
        }
        match octet {
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            octet => return !quoted && ends(octet),
        }
        false
    })?;
    text.split_at_checked(end)
}

// RFC 5321, 4.1.2:
//     esmtp-param   = esmtp-keyword ["=" esmtp-value]
//     esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
fn keyword_and_value(parameter: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = parameter.splitn(2, |octet| *octet == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

fn is_keyword(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_alphanumeric)
        && word.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(argument: &[u8]) -> Option<&str> {
        path(argument).map(|path| std::str::from_utf8(path.address).expect("a test's own"))
    }

    fn parameters(argument: &[u8]) -> Vec<Parameter> {
        path(argument).map(|path| path.parameters.iter().collect()).expect("a path")
    }

    #[test]
    fn addresses_in_every_dress() {
        for (argument, expected) in [
            (&b"FROM:<bob@example.org>"[..], "bob@example.org"),
            (b"from:<bob@example.org>", "bob@example.org"),
            (b"TO:<Postmaster>", "Postmaster"),
            (b"To : \t<bob@example.org>", "bob@example.org"),
            (b"FROM: < bob@example.org > SIZE=1", "bob@example.org"),
            (b"FROM:bob@example.org", "bob@example.org"),
            (b"FROM: bob@example.org SIZE=1 MT-PRIORITY=3", "bob@example.org"),
            (b"TO:<@a.example,@b.example:bob@example.org>", "bob@example.org"),
            (b"TO:<@a.example: @b.example: bob@example.org>", "bob@example.org"),
            (b"TO:<\"a>b\\\">\"@example.org> NOTIFY=NEVER", "\"a>b\\\">\"@example.org"),
            (b"TO:\"a b\"@example.org", "\"a b\"@example.org"),
            (b"TO:<bob@[IPv6:::1]>", "bob@[IPv6:::1]"),
            (b"TO:<\xc3\xb6@example.org>", "\u{f6}@example.org"),
        ] {
            assert_eq!(address(argument), Some(expected), "{}", argument.escape_ascii());
        }
    }

    #[test]
    fn only_the_null_sender_is_empty() {
        assert_eq!(address(b"FROM:<>"), Some(""));
        assert_eq!(address(b"FROM: < > SIZE=0"), Some(""));
        for argument in [&b"FROM:"[..], b"FROM: SIZE=0", b"FROM:<@a.example:>", b"FROM:\"\""] {
            assert_ne!(address(argument), Some(""), "{}", argument.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_path_is_none() {
        for argument in [
            &b""[..],
            b"FROM",
            b"FROM <bob@example.org>",
            b"<bob@example.org>",
            b"FRO:<bob@example.org>",
            b"FROM:<bob@example.org",
            b"FROM:<\"bob@example.org>",
            b"FROM:<bob@example.org>SIZE=1",
            b"FROM:<@a.example>",
            b"FROM:John Smith <smith@example.org>",
            b"FROM:bob@example.org>",
            b"FROM:bob@example.org or so!",
            b"FROM:bob@example.org -x",
            b"FROM:bob@example.org =x",
        ] {
            assert_eq!(path(argument), None, "{}", argument.escape_ascii());
        }
    }

    #[test]
    fn parameters_and_the_declared_size() {
        let argument = b"FROM:<> size=1024 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x XOORG=y AUTH=<>";
        use Parameter::*;
        assert_eq!(parameters(argument), [Size, Body, Smtputf8, Dsn, Auth, Other]);
        assert_eq!(path(argument).and_then(|path| path.declared_size), Some(1024));
        assert_eq!(parameters(b"TO:<a@b>"), []);
        assert_eq!(parameters(b"FROM:a@b requiretls  PRDR "), [Requiretls, Prdr]);
    }

    #[test]
    fn a_size_that_is_no_number_is_seen_but_not_believed() {
        let size = |argument| path(argument).map(|path| (path.parameters.is_empty(), path.declared_size));
        assert_eq!(size(b"FROM:<> SIZE=18446744073709551615"), Some((false, Some(u64::MAX))));
        assert_eq!(size(b"FROM:<> SIZE=18446744073709551616"), Some((false, None)));
        assert_eq!(size(b"FROM:<> SIZE=-1"), Some((false, None)));
        assert_eq!(size(b"FROM:<> SIZE="), Some((false, None)));
        assert_eq!(size(b"FROM:<> SIZE"), Some((false, None)));
        assert_eq!(size(b"FROM:<> X=SIZE=5"), Some((false, None)));
    }
}
