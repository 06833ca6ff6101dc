//! Recorded conversations give the counts that independent decoders give, and those of the server's own log, however
//! they are cut.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common_metrics::Label as _;
use ldap_filter::protocol::result_code::ResultCode;
use serde::Deserialize;
use session_test::cutting::{coalesced, octet_by_octet};
use session_test::{Conditions, Recordings, Series, shared_captures};

use support::expected::{Counted, Expected, compare, labelled, results_of};
use support::play;

#[test]
fn the_projects_own_recordings_count_as_expected() {
    check(&own_recordings());
}

#[test]
fn shared_captures_count_as_expected() {
    check(&shared_captures());
}

fn own_recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

fn check(folder: &Path) {
    let Some(recordings) = Recordings::<Expected>::open(folder, "ldap") else {
        println!("nothing to read in {}", folder.display());
        return;
    };
    for (name, capture) in recordings.captures() {
        let records = recordings.records(name);
        let cuttings = [
            ("as recorded", records.clone()),
            ("octet by octet", octet_by_octet(&records)),
            ("coalesced", coalesced(&records)),
        ];
        for (how, records) in cuttings {
            let seen = play(&records, &Conditions::default());
            let octets: usize = records.iter().map(|record| record.octets.len()).sum();
            assert_eq!(seen.octets(), octets as u64, "{name}, {how}");
            let Some(expected) = capture.expected() else { continue };
            let counted = Counted {
                series: seen.series(),
                opaque: seen.events.iter().any(|event| event.starts_with("WentOpaque")),
                requests: Some(seen.notes.requests),
            };
            compare(expected, &counted, &format!("{name}, {how}"));
        }
    }
}

/// A recording, and what the server's own log said of it.
#[derive(Deserialize)]
struct Logged {
    server: String,
    expected: Expected,
    server_tally: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct ServerTally {
    operations: BTreeMap<String, u64>,
    /// By operation and code: `bind 49`.
    results: BTreeMap<String, u64>,
    scopes: BTreeMap<String, u64>,
    entries: u64,
    tls: u64,
}

#[test]
fn what_the_server_logged_is_what_is_counted() {
    let folder = own_recordings();
    let recordings = Recordings::<Expected>::open(&folder, "ldap").expect("recordings");
    let expected = fs::read(folder.join("expected.json")).expect("what they count");
    let logged: BTreeMap<String, Logged> = serde_json::from_slice(&expected).expect("what they count");
    let mut compared = 0;
    // Samba logs searches and logins only.
    for (name, Logged { expected, server_tally, .. }) in logged.iter().filter(|(_, it)| it.server == "slapd")
    {
        let tally: ServerTally = serde_json::from_value(server_tally.clone()).expect("a tally");
        if tally.tls > 0 || expected.tls_from_start || !expected.is_all_readable() {
            continue;
        }
        let seen = play(&recordings.records(name), &Conditions::default());
        assert!(seen.unseen.is_empty(), "{name}: {:?}", seen.unseen);
        tally.compare(&seen.series(), name);
        compared += 1;
    }
    assert!(compared > 20, "{compared} recordings have a server's log");
}

impl ServerTally {
    fn compare(&self, series: &Series, name: &str) {
        let mut requests = labelled(series, "requests_total", "operation");
        // A server has no name for an operation that it does not know.
        requests.remove("other");
        assert_eq!(requests, self.operations, "{name}: {series:#?}");
        let mut results: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for (result, count) in &self.results {
            let (operation, code) = result.split_once(' ').expect("an operation and a code");
            let label = ResultCode(code.parse().expect("a code")).label().as_str();
            *results.entry(operation).or_default().entry(label.to_owned()).or_default() += count;
        }
        for (operation, results) in results {
            assert_eq!(results_of(series, operation), results, "{name}: {operation}");
        }
        let as_label = |scope: &String| if scope == "subtree" { "sub".to_owned() } else { scope.clone() };
        let scopes = self.scopes.iter().map(|(scope, count)| (as_label(scope), *count)).collect();
        assert_eq!(labelled(series, "search_scopes_total", "scope"), scopes, "{name}");
        // A server does not log how many entries it sent for searches that it never answered.
        let entries = series.sum("entries_total").unsigned_abs();
        assert!(entries >= self.entries, "{name}: {entries} entries, {self:?}");
        if series.sum("abandoned_operations_total") + series.value("search_kinds_total{kind=persistent}") == 0
        {
            assert_eq!(entries, self.entries, "{name}");
        }
    }
}
