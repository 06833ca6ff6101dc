//! Conversations as text.

use std::collections::BTreeMap;

use session_driver::{CloseCause, Direction, Transport};

use crate::play::play_every_way;
use crate::{Conditions, Record, Seen, Subject};

/// A conversation, and what it happens under.
///
/// In text `C: ` and `S: ` stand in front of a line of client or server, to which CR LF is added; `C~ ` and `S~ ` in
/// front of octets that are taken as they are. `\r`, `\n`, `\0`, `\\` and `\xNN` mean what they mean in Rust. A
/// millisecond passes from line to line; `+ 250` lets that many more pass.
pub struct Talk<P: Subject> {
    records: Vec<Record>,
    /// Microseconds since the opening.
    now: u64,
    conditions: Conditions<P::Setup>,
}

// Not derived: it would ask for a subject that can be cloned.
impl<P: Subject> Clone for Talk<P> {
    fn clone(&self) -> Self {
        Self { records: self.records.clone(), now: self.now, conditions: self.conditions.clone() }
    }
}

impl<P: Subject> Talk<P> {
    /// A conversation that starts with these lines.
    pub fn new(text: &str) -> Self {
        Self { records: Vec::new(), now: 0, conditions: Conditions::default() }.then(text)
    }

    /// More lines.
    #[must_use]
    pub fn then(mut self, text: &str) -> Self {
        for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
            let (who, said) = line.split_at_checked(2).unwrap_or_else(|| panic!("{line}"));
            let said = said.strip_prefix(' ').unwrap_or(said);
            match who {
                "C:" => self = self.client(&[unescape(said), b"\r\n".to_vec()].concat()),
                "S:" => self = self.server(&[unescape(said), b"\r\n".to_vec()].concat()),
                "C~" => self = self.client(&unescape(said)),
                "S~" => self = self.server(&unescape(said)),
                "+ " => self.now += 1000 * said.parse::<u64>().unwrap_or_else(|_| panic!("{line}")),
                _ => panic!("{line}"),
            }
        }
        self
    }

    /// The client sends these octets, a millisecond later.
    #[must_use]
    pub fn client(self, octets: &[u8]) -> Self {
        self.octets(Direction::ToServer, octets)
    }

    /// The server sends these octets, a millisecond later.
    #[must_use]
    pub fn server(self, octets: &[u8]) -> Self {
        self.octets(Direction::ToClient, octets)
    }

    fn octets(mut self, direction: Direction, octets: &[u8]) -> Self {
        self.now += 1000;
        self.records.push(Record { direction, octets: octets.to_vec(), at: self.now });
        self
    }

    /// Who ends the connection.
    #[must_use]
    pub fn ends(mut self, cause: CloseCause) -> Self {
        self.conditions.ends = cause;
        self
    }

    /// How the client's leg is protected.
    #[must_use]
    pub fn over(mut self, transport: Transport) -> Self {
        self.conditions.transport = transport;
        self
    }

    /// With a session that is made with this.
    #[must_use]
    pub fn with(mut self, setup: P::Setup) -> Self {
        self.conditions.setup = setup;
        self
    }

    /// The conversation as it stands.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Plays it as it stands, octet by octet, in odd pieces and coalesced, and demands the same counts.
    ///
    /// # Panics
    /// When they differ, and when [`play`](crate::play::play) does.
    pub fn play(&self) -> Seen<P::Notes> {
        play_every_way::<P>(&self.records, &self.conditions)
    }

    /// Plays it, and demands these counts: a series and its value per line. All anomalies must be named; of
    /// the other metrics only those that are named are compared.
    ///
    /// # Panics
    /// When the counts are others, and when [`play`](crate::play::play) does.
    #[track_caller]
    pub fn counts(&self, expected: &str) -> Seen<P::Notes> {
        let seen = self.play();
        let expected: BTreeMap<String, i64> =
            expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(series_and_value).collect();
        let series = seen.series();
        let compared = |name: &String| expected.contains_key(name) || name.starts_with("anomalies_total");
        let mut found: BTreeMap<String, i64> =
            series.iter().filter(|(name, _)| compared(name)).map(|(n, v)| (n.clone(), *v)).collect();
        for (name, value) in &expected {
            if *value == 0 {
                found.entry(name.clone()).or_insert(0);
            }
        }
        assert_eq!(found, expected, "all that was counted: {series:#?}");
        seen
    }
}

fn series_and_value(line: &str) -> (String, i64) {
    let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    (name.trim().to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'\\' => match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or(b'?')));
                    let digits: String = digits.iter().collect();
                    u8::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("\\x{digits}"))
                }
                other => panic!("\\{other:?}"),
            },
            octet => octet,
        });
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_what_it_means_in_rust() {
        assert_eq!(unescape(r"a\r\n\0\\\xff"), b"a\r\n\0\\\xff");
    }
}
