//! Latencies, and clocks that jump.

use session_driver::{CloseCause, Direction, Timestamp};
use session_test::{Conditions, Record};

use crate::support::messages::*;
use crate::support::{Exchange as _, NO_VALUES, play, talk};

#[test]
fn from_last_octet_to_last_octet() {
    let (request, response) = (search(1).octets(), search_done(1, 0).octets());
    let record = |direction, octets: &[u8], at| Record { direction, octets: octets.to_vec(), at };
    let seen = play(
        &[
            record(Direction::ToServer, &request[..4], 10),
            record(Direction::ToServer, &request[4..], 1_000),
            record(Direction::ToClient, &entry(1, 5).octets(), 3_500),
            record(Direction::ToClient, &response[..3], 4_000),
            record(Direction::ToClient, &response[3..], 9_000),
        ],
        &Conditions::default(),
    );
    assert_eq!(seen.histogram("operation_latency_microseconds{operation=search}"), [8_000]);
    assert_eq!(seen.histogram("first_response_latency_microseconds"), [2_500]);
}

#[test]
fn only_what_comes_first_is_a_first_response() {
    let seen = talk()
        .asks(search(1))
        .then("+ 9")
        .answers(entry(1, 5))
        .answers(entry(1, 5))
        .answers(search_done(1, 0))
        .play();
    assert_eq!(seen.histogram("first_response_latency_microseconds"), [10_000]);
    let empty = talk().asks(search(1)).answers(search_done(1, 0)).play();
    assert_eq!(empty.histogram("first_response_latency_microseconds"), NO_VALUES);
}

#[test]
fn a_clock_that_goes_back_gives_no_latency() {
    let record = |direction, octets: Vec<u8>, at| Record { direction, octets, at };
    let records = [
        record(Direction::ToServer, search(1).octets(), 5_000),
        record(Direction::ToClient, entry(1, 5).octets(), 4_000),
        record(Direction::ToClient, search_done(1, 0).octets(), Timestamp::LONGEST + 6_000),
        record(Direction::ToServer, sasl(2, "GSSAPI", b"").octets(), 5_000),
        record(Direction::ToClient, bind_result(2, 14).octets(), 5_000),
        record(Direction::ToServer, sasl(3, "GSSAPI", b"").octets(), 1_000),
        record(Direction::ToClient, bind_result(3, 0).octets(), 1_000),
    ];
    let conditions = Conditions { ends: CloseCause::Server, ..Conditions::default() };
    let seen = play(&records, &conditions);
    assert_eq!(seen.value("clock_anomalies_total"), 3);
    assert_eq!(seen.histogram("first_response_latency_microseconds"), NO_VALUES);
    assert_eq!(seen.histogram("operation_latency_microseconds{operation=search}"), NO_VALUES);
    assert_eq!(seen.histogram("operation_latency_microseconds{operation=bind}"), [0, 0]);
    assert_eq!(seen.histogram("bind_duration_microseconds"), NO_VALUES);
}
