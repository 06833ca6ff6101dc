//! A conversation, and the same one in signed SASL buffers: whoever looks into those must count the same.

use session_driver::{Direction, Transport};
use session_test::{Conditions, Record, Series};

use crate::ldap::messages::{bind_result, sasl};
use crate::ldap::{Ldap, Setup};
use crate::passage::{Passing, Speaker, play};
use crate::script::{Damage, Script, Step};

/// Phrases that are messages, by direction, and change nothing about how octets are read: no buffers, no junk, and no
/// binds, behind which another layer may begin.
const REQUESTS: [u8; 18] = [1, 2, 5, 6, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 22, 25, 27, 38];
const RESPONSES: [u8; 15] = [1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 17, 19, 20, 4, 28];

/// Tokens that say themselves that they are signed only: in order, rotated, padded. See [`wrapped`](crate::ldap::wrapped).
const SIGNED: [i64; 3] = [0, 2, 6];

/// Judges the reader inside tokens against the reader of plain messages. Of the script only the undamaged phrases count.
///
/// # Panics
/// When the counts differ.
pub(crate) fn judge(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let script = Script::read(data);
    let messages: Vec<Record> = (1..).zip(&script.steps).filter_map(|(at, step)| message(step, at)).collect();
    let bound = [
        Record { direction: Direction::ToServer, octets: sasl(7, "GSSAPI", b"t").octets(), at: 0 },
        Record { direction: Direction::ToClient, octets: bind_result(7, 0).octets(), at: 0 },
    ];
    let conditions =
        Conditions { setup: Setup::default(), transport: Transport::Plain, ends: script.choices.ends() };
    let played = |wrap: &dyn Fn(&Record) -> Vec<Record>| {
        let records = bound.iter().cloned().chain(messages.iter().flat_map(wrap));
        let passing: Vec<Passing> = records.map(Passing::Octets).collect();
        play::<Ldap>(&passing, &conditions)
    };
    let plain = played(&|record| vec![record.clone()]);
    let lengths: Vec<usize> = script.cuts.iter().map(|length| usize::from(*length)).collect();
    let signed = played(&|record| wrapped(record, kind, &lengths));
    assert_eq!(
        without_buffers(&signed.series()),
        without_buffers(&plain.series()),
        "signed buffers hide something"
    );
    assert!(signed.unseen.is_empty(), "signed buffers are seen: {:?}", signed.unseen);
}

fn message(step: &Step, at: u64) -> Option<Record> {
    let Step::Phrase { direction, which, argument, damage: Damage::Nothing } = step else { return None };
    let which = match direction {
        Direction::ToServer => REQUESTS[usize::from(*which) % REQUESTS.len()],
        Direction::ToClient => RESPONSES[usize::from(*which) % RESPONSES.len()],
    };
    Some(Record { direction: *direction, octets: Ldap::phrase(*direction, which, *argument), at })
}

/// A message in one buffer, or in several.
fn wrapped(record: &Record, kind: u8, lengths: &[usize]) -> Vec<Record> {
    let mut lengths = lengths.iter().copied().cycle();
    let mut rest = record.octets.as_slice();
    let mut buffers = Vec::new();
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        buffers.push(Record {
            octets: crate::ldap::wrapped(SIGNED[usize::from(kind) % SIGNED.len()], piece),
            ..record.clone()
        });
    }
    buffers
}

/// The counts, without those of the buffers themselves.
fn without_buffers(series: &Series) -> Vec<(String, i64)> {
    let of_messages = series.iter().filter(|(name, _)| !name.starts_with("sasl_buffers_total"));
    of_messages.map(|(name, value)| (name.clone(), *value)).collect()
}
