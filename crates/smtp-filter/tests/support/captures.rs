//! Recorded conversations: one JSON object per line, and what each is expected to count.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use session_driver::Direction;

use super::Record;
use super::expected::Capture;

/// A folder of recordings: `smtp/*.jsonl` and `expected.json`.
pub(crate) struct Captures {
    folder: PathBuf,
    expected: BTreeMap<String, Capture>,
}

#[derive(Deserialize)]
struct Line {
    dir: String,
    hex: String,
    #[serde(default)]
    ts: f64,
}

impl Captures {
    /// The recordings in a folder; `None` when there are none.
    pub(crate) fn open(folder: &Path) -> Option<Self> {
        let expected = fs::read(folder.join("expected.json")).ok()?;
        let all: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&expected).expect("expected.json is an object of recordings");
        let expected = all
            .into_iter()
            .filter(|(name, _)| name.starts_with("smtp/"))
            .map(|(name, value)| (name, serde_json::from_value(value).expect("what a recording counts")))
            .collect();
        Some(Self { folder: folder.to_owned(), expected })
    }

    /// Every recording of SMTP, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Capture, Vec<Record>)> {
        self.expected.iter().map(|(name, capture)| {
            let path = self.folder.join(format!("{name}.jsonl"));
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (
                name.as_str(),
                capture,
                text.lines().filter(|line| !line.trim().is_empty()).map(record).collect(),
            )
        })
    }
}

fn record(line: &str) -> Record {
    let Line { dir, hex, ts } = serde_json::from_str(line).expect("a record");
    let direction = match dir.as_str() {
        "c2s" => Direction::ToServer,
        "s2c" => Direction::ToClient,
        other => panic!("direction {other}"),
    };
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("hexadecimal")).collect();
    let octets =
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("an octet")).collect();
    Record { direction, octets, at: (ts * 1e6) as u64 }
}
