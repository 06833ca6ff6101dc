//! What all test runners together said.

use std::fmt;

/// Counts from the closing lines of every test binary, and the stages around them.
#[derive(Debug, Default)]
pub(super) struct Summary {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    failed_stages: Vec<String>,
}

impl Summary {
    /// Reads one line of a test runner's output.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(result) = line.trim_start().strip_prefix("test result: ") {
            self.passed += count_before(result, " passed");
            self.failed += count_before(result, " failed");
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ignored"))
        {
            self.skipped.push(name.trim().to_owned());
        }
    }

    /// A stage or peer that could not run here, and what would help.
    pub(super) fn skip(&mut self, name: &str, reason: &str) {
        self.skipped.push(format!("{name}: {reason}"));
    }

    /// A stage that ended with an error.
    pub(super) fn fail(&mut self, stage: &str) {
        self.failed_stages.push(stage.to_owned());
    }

    /// Failed tests, or failed stages where no test says which.
    pub(super) fn failures(&self) -> u64 {
        self.failed.max(self.failed_stages.len() as u64)
    }

    pub(super) fn succeeded(&self) -> bool {
        self.failures() == 0 && self.passed > 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for skipped in &self.skipped {
            writeln!(f, "skipped: {skipped}")?;
        }
        for stage in &self.failed_stages {
            writeln!(f, "failed: {stage}")?;
        }
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failures(), self.skipped.len())
    }
}

/// The number in front of a word: `9` in `ok. 9 passed; 0 failed`.
fn count_before(text: &str, word: &str) -> u64 {
    text.split(';')
        .filter_map(|part| part.strip_suffix(word))
        .filter_map(|part| part.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(lines: &[&str]) -> Summary {
        let mut summary = Summary::default();
        lines.iter().for_each(|line| summary.read(line));
        summary
    }

    #[test]
    fn the_results_of_all_runners_add_up() {
        let summary = summary(&[
            "test a ... ok",
            "test exim accepts: Exim is missing ... ignored",
            "test result: ok. 9 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        ]);
        assert!(!summary.succeeded());
        let text = summary.to_string();
        assert!(
            text.ends_with("skipped: exim accepts: Exim is missing\n11 passed, 3 failed, 1 skipped"),
            "{text}"
        );
    }

    #[test]
    fn a_stage_that_fails_without_a_test_counts() {
        let mut summary = summary(&["test result: ok. 1 passed; 0 failed; 0 ignored"]);
        assert!(summary.succeeded());
        summary.fail("clippy");
        assert!(summary.to_string().ends_with("failed: clippy\n1 passed, 1 failed, 0 skipped"));
    }

    #[test]
    fn no_test_at_all_is_no_success() {
        assert!(!summary(&[]).succeeded());
    }
}
