//! The same octets, cut or ordered differently.

use session_driver::Direction;

use crate::Record;

/// One octet per record, at the times of the whole.
pub fn octet_by_octet(records: &[Record]) -> Vec<Record> {
    in_pieces(records, &[1])
}

/// Neighbours in the same direction together, at the time of the last.
pub fn coalesced(records: &[Record]) -> Vec<Record> {
    let mut whole: Vec<Record> = Vec::new();
    for record in records {
        match whole.last_mut() {
            Some(last) if last.direction == record.direction => {
                last.octets.extend_from_slice(&record.octets);
                last.at = record.at;
            }
            _ => whole.push(record.clone()),
        }
    }
    whole
}

/// Pieces whose lengths come from a list, over and over, at the times of the whole.
pub fn in_pieces(records: &[Record], lengths: &[usize]) -> Vec<Record> {
    let mut lengths = lengths.iter().copied().filter(|length| *length > 0).cycle();
    let mut pieces = Vec::new();
    for record in records {
        let mut rest = record.octets.as_slice();
        while !rest.is_empty() {
            let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
            let (piece, more) = rest.split_at(length);
            pieces.push(Record { octets: piece.to_vec(), ..record.clone() });
            rest = more;
        }
    }
    pieces
}

/// Everything the client says before anything the server does: an order that no answer contradicts.
pub fn client_ahead(records: &[Record]) -> Vec<Record> {
    let of = |direction| records.iter().filter(move |record| record.direction == direction).cloned();
    of(Direction::ToServer).chain(of(Direction::ToClient)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(direction: Direction, octets: &str, at: u64) -> Record {
        Record { direction, octets: octets.into(), at }
    }

    #[test]
    fn no_octet_is_lost_and_no_direction_changes() {
        use Direction::{ToClient, ToServer};
        let records = [
            record(ToServer, "abc", 1),
            record(ToServer, "de", 2),
            record(ToClient, "x", 3),
            record(ToServer, "f", 4),
        ];
        assert_eq!(
            in_pieces(&records, &[2, 0, 1]),
            [
                record(ToServer, "ab", 1),
                record(ToServer, "c", 1),
                record(ToServer, "de", 2),
                record(ToClient, "x", 3),
                record(ToServer, "f", 4)
            ]
        );
        assert_eq!(octet_by_octet(&records).len(), 7);
        let whole = [record(ToServer, "abcde", 2), record(ToClient, "x", 3), record(ToServer, "f", 4)];
        assert_eq!(coalesced(&records), whole);
        assert_eq!(
            coalesced(&client_ahead(&records)),
            [record(ToServer, "abcdef", 4), record(ToClient, "x", 3)]
        );
    }
}
