//! StartTLS (RFC 4511, 4.14).

use crate::support::messages::*;
use crate::support::{Exchange as _, Setup, Talk, talk};

const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00";

fn asked() -> Talk {
    talk().asks(search(1)).answers(search_done(1, 0)).asks(extended(2, START_TLS))
}

#[test]
fn once_it_is_accepted_both_directions_are_opaque() {
    let seen = asked().answers(extended_result(2, 0)).client(HELLO).server(HELLO).counts(
        "extended_requests_total{extended=start_tls} 1
         start_tls_total{outcome=accepted} 1
         responses_total{operation=extended,outcome=success} 1
         smuggled_octets_total 0
         unanswered_operations_total 0",
    );
    assert_eq!(seen.unseen["starttls"], 2 * HELLO.len() as u64);
    let opaque = seen.events.iter().find(|event| event.starts_with("WentOpaque")).expect("opaque");
    assert!(opaque.contains("Starttls") && opaque.contains("anomaly: None"), "{opaque}");
}

#[test]
fn the_answer_is_the_one_with_its_id() {
    let seen = talk()
        .asks(search(1))
        .asks(extended(2, START_TLS))
        .answers(search_done(1, 0))
        .answers(extended_result(2, 0))
        .client(HELLO)
        .counts("start_tls_total{outcome=accepted} 1\nunanswered_operations_total 0");
    assert_eq!(seen.unseen["starttls"], HELLO.len() as u64);
}

#[test]
fn refused_it_changes_nothing() {
    talk()
        .asks(extended(1, START_TLS))
        .answers(extended_result(1, 52))
        .asks(search(2))
        .answers(search_done(2, 0))
        .counts(
            "start_tls_total{outcome=refused} 1
             responses_total{operation=extended,outcome=error} 1
             requests_total{operation=search} 1",
        );
}

#[test]
fn what_stands_before_the_answer_is_injected() {
    let injected = search(3).octets();
    asked().client(&injected).client(&injected[..5]).answers(extended_result(2, 0)).client(HELLO).counts(
        &format!(
            "smuggled_octets_total {}
         smuggled_connections_total 1
         start_tls_total{{outcome=accepted}} 1
         requests_total{{operation=search}} 1
         anomalies_total{{kind=request_during_start_tls}} 1",
            injected.len() + 5
        ),
    );
}

#[test]
fn two_answers_at_once_do_not_overtake_what_waited_for_the_first() {
    let answers = [extended_result(2, 52), entry(3, 40), search_done(3, 0)].map(|message| message.octets());
    asked().asks(search(3)).server(&answers.concat()).counts(
        "start_tls_total{outcome=refused} 1
         entries_total 1
         unmatched_responses_total 0
         unanswered_operations_total 0
         anomalies_total{kind=request_during_start_tls} 1",
    );
}

#[test]
fn before_a_refusal_it_was_pipelined() {
    let next = search(3).octets();
    asked()
        .client(&next[..7])
        .answers(extended_result(2, 2))
        .client(&next[7..])
        .answers(search_done(3, 0))
        .counts(
            "smuggled_octets_total 0
             start_tls_total{outcome=refused} 1
             requests_total{operation=search} 2
             results_total{result=success} 2
             anomalies_total{kind=request_during_start_tls} 1",
        );
}

#[test]
fn too_much_before_the_answer_loses_the_framing() {
    let setup = Setup::limited(r#"{"max_undecided_octets": 512}"#);
    let seen =
        asked().client(&search(3).octets().repeat(20)).answers(extended_result(2, 0)).with(setup).counts(
            "start_tls_total{outcome=unanswered} 1
         unanswered_operations_total 1
         requests_total{operation=search} 1
         smuggled_octets_total 0
         anomalies_total{kind=request_during_start_tls} 1",
        );
    assert!(seen.unseen.contains_key("lost_sync"), "{:?}", seen.unseen);
}

#[test]
fn without_an_answer_it_is_unanswered() {
    asked().counts("start_tls_total{outcome=unanswered} 1\nunanswered_operations_total 1");
}

#[test]
fn an_answer_of_another_operation_starts_no_tls() {
    asked().answers(search_done(2, 0)).asks(search(3)).answers(search_done(3, 0)).counts(
        "start_tls_total{outcome=refused} 1
         requests_total{operation=search} 2
         anomalies_total{kind=mismatched_response} 1",
    );
}

#[test]
fn what_is_outstanding_has_no_known_end() {
    let seen = talk()
        .asks(search(1))
        .asks(extended(2, START_TLS))
        .answers(extended_result(2, 0))
        .client(HELLO)
        .counts("unanswered_operations_total 1\noperations_in_flight 0");
    assert_eq!(seen.notes.operations[1], "1 search unknown by anonymous");
}
