//! Conversations as text.
//!
//! `C: ` and `S: ` stand in front of a line of client or server, to which CR LF is added; `C~ ` and `S~ ` in
//! front of octets that are taken as they are. `\r`, `\n`, `\0`, `\\` and `\xNN` mean what they mean in Rust.
//! A millisecond passes from line to line; `+ 250` lets that many more pass.

use std::collections::BTreeMap;

use session_driver::{CloseCause, Direction, Transport};
use smtp_filter::SmtpLimits;

use super::cutting::{coalesced, in_pieces, octet_by_octet};
use super::{Record, Seen, Setup, play};

/// A conversation, and how it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Talk {
    records: Vec<Record>,
    /// Microseconds since the opening.
    now: u64,
    setup: Setup,
}

/// A conversation that starts with these lines.
pub(crate) fn talk(text: &str) -> Talk {
    Talk::default().then(text)
}

/// A conversation in which greeting and EHLO are done: 4 ms have passed.
pub(crate) fn greeted(text: &str) -> Talk {
    talk("S: 220 mx.example ESMTP\nC: EHLO client.example\nS: 250-mx.example\nS: 250 HELP").then(text)
}

impl Talk {
    /// More lines.
    pub(crate) fn then(mut self, text: &str) -> Self {
        for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
            let (who, said) = line.split_at(2);
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

    /// The client sends these octets.
    pub(crate) fn client(self, octets: &[u8]) -> Self {
        self.octets(Direction::ToServer, octets)
    }

    /// The server sends these octets.
    pub(crate) fn server(self, octets: &[u8]) -> Self {
        self.octets(Direction::ToClient, octets)
    }

    fn octets(mut self, direction: Direction, octets: &[u8]) -> Self {
        self.now += 1000;
        self.records.push(Record { direction, octets: octets.to_vec(), at: self.now });
        self
    }

    /// Who ends the connection.
    pub(crate) fn ends(mut self, cause: CloseCause) -> Self {
        self.setup.ends = cause;
        self
    }

    /// How the client's leg is protected.
    pub(crate) fn over(mut self, transport: Transport) -> Self {
        self.setup.transport = transport;
        self
    }

    /// With these limits.
    pub(crate) fn limited(mut self, limits: SmtpLimits) -> Self {
        self.setup.limits = limits;
        self
    }

    /// With identities kept.
    pub(crate) fn with_identities(mut self) -> Self {
        self.setup.keep_identities = true;
        self
    }

    /// The conversation as it stands.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Plays it as it stands, octet by octet, in odd pieces and coalesced, and demands the same counts.
    pub(crate) fn play(&self) -> Seen {
        let seen = play(&self.records, &self.setup);
        let cuttings = [
            ("octet by octet", octet_by_octet(&self.records)),
            ("in odd pieces", in_pieces(&self.records, &[3, 1, 7, 2])),
            ("coalesced", coalesced(&self.records)),
        ];
        for (how, records) in cuttings {
            assert_eq!(play(&records, &self.setup).series(), seen.series(), "{how}");
        }
        seen
    }

    /// Plays it, and demands these counts: a series and its value per line. All anomalies must be named; of
    /// the other metrics only those that are named are compared.
    #[track_caller]
    pub(crate) fn counts(&self, expected: &str) -> Seen {
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
