//! Lines of both sides of SMTP.

use smtp_filter::protocol::auth::auth;
use smtp_filter::protocol::bdat::{bdat, burl_is_last};
use smtp_filter::protocol::code::ReplyCode;
use smtp_filter::protocol::command::{CommandLine, LineEnding, command_line};
use smtp_filter::protocol::ehlo::Keyword;
use smtp_filter::protocol::enhanced::EnhancedCode;
use smtp_filter::protocol::path::path;
use smtp_filter::protocol::refusal::RefusalReason;
use smtp_filter::protocol::reply::reply_line;
use smtp_filter::protocol::verb::Verb;

use crate::differential::smtp::{commands, mails, replies};

/// Judges what is made of a command line: what it borrows, and what does not depend on case.
pub(crate) fn command(data: &[u8]) {
    let line = one_line(data);
    let (text, ending) = LineEnding::split(&line);
    assert!(line.starts_with(text), "a line's text is its start");
    assert_eq!(ending == LineEnding::Missing, !line.ends_with(b"\n"));
    if let CommandLine::Command(command) = command_line(&line) {
        assert_within(command.argument, &line);
        let shouted = line.to_ascii_uppercase();
        match command_line(&shouted) {
            CommandLine::Command(loud) => assert_eq!(loud.verb, command.verb, "a verb has no case"),
            CommandLine::Blank => panic!("a line is blank in capitals"),
        }
        // Whatever the verb is, each argument has an answer.
        argument(command.argument);
        if matches!(command.verb, Verb::Mail | Verb::Rcpt) {
            assert_eq!(
                path(command.argument).is_some(),
                path(&command.argument.to_ascii_lowercase()).is_some()
            );
        }
    }
}

fn argument(argument: &[u8]) {
    if let Some(path) = path(argument) {
        assert_within(path.address, argument);
        assert!(!path.address.contains(&b'\n'), "an address is on one line");
        let loud = argument.to_ascii_uppercase();
        let in_capitals = self::path(&loud).map(|path| path.parameters);
        assert_eq!(in_capitals, Some(path.parameters), "parameters have no case");
    }
    let loud = argument.to_ascii_uppercase();
    assert_eq!(bdat(&loud), bdat(argument));
    if let Some(chunk) = bdat(argument) {
        let text = String::from_utf8_lossy(argument).to_string();
        let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(digits.parse(), Ok(chunk.octets), "a chunk's size is what its digits say");
    }
    assert_eq!(burl_is_last(&loud), burl_is_last(argument));
    assert_eq!(auth(&loud), auth(argument), "mechanisms have no case");
}

/// Judges what is made of a reply line: its code against the digits that stand there, and what it borrows.
pub(crate) fn reply(data: &[u8]) {
    let line = one_line(data);
    let reply = reply_line(&line);
    assert_within(reply.text, &line);
    let number = std::str::from_utf8(line.get(..3).unwrap_or_default()).ok();
    let number = number.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let number = number.and_then(|digits| digits.parse().ok());
    if let Some(code) = reply.code {
        assert_eq!(Some(code.get()), number, "a code is what its digits say");
        // The label is a closed set; the reason is one for every combination.
        let _label = code.label();
        let _reason = RefusalReason::of(code, reply.enhanced);
    } else {
        let is_longer = line.get(3).is_some_and(u8::is_ascii_digit);
        assert_eq!(number.and_then(ReplyCode::new).filter(|_| !is_longer), None, "digits that are no code");
    }
    if let Some(EnhancedCode { class, subject, detail, .. }) = reply.enhanced {
        assert!(matches!(class, 2 | 4 | 5), "class {class}");
        let written = format!("{class}.{subject}.{detail}");
        let plain: String = String::from_utf8_lossy(&line).chars().collect();
        let unpadded =
            plain.split(|c: char| !c.is_ascii_digit() && c != '.').any(|word| same_numbers(word, &written));
        assert!(unpadded, "{written} does not stand there");
    }
    let keyword = Keyword::of_reply_text(reply.text);
    assert_eq!(Keyword::of_reply_text(&reply.text.to_ascii_uppercase()), keyword, "keywords have no case");
}

/// Judges by `smtp-proto`. The first octet says whether what follows is a command, a reply or a mail.
pub(crate) fn references(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let line = one_line(data);
    let difference = match which % 3 {
        2 => mails::difference(data),
        // It asks for more where a line has no end, and what it makes of less is nothing.
        _ if !line.ends_with(b"\n") => None,
        1 => replies::difference(&line),
        _ => commands::difference(&line),
    };
    if let Some(difference) = difference {
        panic!("{difference}");
    }
}

/// Whether two words of numbers and dots start with the same three numbers.
fn same_numbers(word: &str, written: &str) -> bool {
    let numbers = |word: &str| word.split('.').map(|n| n.parse::<u32>().ok()).take(3).collect::<Vec<_>>();
    numbers(word.trim_start_matches('.')) == numbers(written)
}

/// A line as a session is given it: one LF at most, at its end.
fn one_line(data: &[u8]) -> Vec<u8> {
    let end = data.iter().position(|octet| *octet == b'\n').map_or(data.len(), |lf| lf + 1);
    data[..end].to_vec()
}

/// What a value borrows, it borrows from the octets given.
pub(crate) fn assert_within(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.is_empty() || whole.start <= part.start && part.end <= whole.end, "borrowed from elsewhere");
}
