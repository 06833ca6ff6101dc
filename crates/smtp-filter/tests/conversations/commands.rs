//! Command lines and their pairing with replies.

use smtp_filter::SmtpLimits;

use crate::support::{Setup, Talk, greeted, talk};

fn limits(json: &str) -> SmtpLimits {
    serde_json::from_str(json).expect("limits")
}

#[test]
fn replies_belong_to_commands_in_order() {
    greeted(
        "C: MAIL FROM:<a@b>
         C: RCPT TO:<1@c>
         C: RCPT TO:<2@c>
         C: RCPT TO:<3@c>
         C: DATA
         S: 250 OK
         S: 250 OK
         S: 450 4.7.1 Greylisted
         S: 550 5.1.1 No such user
         S: 354 go
         C: .
         S: 250 OK",
    )
    .counts(
        "recipients_total{outcome=accepted} 1
         recipients_total{outcome=rejected_4xx} 1
         recipients_total{outcome=rejected_5xx} 1
         refusals_total{reason=greylist} 1
         refusals_total{reason=unknown_user} 1
         replies_total{verb=DATA,class=3xx} 1
         replies_total{verb=end_of_data,class=2xx} 1
         transactions_total{outcome=accepted} 1",
    );
}

#[test]
fn every_verb_is_known_in_any_case() {
    let mut talk = greeted("");
    let verbs = "HELO EHLO MAIL RCPT BURL RSET VRFY EXPN HELP NOOP ETRN XCLIENT XFORWARD FOO";
    for verb in verbs.split(' ') {
        talk = talk.then(&format!("C: {}\nS: 502 no", verb.to_lowercase()));
    }
    let seen = talk.play();
    for verb in verbs.split(' ').filter(|verb| *verb != "EHLO" && *verb != "FOO") {
        assert_eq!(seen.value(&format!("commands_total{{verb={verb}}}")), 1, "{verb}");
    }
    assert_eq!((seen.value("commands_total{verb=EHLO}"), seen.value("commands_total{verb=other}")), (2, 1));
    assert_eq!(seen.value("unmatched_replies_total"), 0);
}

#[test]
fn lines_that_end_in_lf_alone_are_commands() {
    greeted("C~ NOOP\\n\nS: 250 OK\nC~ QUIT\\n\nS: 221 Bye").counts(
        "commands_total{verb=NOOP} 1
         commands_total{verb=QUIT} 1
         anomalies_total{kind=lf_only_command} 2",
    );
}

#[test]
fn servers_answer_blank_lines_with_500() {
    greeted("C:\nC: NOOP\nS: 500 what?\nS: 250 OK").counts(
        "commands_total{verb=NOOP} 1
         replies_total{verb=NOOP,class=2xx} 1
         replies_total{verb=other,class=5xx} 1
         unmatched_replies_total 0
         anomalies_total{kind=blank_line} 1",
    );
}

#[test]
fn servers_that_ignore_blank_lines_stay_paired() {
    greeted("C:\nC:\nC: NOOP\nS: 250 OK\nC: QUIT\nS: 221 Bye").counts(
        "replies_total{verb=NOOP,class=2xx} 1
         replies_total{verb=QUIT,class=2xx} 1
         unmatched_replies_total 0
         unanswered_commands_total 0
         anomalies_total{kind=blank_line} 2",
    );
}

#[test]
fn a_refusal_belongs_to_a_blank_line_only_where_nothing_else_waits() {
    greeted("C:\nC:\nS: 550 what?\nS: 550 what?").counts(
        "replies_total{verb=other,class=5xx} 2
         unmatched_replies_total 0
         anomalies_total{kind=blank_line} 2",
    );
    greeted("C:\nC: NOOP\nS: 550 no").counts(
        "replies_total{verb=NOOP,class=5xx} 1
         replies_total{verb=other,class=5xx} 0
         unanswered_commands_total 0
         anomalies_total{kind=blank_line} 1",
    );
}

#[test]
fn a_blank_line_may_stay_without_an_answer() {
    greeted("C:").counts("unanswered_commands_total 0\nanomalies_total{kind=blank_line} 1");
}

#[test]
fn a_line_beyond_the_limit_resynchronises() {
    let long = format!("MAIL FROM:<a@b> X={}", "x".repeat(20_000));
    greeted(&format!("C: {long}\nS: 500 5.5.2 Line too long\nC: NOOP\nS: 250 OK")).counts(
        "commands_total{verb=MAIL} 1
         commands_total{verb=NOOP} 1
         replies_total{verb=MAIL,class=5xx} 1
         replies_total{verb=NOOP,class=2xx} 1
         rejected_transactions_total{stage=mail,class=5xx} 1
         anomalies_total{kind=command_line_too_long} 1",
    );
    // 4 KB are within the default.
    let within = format!("MAIL FROM:<a@b> X={}", "x".repeat(4_000));
    greeted(&format!("C: {within}\nS: 250 OK"))
        .ends(session_driver::CloseCause::Client)
        .counts("commands_total{verb=MAIL} 1");
}

