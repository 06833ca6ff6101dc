//! Requests and their responses, by message ID.

use session_driver::CloseCause;

use crate::support::messages::*;
use crate::support::{Exchange as _, Setup, talk};

#[test]
fn every_operation_is_paired_with_its_response() {
    let seen = talk()
        .asks(modify(1))
        .answers(result(1, 0x67, 0))
        .asks(add(2, 10))
        .answers(result(2, 0x69, 68))
        .asks(delete(3))
        .answers(result(3, 0x6b, 0))
        .asks(modify_dn(4))
        .answers(result(4, 0x6d, 32))
        .asks(compare(5))
        .answers(result(5, 0x6f, 6))
        .asks(extended(6, WHO_AM_I))
        .answers(extended_result(6, 0))
        .counts(
            "requests_total{operation=modify} 1
             requests_total{operation=add} 1
             requests_total{operation=delete} 1
             requests_total{operation=modify_dn} 1
             requests_total{operation=compare} 1
             requests_total{operation=extended} 1
             extended_requests_total{extended=who_am_i} 1
             responses_total{operation=modify,outcome=success} 1
             responses_total{operation=add,outcome=error} 1
             responses_total{operation=delete,outcome=success} 1
             responses_total{operation=modify_dn,outcome=error} 1
             responses_total{operation=compare,outcome=success} 1
             responses_total{operation=extended,outcome=success} 1
             results_total{result=compareTrue} 1
             results_total{result=success} 3
             operation_results_total{operation=add,result=entryAlreadyExists} 1
             unmatched_responses_total 0
             unanswered_operations_total 0",
        );
    assert_eq!(
        seen.notes.operations,
        [
            "1 modify answered success by anonymous",
            "2 add answered entryAlreadyExists by anonymous",
            "3 delete answered success by anonymous",
            "4 modify_dn answered noSuchObject by anonymous",
            "5 compare answered compareTrue by anonymous",
            "6 extended answered success by anonymous",
        ]
    );
    assert_eq!(seen.histogram("operations_per_connection"), [6]);
}

#[test]
fn responses_come_in_any_order() {
    let seen = talk()
        .asks(search(1))
        .asks(search(2))
        .asks(compare(3))
        .answers(result(3, 0x6f, 5))
        .answers(entry(2, 10))
        .answers(entry(1, 10))
        .answers(search_done(2, 0))
        .answers(search_done(1, 32))
        .counts("unmatched_responses_total 0\nresults_total{result=compareFalse} 1");
    assert_eq!(seen.histogram("in_flight_depth"), [1, 2, 3]);
    assert_eq!(
        seen.notes.operations,
        [
            "3 compare answered compareFalse by anonymous",
            "2 search answered success by anonymous",
            "1 search answered noSuchObject by anonymous",
        ]
    );
}

#[test]
fn microsoft_writes_lengths_in_five_octets() {
    talk()
        .asks(search(1).long())
        .answers(entry(1, 200).long())
        .answers(search_done(1, 0).long())
        .asks(search(300_000).long())
        .answers(search_done(300_000, 0).long())
        .counts("requests_total{operation=search} 2\nentries_total 1\nresults_total{result=success} 2");
}

#[test]
fn a_referral_is_no_error() {
    talk()
        .asks(modify(1))
        .answers(result(1, 0x67, 10))
        .counts("responses_total{operation=modify,outcome=referral} 1");
}

#[test]
fn a_result_code_that_nobody_knows_is_other() {
    talk()
        .asks(search(1))
        .answers(search_done(1, 4096))
        .asks(search(2))
        .answers(search_done(2, 9999))
        .counts(
            "results_total{result=syncRefreshRequired} 1
         results_total{result=other} 1
         responses_total{operation=search,outcome=error} 2",
        );
}

#[test]
fn a_response_that_answers_nothing_is_unmatched() {
    talk().answers(search_done(9, 0)).answers(entry(8, 3)).answers(intermediate(8)).counts(
        "unmatched_responses_total 3
         late_responses_total 0
         responses_total{operation=search,outcome=success} 1
         entries_total 1",
    );
}

#[test]
fn an_id_that_is_used_anew_ends_what_had_it() {
    let seen = talk().asks(search(1)).asks(compare(1)).answers(result(1, 0x6f, 6)).counts(
        "anomalies_total{kind=message_id_reused} 1
         unanswered_operations_total 1
         unanswered_by_operation_total{operation=search} 1",
    );
    assert_eq!(
        seen.notes.operations,
        ["1 search unanswered by anonymous", "2 compare answered compareTrue by anonymous"]
    );
}

