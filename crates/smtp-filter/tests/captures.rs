//! Recorded conversations give the counts that independent decoders give, however they are cut.

#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use session_driver::Direction;

use support::captures::Captures;
use support::cutting::{coalesced, octet_by_octet};
use support::expected::{Counted, Status, compare};
use support::{Record, Setup, play};

#[test]
fn the_projects_own_recordings_count_as_expected() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings"));
}

#[test]
fn shared_captures_count_as_expected() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    check(&std::env::var_os("CAPTURES_DIR").map_or_else(beside, PathBuf::from));
}

fn check(folder: &Path) {
    let Some(captures) = Captures::open(folder) else {
        println!("nothing to read in {}", folder.display());
        return;
    };
    for (name, capture, records) in captures.iter() {
        // Behind AUTH nothing can be guessed, so that what is sent ahead has to be kept.
        let limits = serde_json::from_str(r#"{"max_undecided_octets": 65536}"#).expect("limits");
        let setup = Setup { limits, ..Setup::default() };
        let cuttings = [
            ("as recorded", records.clone()),
            ("octet by octet", octet_by_octet(&records)),
            ("coalesced", coalesced(&records)),
            ("the client far ahead", client_ahead(&records)),
        ];
        for (how, records) in cuttings {
            let seen = play(&records, &setup);
            let octets: usize = records.iter().map(|record| record.octets.len()).sum();
            assert_eq!(seen.accounted, octets as u64);
            let Some(expected) = capture.expected.as_ref().filter(|_| capture.status != Status::Robustness)
            else {
                continue;
            };
            // TLS cannot start ahead of its 220, and a reply that answers nothing would answer
            // something that is asked too early.
            let waits = expected.starttls.cmd > 0 || expected.unmatched_replies > 0;
            if how == "the client far ahead" && waits {
                continue;
            }
            let counted = Counted {
                series: seen.series(),
                opaque: seen.events.iter().any(|event| event.starts_with("WentOpaque")),
                pairs: Some(seen.pairs),
            };
            compare(expected, &counted, &format!("{name}, {how}"));
        }
    }
}

/// Everything the client says before anything the server does: a causality that no reply contradicts.
fn client_ahead(records: &[Record]) -> Vec<Record> {
    let of = |direction| records.iter().filter(move |record| record.direction == direction).cloned();
    of(Direction::ToServer).chain(of(Direction::ToClient)).collect()
}
