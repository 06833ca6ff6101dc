//! Recorded conversations: one JSON object per line, and what each is expected to count.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use session_driver::Direction;

use crate::Record;

/// What is known about a recording; `E` is what a protocol expects to be counted.
#[derive(Clone, Debug, Deserialize)]
pub struct Capture<E> {
    /// How far the expected counts can be believed.
    pub status: Status,
    /// The expected counts.
    expected: Option<E>,
}

/// How far expected counts can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Independent decoders agree.
    Exact,
    /// They differ, and one is known to be right.
    ExactOracle,
    /// Truncated, one-sided or hostile: there is nothing to count.
    Robustness,
}

impl<E> Capture<E> {
    /// What must be counted, where that is known.
    pub fn expected(&self) -> Option<&E> {
        self.expected.as_ref().filter(|_| self.status != Status::Robustness)
    }
}

/// A folder of recordings: `<protocol>/*.jsonl`, and `expected.json` with an entry for each.
#[derive(Clone, Debug)]
pub struct Recordings<E> {
    folder: PathBuf,
    captures: BTreeMap<String, Capture<E>>,
}

#[derive(Deserialize)]
struct Line {
    dir: String,
    hex: String,
    #[serde(default)]
    ts: f64,
}

impl<E: DeserializeOwned> Recordings<E> {
    /// The recordings of one protocol in a folder; `None` when nothing is there.
    ///
    /// # Panics
    /// When `expected.json` is there and cannot be read as what it should be.
    pub fn open(folder: &Path, protocol: &str) -> Option<Self> {
        let expected = fs::read(folder.join("expected.json")).ok()?;
        let all: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&expected).expect("expected.json is an object of recordings");
        let captures = all
            .into_iter()
            .filter(|(name, _)| name.split_once('/').is_some_and(|(of, _)| of == protocol))
            .map(|(name, value)| {
                let capture = serde_json::from_value(value).unwrap_or_else(|error| panic!("{name}: {error}"));
                (name, capture)
            })
            .collect();
        Some(Self { folder: folder.to_owned(), captures })
    }
}

impl<E> Recordings<E> {
    /// What is known about each recording, by name: `smtp/postfix-auth-rounds`.
    pub fn captures(&self) -> impl Iterator<Item = (&str, &Capture<E>)> {
        self.captures.iter().map(|(name, capture)| (name.as_str(), capture))
    }

    /// Where a recording is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.jsonl"))
    }

    /// A recording's octets.
    ///
    /// # Panics
    /// When there is no such recording, or it cannot be read as one.
    pub fn records(&self, name: &str) -> Vec<Record> {
        let path = self.path(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().filter(|line| !line.trim().is_empty()).map(record).collect()
    }
}

/// The captures that are shared with the developers and are not part of the project: where `CAPTURES_DIR` says, or
/// beside the checkout.
pub fn shared_captures() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    std::env::var_os("CAPTURES_DIR").map_or_else(beside, PathBuf::from)
}

fn record(line: &str) -> Record {
    let Line { dir, hex, ts } = serde_json::from_str(line).expect("a record");
    let direction = match dir.as_str() {
        "c2s" => Direction::ToServer,
        "s2c" => Direction::ToClient,
        other => panic!("direction {other}"),
    };
    let octets = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).expect("hexadecimal");
    // Seconds since the first frame, far below what a microsecond would be lost in.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (ts * 1e6) as u64;
    Record { direction, octets, at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_record() {
        assert_eq!(
            record(r#"{"dir": "s2c", "hex": "00fF", "ts": 1.5, "frame": 3}"#),
            Record { direction: Direction::ToClient, octets: vec![0, 0xff], at: 1_500_000 }
        );
        assert_eq!(record(r#"{"dir": "c2s", "hex": ""}"#).at, 0);
    }

    #[test]
    fn a_robustness_capture_expects_nothing() {
        let read = |json: &str| serde_json::from_str::<Capture<u32>>(json).expect("a capture");
        assert_eq!(read(r#"{"status": "exact", "expected": 3}"#).expected(), Some(&3));
        assert_eq!(read(r#"{"status": "exact-oracle", "expected": 3}"#).expected(), Some(&3));
        assert_eq!(read(r#"{"status": "robustness", "expected": 3}"#).expected(), None);
        assert_eq!(read(r#"{"status": "robustness"}"#).expected(), None);
    }
}
