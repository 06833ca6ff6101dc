//! What must be said nowhere: in no log line, statistic or filter state, under no setting.

use data_encoding::{BASE64_NOPAD, HEXLOWER};
use envoy_sdk_test::{Connection, FakeEnvoy};
use serde_json::{Value, json};
use session_driver::Direction;

use crate::Record;

/// Something that a peer says in confidence.
#[derive(Clone, Copy, Debug)]
pub struct Secret(pub &'static str);

impl Secret {
    /// Whether a text holds it: as it is, in another case, in base64 at any alignment, in hexadecimal, or as a list of
    /// octets, as Rust prints them.
    pub fn is_in(self, text: &str) -> bool {
        let octets = self.0.as_bytes();
        let list: Vec<String> = octets.iter().map(u8::to_string).collect();
        let lower = text.to_lowercase();
        let base64 = (0..3).any(|alignment| {
            let shifted = [&[0; 3][..alignment], octets].concat();
            let encoded = BASE64_NOPAD.encode(&shifted);
            // The first and last characters also hold bits of what stands beside it.
            let certain = encoded.get(4..encoded.len() - 2).unwrap_or_default();
            text.contains(certain)
        });
        base64
            || lower.contains(&self.0.to_lowercase())
            || lower.contains(&HEXLOWER.encode(octets))
            || text.contains(&list.join(", "))
    }
}

/// Every combination of the settings that decide what a filter says: level, identities, events, and what happens when the
/// framing is lost. `identities` are those that the filter knows.
pub fn every_setting(identities: &[&str]) -> Vec<Value> {
    let mut settings = Vec::new();
    for mode in ["observe", "off"] {
        for level in ["summary", "detailed"] {
            for on_protocol_error in ["passthrough", "close"] {
                for enabled in [true, false] {
                    for identities in identities {
                        settings.push(json!({
                            "mode": mode,
                            "level": level,
                            "on_protocol_error": on_protocol_error,
                            "events": {"enabled": enabled, "identities": identities, "per_second": 10000},
                        }));
                    }
                }
            }
        }
    }
    settings
}

/// Plays a conversation through a filter on FakeEnvoy, the client leaves, and what the filter has said meanwhile is
/// returned: log lines of every level, and its summary for access logs.
pub fn said(envoy: &mut FakeEnvoy, filter_state: &str, records: &[Record]) -> String {
    envoy.take_log();
    let mut connection = envoy.connect();
    for record in records {
        send(&mut connection, record);
    }
    if connection.is_open() {
        connection.client_closes();
    }
    let summary = connection.filter_state(filter_state).unwrap_or_default();
    let mut said: Vec<String> = envoy.take_log().into_iter().map(|line| line.message).collect();
    envoy.take_trace();
    said.push(String::from_utf8_lossy(&summary).into_owned());
    said.join("\n")
}

/// The names of all statistics.
pub fn statistics(envoy: &mut FakeEnvoy) -> String {
    envoy.scrape().names().collect::<Vec<_>>().join("\n")
}

/// A filter may have closed the connection in the middle; then nobody sends any more.
fn send(connection: &mut Connection, record: &Record) {
    if connection.is_open() {
        match record.direction {
            Direction::ToServer => connection.client_sends(&record.octets),
            Direction::ToClient => connection.server_sends(&record.octets),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_disguise() {
        let secret = Secret("Hunter2-marked");
        for text in [
            "password Hunter2-marked!",
            "HUNTER2-MARKED",
            "48756e746572322d6d61726b6564",
            "[72, 117, 110, 116, 101, 114, 50, 45, 109, 97, 114, 107, 101, 100]",
        ] {
            assert!(secret.is_in(text), "{text}");
        }
        for front in ["", "a", "ab", "abc", "\0user\0"] {
            let text = data_encoding::BASE64.encode(format!("{front}Hunter2-marked and more").as_bytes());
            assert!(secret.is_in(&text), "{text}");
        }
        assert!(!secret.is_in("Hunter-2-marked"));
    }

    #[test]
    fn every_setting_is_another() {
        let settings = every_setting(&["off", "full"]);
        assert_eq!(settings.len(), 32);
        let different: std::collections::BTreeSet<String> = settings.iter().map(Value::to_string).collect();
        assert_eq!(different.len(), 32);
    }
}
