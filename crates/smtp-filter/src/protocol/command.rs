//! Command lines.

use nom::IResult;
use nom::Parser as _;
use nom::bytes::complete::take_till;

use super::verb::Verb;
use super::whitespace::{is_space, trim};

/// One line that a client sent while the server expects commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandLine<'a> {
    /// Nothing, or nothing but white space. A server answers it like an unknown command.
    Blank,
    /// A verb, known or not.
    Command(Command<'a>),
}

/// A command line that is not blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Which command.
    pub verb: Verb,
    /// What follows the verb, without white space at either end and without the line's ending.
    pub argument: &'a [u8],
    /// How the line ended.
    pub ending: LineEnding,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnding {
    /// CR LF, the only ending that RFC 5321, 2.3.8, allows.
    Crlf,
    /// LF alone. Most servers take it.
    Lf,
    /// The line was cut off, because it is too long or the stream ended.
    Missing,
}

impl LineEnding {
    /// Splits a line from its ending. Only an ending at the very end is one.
    pub fn split(line: &[u8]) -> (&[u8], Self) {
        match line {
            [text @ .., b'\r', b'\n'] => (text, Self::Crlf),
            [text @ .., b'\n'] => (text, Self::Lf),
            text => (text, Self::Missing),
        }
    }
}

/// Reads one line with its ending, or what there is of it.
pub fn command_line(line: &[u8]) -> CommandLine<'_> {
    let (text, ending) = LineEnding::split(line);
    // RFC 5321, 4.1.1: the verb, then SP and arguments if there are any; receivers should tolerate white
    // space before the ending. In practice they also tolerate it in front of the verb.
    match verb_and_argument(trim(text)) {
        Ok((argument, verb)) if !verb.is_empty() => {
            CommandLine::Command(Command { verb: Verb::from_octets(verb), argument: trim(argument), ending })
        }
        _ => CommandLine::Blank,
    }
}

fn verb_and_argument(text: &[u8]) -> IResult<&[u8], &[u8]> {
    take_till(is_space).parse_complete(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &[u8]) -> Command<'_> {
        match command_line(line) {
            CommandLine::Command(command) => command,
            CommandLine::Blank => panic!("{line:?} is blank"),
        }
    }

    #[test]
    fn verb_argument_and_ending_are_told_apart() {
        let expected = Command { verb: Verb::Ehlo, argument: b"a.example", ending: LineEnding::Crlf };
        assert_eq!(command(b"EHLO a.example\r\n"), expected);
        assert_eq!(command(b"  ehlo \t a.example \t \r\n"), expected);
        assert_eq!(command(b"EHLO a.example\n"), Command { ending: LineEnding::Lf, ..expected });
        assert_eq!(command(b"EHLO a.example"), Command { ending: LineEnding::Missing, ..expected });
        assert_eq!(command(b"EHLO a.example\r"), Command { ending: LineEnding::Missing, ..expected });
        assert_eq!(command(b"EHLO a.example\r\r\n"), expected);
    }

    #[test]
    fn a_verb_alone_has_an_empty_argument() {
        assert_eq!(command(b"QUIT\r\n").argument, b"");
        assert_eq!(command(b"QUIT \r\n").argument, b"");
        assert_eq!(command(b"Q\r\n").verb, Verb::Other);
    }

    #[test]
    fn spaces_inside_the_argument_stay() {
        assert_eq!(command(b"MAIL FROM: <a b>  SIZE=1\r\n").argument, b"FROM: <a b>  SIZE=1");
    }

    #[test]
    fn only_white_space_is_blank() {
        for line in [&b""[..], b"\r\n", b"\n", b" \t\r\n", b"\r\r\n", b"\r", b"  "] {
            assert_eq!(command_line(line), CommandLine::Blank, "{line:?}");
        }
        assert_eq!(command(b"\0\r\n").verb, Verb::Other);
    }

    #[test]
    fn only_the_last_line_feed_ends_the_line() {
        assert_eq!(command(b"NOOP a\nb\r\n").argument, b"a\nb");
    }
}
