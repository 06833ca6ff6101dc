//! What a mail behind DATA is, found without haste: octet by octet, with all of it at hand, looking forward where the
//! scanner looks back.

use smtp_filter::protocol::data::{DataOddity, DataOdditySet};

#[derive(PartialEq)]
enum Break {
    CrLf,
    Lf,
    Cr,
}

fn break_at_end(octets: &[u8]) -> Option<Break> {
    match octets {
        [.., b'\r', b'\n'] => Some(Break::CrLf),
        [.., b'\n'] => Some(Break::Lf),
        [.., b'\r'] => Some(Break::Cr),
        _ => None,
    }
}

fn break_at_start(octets: &[u8]) -> Option<Break> {
    match octets {
        [b'\r', b'\n', ..] => Some(Break::CrLf),
        [b'\n', ..] => Some(Break::Lf),
        // Not yet told while nothing follows.
        [b'\r', _, ..] => Some(Break::Cr),
        _ => None,
    }
}

/// How many octets the mail has, whether it ended, and its oddities: octet by octet, with the whole
/// stream at hand, looking forward where the scanner looks back.
pub(crate) fn look_at(stream: &[u8]) -> (usize, bool, DataOdditySet) {
    let all = [b"\r\n", stream].concat();
    let end = all.windows(5).position(|window| window == b"\r\n.\r\n").map(|start| start + 5);
    let all = &all[..end.unwrap_or(all.len())];
    let mut oddities = DataOdditySet::new();
    for (at, octet) in all.iter().enumerate() {
        let (before, behind) = (&all[..at], &all[at + 1..]);
        match octet {
            0 => oddities.insert(DataOddity::Nul),
            b'\n' if !before.ends_with(b"\r") => oddities.insert(DataOddity::BareLf),
            b'\n' if before.ends_with(b"\r\r") => oddities.insert(DataOddity::CrCrLf),
            b'\r' if behind.first().is_some_and(|next| !b"\r\n".contains(next)) => {
                oddities.insert(DataOddity::BareCr);
            }
            b'.' => match (break_at_end(before), break_at_start(behind)) {
                (None, _) | (_, None) => {}
                (Some(Break::CrLf), Some(Break::CrLf)) => assert_eq!(Some(at + 3), end),
                (Some(opening), Some(closing)) if opening == Break::Cr || closing == Break::Cr => {
                    oddities.insert(DataOddity::BareCrEndOfData);
                }
                _ => oddities.insert(DataOddity::BareLfEndOfData),
            },
            _ => {}
        }
    }
    (all.len() - 2, end.is_some(), oddities)
}
