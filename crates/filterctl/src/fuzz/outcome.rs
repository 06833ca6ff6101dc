//! What came of fuzzing, for people and for programs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// What came of fuzzing one target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The target.
    pub target: String,
    /// How long it was fuzzed, in seconds.
    pub seconds: f64,
    /// Inputs that were tried, by all processes together.
    pub executions: u64,
    /// Edges of our own crates that were reached.
    pub coverage: u64,
    /// libFuzzer's features: edges by how often they were taken, and comparisons.
    pub features: u64,
    /// Inputs of the corpus.
    pub corpus: u64,
    /// Largest resident memory of a process, in MB.
    pub memory: u64,
    /// What broke.
    pub finds: Vec<Find>,
}

/// An input that broke something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Find {
    /// The input.
    pub file: PathBuf,
    /// What the target said.
    pub reason: String,
    /// How to see it again.
    pub command: String,
}

impl Outcome {
    /// Inputs per second.
    pub fn per_second(&self) -> f64 {
        // Far below what a float counts exactly.
        #[allow(clippy::cast_precision_loss)]
        let executions = self.executions as f64;
        executions / self.seconds.max(0.001)
    }
}

/// Takes part of every line, so that columns stand below each other.
const HEAD: [&str; 7] = ["target", "seconds", "inputs", "per second", "coverage", "features", "finds"];

/// All outcomes of a run, as a table with the finds behind it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcomes {
    /// One for each target, in the order of their names.
    pub targets: Vec<Outcome>,
}

impl Outcomes {
    /// How many inputs broke something.
    pub fn finds(&self) -> usize {
        self.targets.iter().map(|outcome| outcome.finds.len()).sum()
    }

    /// How long all of it took, target by target.
    pub fn time(&self) -> Duration {
        Duration::from_secs_f64(self.targets.iter().map(|outcome| outcome.seconds).sum())
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [target, seconds, inputs, speed, coverage, features, finds] = HEAD;
        writeln!(
            f,
            "{target:<20} {seconds:>8} {inputs:>12} {speed:>11} {coverage:>9} {features:>9} {finds:>6}"
        )?;
        for outcome in &self.targets {
            let Outcome { target, seconds, executions, coverage, features, finds, .. } = outcome;
            let (speed, finds) = (outcome.per_second(), finds.len());
            writeln!(
                f,
                "{target:<20} {seconds:>8.0} {executions:>12} {speed:>11.0} {coverage:>9} {features:>9} {finds:>6}"
            )?;
        }
        for find in self.targets.iter().flat_map(|outcome| &outcome.finds) {
            writeln!(f, "\n{}\n  {}\n  see it again: {}", find.file.display(), find.reason, find.command)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_find_stands_behind_the_table_with_its_command() {
        let find = Find {
            file: "target/fuzzing/smtp-data/finds/crash-1".into(),
            reason: "in 3 pieces".to_owned(),
            command: "cargo filterctl fuzz --reproduce target/fuzzing/smtp-data/finds/crash-1".to_owned(),
        };
        let outcome = Outcome {
            target: "smtp-data".to_owned(),
            seconds: 2.0,
            executions: 84_000,
            coverage: 165,
            features: 626,
            corpus: 245,
            memory: 31,
            finds: vec![find],
        };
        let outcomes = Outcomes { targets: vec![outcome] };
        assert_eq!((outcomes.finds(), outcomes.time()), (1, Duration::from_secs(2)));
        let text = outcomes.to_string();
        assert!(text.contains("       84000       42000       165       626      1\n"), "{text}");
        assert!(text.ends_with(
            "see it again: cargo filterctl fuzz --reproduce target/fuzzing/smtp-data/finds/crash-1\n"
        ));
    }
}
