//! Binds: simple, by SASL in rounds, by Sicily; and why they fail.

use session_driver::Transport;

use crate::support::messages::*;
use crate::support::{Exchange as _, NO_VALUES, talk};

/// What Active Directory says about a password that is wrong.
const WRONG_PASSWORD: &str =
    "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v3839";

#[test]
fn simple_binds_by_what_they_carry() {
    let seen = talk()
        .asks(bind(1, "", ""))
        .answers(bind_result(1, 0))
        .asks(bind(2, "cn=app", ""))
        .answers(bind_result(2, 0))
        .asks(bind(3, "cn=app", "secret"))
        .answers(bind_result(3, 0))
        .counts(
            "binds_total{kind=anonymous,outcome=succeeded,transport=plain} 1
             binds_total{kind=unauthenticated,outcome=succeeded,transport=plain} 1
             binds_total{kind=simple,outcome=succeeded,transport=plain} 1
             responses_total{operation=bind,outcome=success} 3",
        );
    assert_eq!(
        seen.notes.binds,
        [
            "anonymous succeeded in 1 by anonymous",
            "unauthenticated succeeded in 1 by name",
            "simple succeeded in 1 by name"
        ]
    );
    assert_eq!(seen.histogram("bind_duration_microseconds"), NO_VALUES, "there was one round each");
}

#[test]
fn failures_by_reason() {
    talk()
        .asks(bind(1, "cn=app", "x"))
        .answers(bind_result(1, 49))
        .asks(bind(2, "app@example.test", "x"))
        .answers(result_saying(2, 0x61, 49, WRONG_PASSWORD))
        .asks(bind(3, "cn=app", "x"))
        .answers(bind_result(3, 13))
        .asks(bind(4, "cn=app", "x"))
        .answers(bind_result(4, 51))
        .over(Transport::Tls)
        .counts(
            "binds_total{kind=simple,outcome=failed,transport=tls} 4
             bind_failures_total{reason=invalid_credentials} 1
             bind_failures_total{reason=wrong_password} 1
             bind_failures_total{reason=stronger_auth_required} 1
             bind_failures_total{reason=unavailable} 1
             responses_total{operation=bind,outcome=error} 4",
        );
}

#[test]
fn the_rounds_of_a_sasl_bind_are_one_bind() {
    let seen = talk()
        .asks(sasl(1, "SCRAM-SHA-256", b"n,,n=a,r=b"))
        .answers(bind_result(1, 14))
        .then("+ 30")
        .asks(sasl(2, "SCRAM-SHA-256", b"c=biws"))
        .answers(bind_result(2, 0))
        .counts(
            "binds_total{kind=sasl,outcome=succeeded,transport=plain} 1
             bind_mechanisms_total{mechanism=SCRAM-SHA-256,outcome=succeeded,transport=plain} 1
             bind_failures_total 0
             unfinished_binds_total 0
             results_total{result=saslBindInProgress} 1
             responses_total{operation=bind,outcome=in_progress} 1
             responses_total{operation=bind,outcome=success} 1",
        );
    assert_eq!(seen.notes.binds, ["sasl SCRAM-SHA-256 succeeded in 2 by sasl SCRAM-SHA-256"]);
    assert_eq!(seen.histogram("bind_duration_microseconds"), [33_000]);
    assert_eq!(seen.histogram("operation_latency_microseconds{operation=bind}"), [1_000, 1_000]);
}

#[test]
fn a_bind_that_the_client_gives_up_is_unfinished() {
    let seen = talk()
        .asks(sasl(1, "GSSAPI", b"token"))
        .answers(bind_result(1, 14))
        .asks(bind(2, "cn=app", "x"))
        .answers(bind_result(2, 0))
        .asks(sasl(3, "GSSAPI", b"token"))
        .answers(bind_result(3, 14))
        .counts(
            "unfinished_binds_total 2
             binds_total{kind=simple,outcome=succeeded,transport=plain} 1
             bind_mechanisms_total 0",
        );
    assert_eq!(
        seen.notes.binds,
        [
            "sasl GSSAPI unfinished in 1 by sasl GSSAPI",
            "simple succeeded in 1 by name",
            "sasl GSSAPI unfinished in 1 by sasl GSSAPI",
        ]
    );
}

#[test]
fn another_mechanism_is_another_bind() {
    let seen = talk()
        .asks(sasl(1, "GSSAPI", b"a"))
        .answers(bind_result(1, 14))
        .asks(sasl(2, "PLAIN", b"\0a\0secret"))
        .answers(bind_result(2, 0))
        .counts("unfinished_binds_total 1");
    assert_eq!(
        seen.notes.binds,
        ["sasl GSSAPI unfinished in 1 by sasl GSSAPI", "sasl PLAIN succeeded in 1 by sasl PLAIN"]
    );
}

