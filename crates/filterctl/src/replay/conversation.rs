//! A recorded conversation, and the ways to cut it into writes.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// Which way octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToServer => "to the server",
            Self::ToClient => "to the client",
        })
    }
}

/// Octets that were recorded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which way they went.
    pub direction: Direction,
    /// The octets: at least one.
    pub octets: Vec<u8>,
    /// How many octets are known to be missing right before them.
    pub gap_before: u64,
}

/// A recorded conversation over one TCP connection, in the order in which it was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// What to call it in reports: the file's name, or the endpoints.
    pub name: String,
    /// What was said.
    pub records: Vec<Record>,
}

/// How a conversation is cut into writes.
///
/// A filter's results must not depend on it. Whatever the cutting, the order in which the two directions take
/// turns is the recorded one, so that no reply leaves before the request that it answers has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cutting {
    /// One write per record.
    AsRecorded,
    /// One write per octet, each of which arrives before the next one leaves.
    OctetByOctet,
    /// One write for all neighbouring records of one direction.
    Coalesced,
}

impl Cutting {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AsRecorded, Self::OctetByOctet, Self::Coalesced];

    /// Its name in reports and, being a label's value too, in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsRecorded => "as_recorded",
            Self::OctetByOctet => "octet_by_octet",
            Self::Coalesced => "coalesced",
        }
    }
}

impl Conversation {
    /// Everything that went this way.
    pub fn octets(&self, direction: Direction) -> Vec<u8> {
        let records = self.records.iter().filter(|record| record.direction == direction);
        records.flat_map(|record| &record.octets).copied().collect()
    }

    /// How many octets of the conversation are known to be missing.
    pub fn missing(&self) -> u64 {
        self.records.iter().map(|record| record.gap_before).sum()
    }

    /// The writes of this cutting, in order; none is empty.
    pub fn writes(&self, cutting: Cutting) -> Vec<(Direction, Cow<'_, [u8]>)> {
        let records = self.records.iter().filter(|record| !record.octets.is_empty());
        match cutting {
            Cutting::AsRecorded => {
                records.map(|record| (record.direction, Cow::Borrowed(record.octets.as_slice()))).collect()
            }
            Cutting::OctetByOctet => records
                .flat_map(|record| {
                    record.octets.chunks(1).map(|octet| (record.direction, Cow::Borrowed(octet)))
                })
                .collect(),
            Cutting::Coalesced => {
                let mut writes: Vec<(Direction, Cow<'_, [u8]>)> = Vec::new();
                for record in records {
                    match writes.last_mut() {
                        Some((direction, octets)) if *direction == record.direction => {
                            octets.to_mut().extend_from_slice(&record.octets);
                        }
                        _ => writes.push((record.direction, Cow::Borrowed(&record.octets))),
                    }
                }
                writes
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(direction: Direction, text: &str) -> Record {
        Record { direction, octets: text.as_bytes().to_vec(), gap_before: 0 }
    }

    #[test]
    fn every_cutting_keeps_the_octets_and_the_turns() {
        use Direction::{ToClient, ToServer};
        let records = vec![
            record(ToClient, "220 a\r\n"),
            record(ToServer, "NO"),
            record(ToServer, ""),
            record(ToServer, "OP\r\n"),
            record(ToClient, "250\r\n"),
        ];
        let conversation = Conversation { name: "x".to_owned(), records };
        let writes = |cutting| {
            let writes = conversation.writes(cutting);
            writes.iter().map(|(_, octets)| String::from_utf8_lossy(octets).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(writes(Cutting::AsRecorded), ["220 a\r\n", "NO", "OP\r\n", "250\r\n"]);
        assert_eq!(writes(Cutting::Coalesced), ["220 a\r\n", "NOOP\r\n", "250\r\n"]);
        assert_eq!(writes(Cutting::OctetByOctet).len(), 7 + 6 + 5);
        for cutting in Cutting::ALL {
            let of = |way| -> Vec<u8> {
                let writes = conversation.writes(cutting);
                writes
                    .into_iter()
                    .filter(|(direction, _)| *direction == way)
                    .flat_map(|(_, o)| o.to_vec())
                    .collect()
            };
            assert_eq!(of(ToServer), conversation.octets(ToServer));
            assert_eq!(of(ToClient), conversation.octets(ToClient));
        }
    }
}
