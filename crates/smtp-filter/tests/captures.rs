//! Recorded conversations give the counts that independent decoders give, however they are cut.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use session_test::cutting::{client_ahead, coalesced, octet_by_octet};
use session_test::{Conditions, Recordings, shared_captures};

use support::expected::{Counted, Expected, compare};
use support::{Setup, play};

#[test]
fn the_projects_own_recordings_count_as_expected() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings"));
}

#[test]
fn shared_captures_count_as_expected() {
    check(&shared_captures());
}

fn check(folder: &Path) {
    let Some(recordings) = Recordings::<Expected>::open(folder, "smtp") else {
        println!("nothing to read in {}", folder.display());
        return;
    };
    // Behind AUTH nothing can be guessed, so that what is sent ahead has to be kept.
    let limits = serde_json::from_str(r#"{"max_undecided_octets": 65536}"#).expect("limits");
    let conditions = Conditions { setup: Setup::limited(limits), ..Conditions::default() };
    for (name, capture) in recordings.captures() {
        let records = recordings.records(name);
        let cuttings = [
            ("as recorded", records.clone()),
            ("octet by octet", octet_by_octet(&records)),
            ("coalesced", coalesced(&records)),
            ("the client far ahead", client_ahead(&records)),
        ];
        for (how, records) in cuttings {
            let seen = play(&records, &conditions);
            let octets: usize = records.iter().map(|record| record.octets.len()).sum();
            assert_eq!(seen.octets(), octets as u64);
            let Some(expected) = capture.expected() else { continue };
            // TLS cannot start ahead of its 220, and a reply that answers nothing would answer
            // something that is asked too early.
            let waits = expected.starttls.cmd > 0 || expected.unmatched_replies > 0;
            if how == "the client far ahead" && waits {
                continue;
            }
            let counted = Counted {
                series: seen.series(),
                opaque: seen.events.iter().any(|event| event.starts_with("WentOpaque")),
                pairs: Some(seen.notes.pairs),
            };
            compare(expected, &counted, &format!("{name}, {how}"));
        }
    }
}