#[test]
fn an_id_may_be_used_again_once_it_is_answered() {
    let seen = talk().asks(search(7)).answers(search_done(7, 0)).asks(search(7)).answers(search_done(7, 0));
    seen.counts("unanswered_operations_total 0\nresults_total{result=success} 2");
}

#[test]
fn a_response_of_another_operation_ends_the_request_and_is_odd() {
    talk()
        .asks(search(1))
        .answers(entry(1, 3))
        .answers(result(1, 0x67, 0))
        .asks(modify(2))
        .answers(entry(2, 3))
        .counts(
            "anomalies_total{kind=mismatched_response} 2
         responses_total{operation=modify,outcome=success} 1
         unanswered_operations_total 1
         unanswered_by_operation_total{operation=modify} 1
         entries_total 2",
        );
}

#[test]
fn intermediate_responses_are_any_operations() {
    talk().asks(extended(1, "1.2.3")).answers(intermediate(1)).answers(extended_result(1, 0)).counts(
        "intermediate_responses_total 1
         extended_requests_total{extended=other} 1",
    );
}

#[test]
fn a_burst_is_answered_to_its_last_operation() {
    let mut talk = talk();
    for id in 1..=100 {
        talk = talk.asks(search(id));
    }
    for id in 1..=100 {
        talk = talk.answers(search_done(id, 0));
    }
    talk.counts(
        "responses_total{operation=search,outcome=success} 100
         unmatched_responses_total 0
         unanswered_operations_total 0",
    );
}

#[test]
fn what_waits_when_nobody_knows_how_it_ended_is_unknown() {
    let ended = |how| talk().asks(search(1)).ends(how).play().notes.operations;
    assert_eq!(ended(CloseCause::Unknown), ["1 search unknown by anonymous"]);
    assert_eq!(ended(CloseCause::Server), ["1 search unanswered by anonymous"]);
    // Whoever has said goodbye wants no answer.
    let unbound = talk().asks(search(1)).asks(unbind(2)).ends(CloseCause::Unknown).play().notes.operations;
    assert_eq!(unbound, ["1 search unanswered by anonymous"]);
}

#[test]
fn beyond_the_limit_requests_are_counted_and_not_paired() {
    let mut talk = talk().with(Setup::limited(r#"{"max_pending_operations": 8}"#));
    for id in 1..=10 {
        talk = talk.asks(search(id));
    }
    for id in 1..=10 {
        talk = talk.answers(entry(id, 3)).answers(search_done(id, 0));
    }
    let seen = talk.answers(search_done(11, 0)).asks(search(12)).answers(search_done(12, 0)).counts(
        "requests_total{operation=search} 11
         unpaired_requests_total 2
         responses_total{operation=search,outcome=success} 12
         entries_total 10
         unmatched_responses_total 1
         anomalies_total{kind=too_many_pending} 1",
    );
    assert_eq!(seen.notes.operations.len(), 9);
}

#[test]
fn there_is_always_room_for_what_changes_what_the_octets_are() {
    let mut talk = talk().with(Setup::limited(r#"{"max_pending_operations": 8}"#));
    for id in 1..=9 {
        talk = talk.asks(search(id));
    }
    talk.asks(bind(20, "cn=app", "x"))
        .answers(bind_result(20, 0))
        .asks(extended(21, START_TLS))
        .answers(extended_result(21, 0))
        .client(b"\x16\x03\x01")
        .counts(
            "unpaired_requests_total 1
             binds_total{kind=simple,outcome=succeeded,transport=plain} 1
             start_tls_total{outcome=accepted} 1
             anomalies_total{kind=too_many_pending} 1",
        );
}

#[test]
fn but_for_one_bind_only() {
    let mut talk = talk().with(Setup::limited(r#"{"max_pending_operations": 8}"#));
    for id in 1..=8 {
        talk = talk.asks(search(id));
    }
    for id in 20..=22 {
        talk = talk.asks(bind(id, "cn=app", "x"));
    }
    talk.counts(
        "requests_total{operation=bind} 3
         unpaired_requests_total 2
         unanswered_operations_total 9
         anomalies_total{kind=too_many_pending} 1
         anomalies_total{kind=request_during_bind} 2",
    );
}

#[test]
fn a_result_that_cannot_be_read_still_ends_its_operation() {
    let seen = talk().asks(modify(1)).answers(Message::new(1, vec![0x67, 0])).counts(
        "responses_total{operation=modify,outcome=unknown} 1
         results_total{result=other} 1
         undecoded_by_operation_total{operation=modify} 1
         unanswered_operations_total 0",
    );
    assert_eq!(seen.notes.operations, ["1 modify answered by anonymous"]);
}
