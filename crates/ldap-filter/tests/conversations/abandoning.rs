//! Abandon, Cancel, and what comes all the same.

use crate::support::messages::*;
use crate::support::{Exchange as _, talk};

#[test]
fn what_is_abandoned_has_ended_and_a_later_answer_is_late() {
    let seen = talk()
        .asks(search(1))
        .answers(entry(1, 3))
        .asks(abandon(2, 1))
        .answers(entry(1, 3))
        .answers(search_done(1, 0))
        .answers(search_done(1, 0))
        .counts(
            "requests_total{operation=abandon} 1
             abandoned_operations_total 1
             late_responses_total 2
             unmatched_responses_total 1
             unanswered_operations_total 0
             entries_total 2",
        );
    assert_eq!(seen.notes.operations, ["1 search abandoned by anonymous"]);
}

#[test]
fn an_abandon_of_what_is_not_known_changes_nothing() {
    talk().asks(search(1)).asks(abandon(2, 9)).answers(search_done(1, 0)).counts(
        "abandoned_operations_total 0
         results_total{result=success} 1
         unmatched_responses_total 0",
    );
}

#[test]
fn a_bind_cannot_be_abandoned() {
    let seen = talk().asks(bind(1, "cn=app", "x")).asks(abandon(2, 1)).answers(bind_result(1, 0)).counts(
        "abandoned_operations_total 0
         binds_total{kind=simple,outcome=succeeded,transport=plain} 1
         anomalies_total{kind=request_during_bind} 1",
    );
    assert_eq!(seen.notes.operations, ["1 bind answered success by name"]);
}

#[test]
fn an_abandoned_id_may_be_used_again() {
    talk()
        .asks(search(1))
        .asks(abandon(2, 1))
        .asks(search(1))
        .answers(search_done(1, 0))
        .counts("late_responses_total 0\nunmatched_responses_total 0\nresults_total{result=success} 1");
}

#[test]
fn only_the_last_few_are_remembered() {
    let mut talk = talk();
    for id in 1..=20 {
        talk = talk.asks(search(id)).asks(abandon(100 + id, id));
    }
    for id in 1..=20 {
        talk = talk.answers(search_done(id, 0));
    }
    talk.counts("late_responses_total 8\nunmatched_responses_total 12\nabandoned_operations_total 20");
}

#[test]
fn what_is_cancelled_is_answered() {
    let seen = talk()
        .asks(search(1))
        .asks(cancel(2, 1))
        .answers(search_done(1, 118))
        .answers(extended_result(2, 0))
        .counts(
            "extended_requests_total{extended=cancel} 1
             results_total{result=canceled} 1
             abandoned_operations_total 0
             unanswered_operations_total 0",
        );
    assert_eq!(seen.notes.operations[0], "1 search answered canceled by anonymous");
}

#[test]
fn an_abandon_that_cannot_be_read_is_counted() {
    talk()
        .asks(search(1))
        .asks(Message::new(2, vec![0x50, 0]))
        .answers(search_done(1, 0))
        .counts("undecoded_by_operation_total{operation=abandon} 1\nabandoned_operations_total 0");
}
