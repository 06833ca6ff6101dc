//! Whether what a row counts is good or bad news.

use serde::Serialize;

/// What a name says about what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// It went well.
    Good,
    /// It did not, and may yet.
    Temporary,
    /// It failed.
    Bad,
    /// Neither.
    Plain,
}

impl Tone {
    /// By the first word that says which.
    pub fn of(name: &str) -> Self {
        let tone = |word| match word {
            "accepted" | "2xx" | "success" | "succeeded" => Some(Self::Good),
            "rejected" | "refused" | "5xx" | "failed" | "invalidCredentials" => Some(Self::Bad),
            "4xx" | "reset" | "aborted" | "unknown" | "unanswered" => Some(Self::Temporary),
            _ => None,
        };
        name.split(' ').find_map(tone).unwrap_or(Self::Plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_that_says_something_decides() {
        for (name, tone) in [
            ("accepted", Tone::Good),
            ("rejected_5xx", Tone::Plain),
            ("rejected data", Tone::Bad),
            ("simple succeeded", Tone::Good),
            ("simple failed", Tone::Bad),
            ("data 4xx", Tone::Temporary),
        ] {
            assert_eq!(Tone::of(name), tone, "{name}");
        }
    }
}