#[test]
fn an_unanswered_round_is_an_unfinished_bind() {
    let seen = talk().asks(sasl(1, "PLAIN", b"\0a\0secret")).counts(
        "unfinished_binds_total 1
         unanswered_operations_total 1
         unanswered_by_operation_total{operation=bind} 1",
    );
    assert_eq!(seen.notes.binds, ["sasl PLAIN unfinished in 1 by sasl PLAIN"]);
}

#[test]
fn sicily_takes_three_rounds_that_all_succeed() {
    let seen = talk()
        .asks(sicily(1, 9))
        .answers(bind_result(1, 0))
        .asks(sicily(2, 10))
        .answers(bind_result(2, 0))
        .asks(sicily(3, 11))
        .answers(bind_result(3, 0))
        .counts("binds_total{kind=sicily,outcome=succeeded,transport=plain} 1");
    assert_eq!(seen.notes.binds, ["sicily succeeded in 3 by sicily"]);
}

#[test]
fn sicily_without_discovery_and_again() {
    let seen = talk()
        .asks(sicily(1, 10))
        .answers(bind_result(1, 0))
        .asks(sicily(2, 11))
        .answers(result_saying(2, 0x61, 49, WRONG_PASSWORD))
        .asks(sicily(3, 9))
        .answers(bind_result(3, 0))
        .asks(sicily(4, 9))
        .answers(bind_result(4, 7))
        .counts(
            "binds_total{kind=sicily,outcome=failed,transport=plain} 2
             bind_failures_total{reason=wrong_password} 1
             bind_failures_total{reason=method_not_supported} 1
             unfinished_binds_total 1",
        );
    assert_eq!(
        seen.notes.binds,
        [
            "sicily failed wrong_password in 2 by sicily",
            "sicily unfinished in 1 by sicily",
            "sicily failed method_not_supported in 1 by sicily"
        ]
    );
}

#[test]
fn a_bind_leaves_what_is_outstanding_as_it_is() {
    talk()
        .asks(search(1))
        .asks(bind(2, "cn=app", "x"))
        .answers(search_done(1, 0))
        .answers(bind_result(2, 0))
        .counts("abandoned_operations_total 0\nunanswered_operations_total 0\nunmatched_responses_total 0");
}

#[test]
fn nothing_may_be_asked_while_a_bind_waits() {
    let seen = talk()
        .asks(bind(1, "cn=a", "x"))
        .asks(search(2))
        .asks(bind(3, "cn=b", "x"))
        .answers(bind_result(1, 49))
        .answers(search_done(2, 0))
        .answers(bind_result(3, 0))
        .counts(
            "anomalies_total{kind=request_during_bind} 2
             binds_total{kind=simple,outcome=succeeded,transport=plain} 1
             binds_total{kind=simple,outcome=failed,transport=plain} 1",
        );
    assert_eq!(seen.notes.binds.len(), 2);
}

#[test]
fn two_binds_that_are_both_in_progress() {
    let seen = talk()
        .asks(sasl(1, "GSSAPI", b"a"))
        .asks(sasl(2, "PLAIN", b"b"))
        .answers(bind_result(1, 14))
        .answers(bind_result(2, 14))
        .counts("unfinished_binds_total 2\nanomalies_total{kind=request_during_bind} 1");
    assert_eq!(
        seen.notes.binds,
        ["sasl GSSAPI unfinished in 1 by sasl GSSAPI", "sasl PLAIN unfinished in 1 by sasl PLAIN"]
    );
}

#[test]
fn a_bind_that_cannot_be_read_is_still_one() {
    let seen = talk().asks(Message::new(1, vec![0x60, 3, 2, 1, 3])).answers(bind_result(1, 2)).counts(
        "undecoded_by_operation_total{operation=bind} 1
         binds_total{kind=other,outcome=failed,transport=plain} 1
         bind_failures_total{reason=other} 1",
    );
    assert_eq!(seen.notes.binds, ["other failed other in 1 by unknown"]);
}

#[test]
fn a_token_too_long_to_be_kept_hides_nothing_of_its_bind() {
    let seen = talk()
        .asks(sasl(1, "GSS-SPNEGO", &[0x60; 40_000]))
        .answers(bind_result(1, 0))
        .counts("bind_mechanisms_total{mechanism=GSS-SPNEGO,outcome=succeeded,transport=plain} 1\nundecoded_messages_total 0");
    assert_eq!(seen.notes.requests.mechanisms["GSS-SPNEGO"], 1);
}

#[test]
fn an_answer_of_another_operation_lets_nobody_in() {
    let seen = talk()
        .asks(bind(1, "cn=app", "x"))
        .answers(search_done(1, 0))
        .asks(search(2))
        .answers(search_done(2, 0))
        .counts(
            "anomalies_total{kind=mismatched_response} 1
             binds_total{kind=simple,outcome=failed,transport=plain} 1",
        );
    assert_eq!(seen.notes.operations[1], "2 search answered success by anonymous");
}
