//! Finger conversations, played natively, and the whole filter on FakeEnvoy.

use common_metrics::Tally;
use envoy_sdk_test::FakeEnvoy;
use finger_filter::{FingerEvent, FingerLimits, FingerSession, count};
use proptest::prelude::*;
use session_driver::{CloseCause, Timestamp};
use session_test::play::play_cut;
use session_test::strategies::{ending, lengths, noise};
use session_test::{Conditions, Subject, Talk};

/// Finger, for `session-test`.
struct Finger;

impl Subject for Finger {
    type Session = FingerSession;
    type Setup = FingerLimits;
    type Notes = ();

    fn session(limits: &FingerLimits, _opened: Timestamp) -> FingerSession {
        FingerSession::new(limits)
    }

    fn event(event: &FingerEvent, tally: &mut Tally, (): &mut ()) {
        count(event, tally);
    }

    /// One unfinished query.
    fn most_buffered(limits: &FingerLimits) -> usize {
        2 * limits.max_query.get()
    }
}

fn talk(text: &str) -> Talk<Finger> {
    Talk::new(text).ends(CloseCause::Server)
}

#[test]
fn a_query_and_its_answer() {
    let seen = talk("C: alice\nS: Login: alice\n+ 9\nS: No Plan.").counts(
        "queries_total{query=person} 1
         queries_total{query=list} 0
         unanswered_queries_total 0
         connections_closed_total{ending=answered} 1",
    );
    assert_eq!(seen.histogram("answer_bytes"), [24]);
    assert_eq!(seen.histogram("answer_latency_microseconds"), [11_000]);
}

#[test]
fn a_query_may_have_no_answer() {
    talk("C: alice@other.example").counts(
        "queries_total{query=forward} 1
         unanswered_queries_total 1
         connections_closed_total{ending=server} 1",
    );
}

#[test]
fn what_is_no_finger_is_named() {
    talk("C: GET / HTTP/1.1\nS: what?").counts("queries_total{query=person} 0\nanomalies_total{kind=http} 1");
    let tls = talk(r"C~ \x16\x03\x01").counts("queries_total{query=person} 0");
    assert_eq!(tls.unseen, [("tls", 1)].into());
}

#[test]
fn what_is_out_of_turn_is_named() {
    talk("S: hello\nC: alice").counts("anomalies_total{kind=answer_before_query} 1");
    let limits = FingerLimits { max_query: 16.0.try_into().expect("in range") };
    talk("C: a-name-of-more-than-16-octets\nS: who?")
        .with(limits)
        .counts("queries_total{query=person} 1\nanomalies_total{kind=query_too_long} 1");
}

#[test]
fn a_proxy_header_in_front_is_no_query() {
    talk("C: PROXY TCP4 192.0.2.1 192.0.2.2 4660 79\nC: alice\nS: Login: alice")
        .counts("proxy_headers_total{version=v1} 1\nqueries_total{query=person} 1");
}

proptest! {
    #[test]
    fn noise_neither_panics_nor_depends_on_how_it_is_cut(
        records in noise(),
        ends in ending(),
        lengths in lengths(9),
    ) {
        let conditions = Conditions { ends, ..Conditions::default() };
        play_cut::<Finger>(&records, &conditions, &lengths);
    }
}

#[test]
fn the_filter_counts_and_changes_nothing() {
    let mut envoy = FakeEnvoy::new(finger_filter::module)
        .configure(include_str!("../config.json"))
        .expect("the configuration is right");
    let mut connection = envoy.connect();
    connection.client_sends("/W alice\r\n");
    connection.server_sends("Login: alice\r\n");
    connection.server_closes();
    assert_eq!(connection.received_by_server(), b"/W alice\r\n");
    assert_eq!(connection.received_by_client(), b"Login: alice\r\n");
    let stats = envoy.scrape();
    assert_eq!(stats.total("finger_queries_total", &[("query", "person"), ("stat_prefix", "directory")]), 1);
    assert_eq!(stats.total("finger_connections_closed_total", &[("ending", "answered")]), 1);
    assert_eq!(stats.total("finger_connections_total", &[("visibility", "parsed")]), 1);
    assert_eq!(
        connection.filter_state("finger").as_deref(),
        Some(b"query=person;visibility=parsed".as_slice())
    );
}
