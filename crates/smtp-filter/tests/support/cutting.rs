//! The same octets, cut differently.

use super::Record;

/// One octet per record, at the times of the whole.
pub(crate) fn octet_by_octet(records: &[Record]) -> Vec<Record> {
    let one = |record: &Record, octet: &u8| Record { octets: vec![*octet], ..record.clone() };
    records.iter().flat_map(|record| record.octets.iter().map(move |octet| one(record, octet))).collect()
}

/// Neighbours in the same direction together, at the time of the last.
pub(crate) fn coalesced(records: &[Record]) -> Vec<Record> {
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

/// Pieces whose lengths come from a list, over and over.
pub(crate) fn in_pieces(records: &[Record], lengths: &[usize]) -> Vec<Record> {
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
