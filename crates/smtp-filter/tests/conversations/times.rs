//! Latencies. A millisecond passes from line to line.

use session_test::Conditions;

use crate::support::{greeted, play, talk};

#[test]
fn from_the_last_octet_of_a_request_to_the_last_octet_of_its_reply() {
    let seen = talk(
        "+ 29
         S: 220-mx
         S: 220 ready
         C~ NO
         C~ OP\\r\\n
         + 99
         S~ 250
         S~  OK\\r\\n",
    )
    .play();
    assert_eq!(seen.histogram("greeting_latency_microseconds"), [31_000]);
    assert_eq!(seen.histogram("reply_latency_microseconds{verb=NOOP}"), [101_000]);
}

#[test]
fn queueing_behind_pipelined_requests_is_included() {
    let seen = greeted("C: NOOP\nC: NOOP\n+ 8\nS: 250 OK\n+ 9\nS: 250 OK").play();
    assert_eq!(seen.histogram("reply_latency_microseconds{verb=NOOP}"), [10_000, 19_000]);
}

#[test]
fn a_transaction_takes_the_clients_time_and_the_servers() {
    let seen = greeted(
        "C: MAIL FROM:<a@b>
         + 9
         S: 250 OK
         + 99
         C: RCPT TO:<c@d>
         + 9
         S: 250 OK
         C: DATA
         + 4
         S: 354 go
         + 999
         C: x
         C: .
         + 49
         S: 250 OK",
    )
    .play();
    // MAIL 10, RCPT 10, DATA 5, end of data 50; between them the client took 100, 1, 1001.
    assert_eq!(seen.histogram("transaction_waiting_microseconds{outcome=accepted}"), [75_000]);
    assert_eq!(seen.histogram("transaction_duration_microseconds{outcome=accepted}"), [1_177_000]);
    assert_eq!(seen.histogram("end_of_data_latency_microseconds"), [50_000]);
}

#[test]
fn waits_that_overlap_count_once() {
    let seen = greeted(
        "C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nC: RCPT TO:<e@f>\n+ 7\nS: 250 OK\nS: 250 OK\nS: 550 no",
    )
    .then("C: BDAT 2 LAST\n+ 100\nC~ xy\n+ 19\nS: 550 spam")
    .play();
    // 12 ms for the group, 20 for the mail; the chunk's passage is the client's time.
    assert_eq!(seen.histogram("transaction_waiting_microseconds{outcome=rejected}"), [32_000]);
    assert_eq!(seen.histogram("reply_latency_microseconds{verb=BDAT}"), [20_000]);
    assert_eq!(seen.histogram("end_of_data_latency_microseconds"), [20_000]);
}

#[test]
fn lmtp_waits_for_the_last_reply() {
    let seen = talk(
        "S: 220 mx\nC: LHLO a\nS: 250 mx\nC: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nC: RCPT TO:<e@f>",
    )
    .then("S: 250 OK\nS: 250 OK\nC: DATA\nS: 354 go\nC: .\n+ 9\nS: 250 one\n+ 9\nS: 250 two")
    .play();
    assert_eq!(seen.histogram("end_of_data_latency_microseconds"), [20_000]);
    assert_eq!(seen.histogram("reply_latency_microseconds{verb=end_of_data}"), [20_000]);
}

#[test]
fn what_is_held_behind_data_counts_from_when_it_passed() {
    let seen = greeted("C: DATA\nC: NOOP\n+ 9\nS: 503 no\nS: 250 OK").play();
    assert_eq!(seen.histogram("reply_latency_microseconds{verb=NOOP}"), [11_000]);
}

#[test]
fn a_clock_that_goes_back_or_jumps_leaves_gaps_not_nonsense() {
    let talk = greeted(
        "C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nS: 250 OK\nC: DATA\nS: 354 go\nC: .\nS: 250 OK",
    );
    let day = 24 * 60 * 60 * 1_000_000;
    for jump in [-2_000_i64, 2 * day] {
        // The clock jumps before the reply to RCPT, and stays there.
        let mut records = talk.records().to_vec();
        for record in records.iter_mut().skip(7) {
            record.at = record.at.saturating_add_signed(jump);
        }
        let seen = play(&records, &Conditions::default());
        assert_eq!(seen.value("transactions_total{outcome=accepted}"), 1);
        assert_eq!(seen.histogram("reply_latency_microseconds{verb=RCPT}"), [] as [u64; 0], "{jump}");
        assert_eq!(seen.histogram("reply_latency_microseconds{verb=DATA}"), [1_000], "{jump}");
        assert_eq!(seen.histogram("transaction_waiting_microseconds{outcome=accepted}"), [] as [u64; 0]);
        assert!(
            seen.value("clock_anomalies_total") >= 2,
            "the reply's interval and the transaction's: {jump}"
        );
    }
}