#[test]
fn the_first_line_may_be_too_long_as_well() {
    let limits = limits(r#"{"max_command_line": 512}"#);
    talk(&format!("S: 220 mx\nC: EHLO {}\nS: 250 OK\nC: NOOP\nS: 250 OK", "x".repeat(600)))
        .with(Setup::limited(limits))
        .counts(
            "replies_total{verb=EHLO,class=2xx} 1
         replies_total{verb=NOOP,class=2xx} 1
         anomalies_total{kind=command_line_too_long} 1",
        );
}

#[test]
fn binary_junk_is_a_command_to_the_server_and_to_us() {
    greeted("C~ \\x80\\xff\\0\\x01 \\xfe\\r\\n\nS: 500 what?\nC: NOOP\nS: 250 OK").counts(
        "commands_total{verb=other} 1
         replies_total{verb=NOOP,class=2xx} 1
         anomalies_total{kind=binary_command} 1",
    );
    // An address in UTF-8 is none.
    greeted("C~ MAIL FROM:<j\\xc3\\xb6rg@b> SMTPUTF8\\r\\n\nS: 250 OK")
        .counts("mail_parameters_total{parameter=SMTPUTF8} 1");
}

#[test]
fn a_thousand_recipients_in_one_burst() {
    let mut burst = b"MAIL FROM:<a@b>\r\n".to_vec();
    let mut replies = b"250 OK\r\n".to_vec();
    for n in 0..1_500 {
        burst.extend_from_slice(format!("RCPT TO:<{n}@c>\r\n").as_bytes());
        replies.extend_from_slice(b"250 OK\r\n");
    }
    burst.extend_from_slice(b"DATA\r\n");
    replies.extend_from_slice(b"354 go\r\n");
    let seen = greeted("").client(&burst).server(&replies).then("C: .\nS: 250 OK").counts(
        "recipients_total{outcome=accepted} 1500
         transactions_total{outcome=accepted} 1",
    );
    assert_eq!(seen.histogram("recipients_per_transaction"), [1_500]);
}

#[test]
fn more_pending_commands_than_allowed_lose_the_framing() {
    let flood = |count: usize| -> Talk {
        greeted("")
            .client(&b"NOOP\r\n".repeat(count))
            .with(Setup::limited(limits(r#"{"max_pending_commands": 16}"#)))
    };
    let seen = flood(17).server(b"250 OK\r\n").counts(
        "commands_total{verb=NOOP} 17
         unanswered_commands_total 17
         unmatched_replies_total 0
         anomalies_total{kind=too_many_pending} 1",
    );
    let opaque = seen.events.iter().find(|event| event.starts_with("WentOpaque")).expect("opaque");
    assert!(
        opaque.contains("LostSync") && opaque.contains("ToServer") && opaque.contains("commands"),
        "{opaque}"
    );
    flood(16).server(b"250 OK\r\n").counts("unanswered_commands_total 15");
}

#[test]
fn turned_roles_are_not_followed() {
    for command in ["TURN", "ATRN example.org"] {
        let turn = greeted(&format!("C: {command}\nS: 250 OK\nS: EHLO i.am.the.client\nC: 250 fine"));
        turn.counts("unmatched_replies_total 0\nanomalies_total{kind=role_swap} 1");
        greeted(&format!("C: {command}\nS: 502 no\nC: NOOP\nS: 250 OK"))
            .counts("replies_total{verb=NOOP,class=2xx} 1");
    }
}

#[test]
fn xclient_starts_the_session_over() {
    greeted(
        "C: MAIL FROM:<a@b>
         S: 250 OK
         C: XCLIENT ADDR=192.0.2.1
         S: 220 mx ESMTP
         C: EHLO a
         S: 250 mx
         C: XFORWARD NAME=x
         S: 250 OK",
    )
    .counts(
        "transactions_total{outcome=reset} 1
         commands_total{verb=XCLIENT} 1
         commands_total{verb=XFORWARD} 1
         replies_total{verb=other,class=2xx} 2
         greetings_total{class=2xx} 1",
    );
    greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: XCLIENT ADDR=192.0.2.1\nS: 220 mx ESMTP")
        .counts("transactions_total{outcome=reset} 1\ntransactions_total{outcome=aborted} 0");
    greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nS: 250 OK")
        .then("C: XCLIENT ADDR=192.0.2.1\nS: 550 no\nC: DATA\nS: 354 go\nC: .\nS: 250 OK")
        .counts("transactions_total{outcome=accepted} 1");
}

#[test]
fn a_line_that_was_held_is_cut_like_any_other() {
    // The mail was guessed at; behind it a line beyond the limit came in one piece, or in many.
    let limits = limits(r#"{"max_command_line": 512, "max_undecided_octets": 512}"#);
    greeted("C: DATA")
        .client(format!(".\r\n{}\r\nNOOP\r\n", "x".repeat(600)).as_bytes())
        .then("S: 354 go\nS: 250 OK\nS: 500 what\nS: 250 OK")
        .with(Setup::limited(limits))
        .counts(
            "commands_total{verb=other} 1
             replies_total{verb=NOOP,class=2xx} 1
             anomalies_total{kind=mail_before_reply} 1
             anomalies_total{kind=command_line_too_long} 1",
        );
}
