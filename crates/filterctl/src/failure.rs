//! How a subcommand's failure is told: one line and an exit code.

use std::process::ExitCode;

/// The command line asks for something that cannot be: exit code 2 instead of 1. Say what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The exit code of a process that failed so.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

/// The error and its causes in one line; a cause that its error already quotes is not repeated.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let mut text = causes.next().unwrap_or_default();
    for cause in causes {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_follow_in_the_same_line() {
        let error = "x".parse::<u8>().context("reading a").context("outer\n  second line").unwrap_err();
        assert_eq!(one_line(&error), "outer second line: reading a: invalid digit found in string");
    }

    #[test]
    fn a_wrong_command_line_has_a_code_of_its_own() {
        let code = |error: anyhow::Error| format!("{:?}", exit_code(&error));
        assert_eq!(code(Usage("a".to_owned()).into()), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(anyhow::anyhow!("a")), format!("{:?}", ExitCode::from(1)));
    }
}
