//! Asks for what the command line leaves open.

use std::io::{self, BufRead, Stderr, StdinLock, Write};

use anyhow::{Context, Result};

use super::name::Name;
use crate::failure::Usage;
use crate::kind::Kind;

/// Somebody who answers: a terminal, or whatever standard input is.
pub(super) struct Questions<Answers, Screen> {
    answers: Answers,
    screen: Screen,
}

impl Questions<StdinLock<'static>, Stderr> {
    /// Questions go to standard error, so that they are seen whatever becomes of the output.
    pub(super) fn on_terminal() -> Self {
        Self { answers: io::stdin().lock(), screen: io::stderr() }
    }
}

impl<Answers: BufRead, Screen: Write> Questions<Answers, Screen> {
    /// Asks for a name until there is one.
    pub(super) fn name(&mut self) -> Result<Name> {
        loop {
            let answer = self.ask("Name of the extension, such as my-filter: ", "PATH")?;
            match Name::parse(&answer) {
                Ok(name) => return Ok(name),
                Err(error) => writeln!(self.screen, "{error}.")?,
            }
        }
    }

    /// Asks for a kind until there is one.
    pub(super) fn kind(&mut self) -> Result<Kind> {
        writeln!(self.screen, "What is it to be?")?;
        for (number, kind) in (1..).zip(Kind::ALL) {
            writeln!(self.screen, "  {number}  {:<20}{}", kind.as_str(), kind.purpose())?;
        }
        loop {
            let answer = self.ask("Kind, by number or word: ", "--kind")?;
            let by_number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let by_word = || Kind::ALL.into_iter().find(|kind| kind.as_str() == answer);
            match by_number.and_then(|index| Kind::ALL.get(index).copied()).or_else(by_word) {
                Some(kind) => return Ok(kind),
                None => writeln!(self.screen, "{answer:?} is none of them.")?,
            }
        }
    }

    fn ask(&mut self, question: &str, argument: &str) -> Result<String> {
        write!(self.screen, "{question}")?;
        self.screen.flush()?;
        let mut line = String::new();
        if self.answers.read_line(&mut line).context("cannot read the answer")? == 0 {
            writeln!(self.screen)?;
            return Err(Usage(format!("nobody answers here: say {argument} on the command line")).into());
        }
        Ok(line.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Asked<'a> = Questions<&'a [u8], Vec<u8>>;

    fn asked(answers: &str) -> Asked<'_> {
        Questions { answers: answers.as_bytes(), screen: Vec::new() }
    }

    fn said(questions: Asked<'_>) -> String {
        String::from_utf8(questions.screen).unwrap()
    }

    #[test]
    fn a_name_is_asked_for_until_there_is_one() {
        let mut questions = asked("My Filter\n\nmy-filter\n");
        assert_eq!(questions.name().unwrap().as_str(), "my-filter");
        let screen = said(questions);
        assert!(screen.contains("my-filter would do.\n") && screen.contains("it is empty"), "{screen}");
    }

    #[test]
    fn a_kind_is_a_number_or_a_word() {
        for (answers, expected) in [
            ("1\n", Kind::Http),
            ("4\n", Kind::BackgroundService),
            (" network \n", Kind::Network),
            ("0\n5\ntcp\naccess-logger\n", Kind::AccessLogger),
        ] {
            let mut questions = asked(answers);
            assert_eq!(questions.kind().unwrap(), expected);
            assert_eq!(said(questions).matches("is none of them").count(), answers.lines().count() - 1);
        }
    }

    #[test]
    fn where_nobody_answers_the_command_line_has_to_say_it() {
        let error = asked("").kind().unwrap_err();
        assert_eq!(error.to_string(), "nobody answers here: say --kind on the command line");
        assert!(error.is::<Usage>());
    }
}
