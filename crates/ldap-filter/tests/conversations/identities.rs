//! As whom operations are asked for.

use crate::support::messages::*;
use crate::support::{Exchange as _, Setup, talk};

fn operations(of: crate::support::Talk) -> Vec<String> {
    of.with(Setup::with_events()).play().notes.operations
}

#[test]
fn an_operation_belongs_to_who_was_bound_when_it_was_asked() {
    let seen = operations(
        talk()
            .asks(search(1))
            .asks(bind(2, "uid=Alice,dc=example", "secret"))
            .answers(bind_result(2, 0))
            .asks(search(3))
            .asks(bind(4, "uid=bob,dc=example", "wrong"))
            .answers(bind_result(4, 49))
            .asks(search(5))
            .answers(search_done(3, 0))
            .answers(search_done(1, 0))
            .answers(search_done(5, 0)),
    );
    assert_eq!(
        seen,
        [
            "2 bind answered success by uid=Alice,dc=example",
            "4 bind answered invalidCredentials for invalid_credentials by uid=bob,dc=example",
            "3 search answered success by uid=Alice,dc=example",
            "1 search answered success by anonymous",
            "5 search answered success by anonymous",
        ]
    );
}

#[test]
fn a_bind_in_progress_changes_nobody_and_its_end_does() {
    let seen = operations(
        talk()
            .asks(bind(1, "cn=app", "x"))
            .answers(bind_result(1, 0))
            .asks(sasl(2, "GSSAPI", b"a"))
            .answers(bind_result(2, 14))
            .asks(search(3))
            .answers(search_done(3, 0))
            .asks(sasl(4, "GSSAPI", b"b"))
            .answers(bind_result(4, 0))
            .asks(search(5))
            .answers(search_done(5, 0))
            .asks(bind(6, "", ""))
            .answers(bind_result(6, 0))
            .asks(search(7))
            .answers(search_done(7, 0)),
    );
    let by = |number: usize| {
        seen.iter().find(|text| text.starts_with(&number.to_string())).expect("ended").clone()
    };
    assert_eq!(by(3), "3 search answered success by cn=app");
    assert_eq!(by(5), "5 search answered success by sasl GSSAPI");
    assert_eq!(by(7), "7 search answered success by anonymous");
}

#[test]
fn names_are_cut_off_and_only_kept_where_they_are_wanted() {
    let long = "x".repeat(300);
    let talk = talk().asks(bind(1, &long, "secret")).answers(bind_result(1, 0));
    let kept = talk.clone().with(Setup::with_events()).play();
    assert_eq!(kept.notes.binds, [format!("simple succeeded in 1 by {}", "x".repeat(256))]);
    assert_eq!(talk.play().notes.binds, ["simple succeeded in 1 by name"]);
}

#[test]
fn no_event_prints_a_name_or_a_password() {
    let seen = talk()
        .asks(bind(1, "uid=nameless,dc=example", "hunter2"))
        .answers(bind_result(1, 0))
        .asks(search(2))
        .answers(search_done(2, 0))
        .with(Setup::with_events())
        .play();
    let printed = format!("{:?}", seen.events);
    for secret in ["nameless", "hunter2", "alice", "dc=example"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
