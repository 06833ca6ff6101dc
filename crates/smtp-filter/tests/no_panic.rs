//! Whatever octets a peer sends, the protocol modules have an answer, and it keeps within those octets.

use proptest::prelude::*;
use smtp_filter::protocol::auth::auth;
use smtp_filter::protocol::bdat::{bdat, burl_is_last};
use smtp_filter::protocol::code::{CodeLabel, ReplyClass};
use smtp_filter::protocol::command::{Command, CommandLine, command_line};
use smtp_filter::protocol::data::DataScanner;
use smtp_filter::protocol::ehlo::Keyword;
use smtp_filter::protocol::enhanced::EnhancedCode;
use smtp_filter::protocol::parameter::Parameter;
use smtp_filter::protocol::path::path;
use smtp_filter::protocol::refusal::RefusalReason;
use smtp_filter::protocol::reply::reply_line;
use smtp_filter::protocol::verb::Verb;

/// Octets of any kind, and octets that look enough like SMTP to get deep into a parser.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"MAIL",
        b"RCPT",
        b"FROM",
        b"TO",
        b"BDAT",
        b"BURL",
        b"AUTH",
        b"LAST",
        b"SIZE=",
        b"PROXY ",
        b"GET ",
        b"\r\n\r\n\0\r\nQUIT\n",
        b"\x16\x03",
        b"250",
        b"550",
        b"5.1.1",
        b"4.7",
        b"18446744073709551615",
        b":",
        b"<",
        b">",
        b"@",
        b",",
        b"\"",
        b"\\",
        b"=",
        b".",
        b"-",
        b"#",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xff",
        b"9",
    ];
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..16);
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), pieces.prop_map(|pieces| pieces.concat()),]
}

/// Whether `part` is a piece of `whole`, by address: nothing else may be lent out.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.start == part.end || (whole.start <= part.start && part.end <= whole.end)
}

fn each_command_parser(argument: &[u8]) {
    if let Some(path) = path(argument) {
        assert!(is_within(path.address, argument));
        assert!(path.declared_size.is_none() || path.parameters.contains(Parameter::Size));
    }
    auth(argument);
    bdat(argument);
    burl_is_last(argument);
    Verb::from_octets(argument);
    Parameter::from_keyword(argument);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn of_command_lines(line in octets()) {
        if let CommandLine::Command(Command { argument, .. }) = command_line(&line) {
            prop_assert!(is_within(argument, &line));
            each_command_parser(argument);
        }
        each_command_parser(&line);
    }

    #[test]
    fn of_reply_lines(line in octets()) {
        let reply = reply_line(&line);
        prop_assert!(is_within(reply.text, &line));
        prop_assert!(reply.code.is_some() || (reply.enhanced.is_none() && reply.last));
        ReplyClass::of(reply.code);
        CodeLabel::of(reply.code);
        Keyword::of_reply_text(reply.text);
        let enhanced = EnhancedCode::at_start_of(&line);
        if let Some(code) = reply.code {
            RefusalReason::of(code, reply.enhanced);
            RefusalReason::of(code, enhanced);
        }
    }

    #[test]
    fn of_streams(stream in octets()) {
        let scanned = DataScanner::new().scan(&stream);
        prop_assert!(scanned.consumed <= stream.len());
        prop_assert!(scanned.ended || scanned.consumed == stream.len());
    }
}
