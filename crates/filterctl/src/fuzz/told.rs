//! What libFuzzer tells: numbers, and what it found.

use std::path::PathBuf;

/// The numbers of one of libFuzzer's lines, or of all that it said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Inputs that were tried.
    pub(super) executions: u64,
    /// Edges of the program that were reached.
    pub(super) coverage: u64,
    /// Edges, how often each was taken, and comparisons: libFuzzer's features.
    pub(super) features: u64,
    /// Inputs of the corpus.
    pub(super) corpus: u64,
    /// Largest resident memory, in MB.
    pub(super) memory: u64,
    /// Files with inputs that broke something.
    pub(super) finds: Vec<PathBuf>,
    /// What the target said when it broke.
    pub(super) reason: Option<String>,
    /// Whether the next line is the reason.
    reason_follows: bool,
}

impl Told {
    /// Takes note of a line.
    pub(super) fn line(&mut self, line: &str) {
        if std::mem::take(&mut self.reason_follows) && self.reason.is_none() {
            self.reason = Some(line.trim().to_owned());
        } else if line.starts_with("thread ") && line.contains("panicked at ") {
            self.reason_follows = true;
        } else if let Some(summary) = line.strip_prefix("SUMMARY: libFuzzer: ") {
            self.reason.get_or_insert_with(|| summary.to_owned());
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.finds.push(PathBuf::from(path.trim()));
        } else if let Some(numbers) = line.strip_prefix('#') {
            self.numbers(numbers);
        } else if let Some((name, value)) = line.strip_prefix("stat::").and_then(|stat| stat.split_once(':'))
        {
            match (name, value.trim().parse()) {
                ("number_of_executed_units", Ok(value)) => self.executions = value,
                ("peak_rss_mb", Ok(value)) => self.memory = value,
                _ => {}
            }
        }
    }

    /// `4371 DONE   cov: 2277 ft: 9199 corp: 679/332Kb lim: 1024 exec/s: 624 rss: 36Mb`
    fn numbers(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let number = |word: &str| word.split(['/', 'M']).next().and_then(|digits| digits.parse::<u64>().ok());
        let Some(executions) = words.next().and_then(number) else { return };
        self.executions = executions;
        while let Some(word) = words.next() {
            let place = match word {
                "cov:" => &mut self.coverage,
                "ft:" => &mut self.features,
                "corp:" => &mut self.corpus,
                "rss:" => &mut self.memory,
                _ => continue,
            };
            if let Some(value) = words.next().and_then(number) {
                *place = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Told {
        let mut told = Told::default();
        lines.iter().for_each(|line| told.line(line));
        told
    }

    #[test]
    fn numbers_are_the_last_ones() {
        let told = told(&[
            "INFO: Loaded 1 modules   (9000 inline 8-bit counters): 9000 [0x1, 0x2),",
            "#2\tINITED cov: 20 ft: 21 corp: 1/1b exec/s: 0 rss: 31Mb",
            "#4371\tDONE   cov: 2277 ft: 9199 corp: 679/332Kb lim: 1024 exec/s: 624 rss: 36Mb",
            "###### Recommended dictionary. ######",
            "stat::number_of_executed_units: 4372",
            "stat::peak_rss_mb:              37",
        ]);
        let expected = Told {
            executions: 4_372,
            coverage: 2_277,
            features: 9_199,
            corpus: 679,
            memory: 37,
            ..Told::default()
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn a_find_has_a_file_and_a_reason() {
        let told = told(&[
            "thread '<unnamed>' (7) panicked at crates/fuzz/src/mail_data.rs:60:9:",
            "assertion `left == right` failed: in 3 pieces",
            "SUMMARY: libFuzzer: deadly signal",
            "artifact_prefix='finds/'; Test unit written to finds/crash-13",
        ]);
        assert_eq!(told.finds, [PathBuf::from("finds/crash-13")]);
        assert_eq!(told.reason.as_deref(), Some("assertion `left == right` failed: in 3 pieces"));
    }

    #[test]
    fn an_input_that_takes_too_long_is_a_find() {
        let told = told(&["SUMMARY: libFuzzer: timeout", "x; Test unit written to finds/timeout-1"]);
        assert_eq!((told.reason.as_deref(), told.finds.len()), (Some("timeout"), 1));
    }
}
