//! One record per line: `{"dir": "c2s"|"s2c", "hex": "…"[, "gap_before": octets]}`, in the order of delivery.
//! Other fields, such as times, are passed over.

use anyhow::{Context, Result};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;

use crate::replay::{Conversation, Direction, Record};

#[derive(Deserialize)]
struct Line {
    dir: Way,
    hex: String,
    #[serde(default)]
    gap_before: u64,
}

#[derive(Deserialize)]
enum Way {
    #[serde(rename = "c2s")]
    ClientToServer,
    #[serde(rename = "s2c")]
    ServerToClient,
}

pub(super) fn parse(octets: &[u8]) -> Result<Conversation> {
    let mut records = Vec::new();
    for (index, line) in octets.split(|octet| *octet == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let number = || format!("line {}", index + 1);
        let line: Line = serde_json::from_slice(line).with_context(number)?;
        let octets = HEXLOWER_PERMISSIVE.decode(line.hex.as_bytes()).context("hex").with_context(number)?;
        let direction = match line.dir {
            Way::ClientToServer => Direction::ToServer,
            Way::ServerToClient => Direction::ToClient,
        };
        if !octets.is_empty() {
            records.push(Record { direction, octets, gap_before: line.gap_before });
        }
    }
    Ok(Conversation { name: String::new(), records })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_in_order_with_their_gaps() {
        let text = concat!(
            "{\"dir\": \"s2c\", \"hex\": \"3232300d0A\", \"ts\": 0.1, \"frame\": 4}\n\n",
            "{\"dir\": \"c2s\", \"hex\": \"\", \"ts\": 0.2}\r\n",
            "{\"dir\": \"c2s\", \"hex\": \"515549540d0a\", \"gap_before\": 7}",
        );
        let conversation = parse(text.as_bytes()).unwrap();
        assert_eq!(conversation.records.len(), 2);
        assert_eq!(conversation.octets(Direction::ToClient), b"220\r\n");
        assert_eq!(conversation.octets(Direction::ToServer), b"QUIT\r\n");
        assert_eq!(conversation.missing(), 7);
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in [
            "{\"dir\":\"up\",\"hex\":\"00\"}",
            "{\"dir\":\"c2s\",\"hex\":\"0\"}",
            "{\"dir\":\"c2s\"}",
            "nonsense",
        ] {
            let error = parse(format!("\n{bad}\n").as_bytes()).unwrap_err();
            assert!(format!("{error:#}").starts_with("line 2: "), "{error:#}");
        }
    }
}
