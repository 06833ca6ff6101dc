//! Mails: behind DATA, in BDAT chunks, by BURL.

use session_driver::CloseCause;
use smtp_filter::SmtpLimits;

use crate::support::{Setup, Talk, greeted};

fn envelope() -> Talk {
    greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nS: 250 OK")
}

#[test]
fn a_refused_data_returns_to_commands() {
    greeted(
        "C: MAIL FROM:<a@b>
         S: 250 OK
         C: DATA
         S: 503-5.5.1 No recipients,
         S: 503 5.5.1 really
         C: Hello, Alice
         S: 500 unrecognized
         C: .
         S: 500 unrecognized
         C: RSET
         S: 250 OK",
    )
    .counts(
        "commands_total{verb=DATA} 1
         commands_total{verb=other} 2
         commands_total{verb=RSET} 1
         replies_total{verb=DATA,class=5xx} 1
         replies_total{verb=other,class=5xx} 2
         replies_total{verb=RSET,class=2xx} 1
         transactions_total{outcome=rejected} 1
         rejected_transactions_total{stage=data,class=5xx} 1
         unmatched_replies_total 0",
    );
}

#[test]
fn octets_behind_data_are_classified_by_its_reply() {
    let mail = "C: DATA\nC: QUIT\nC: .\nC: RSET";
    envelope().then(mail).then("S: 354 go\nS: 250 OK\nS: 250 OK").counts(
        "commands_total{verb=QUIT} 0
         commands_total{verb=RSET} 1
         replies_total{verb=end_of_data,class=2xx} 1
         transactions_total{outcome=accepted} 1
         unmatched_replies_total 0",
    );
    envelope().then(mail).then("S: 451 later\nS: 221 Bye\nS: 500 what\nS: 250 OK").counts(
        "commands_total{verb=QUIT} 1
         commands_total{verb=other} 1
         commands_total{verb=RSET} 1
         rejected_transactions_total{stage=data,class=4xx} 1
         unmatched_replies_total 0",
    );
}

#[test]
fn several_mails_held_behind_data_are_understood_in_order() {
    let mail = "C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nC: DATA\nC: x\nC: .\n";
    greeted(&mail.repeat(3)).then(&"S: 250 OK\nS: 250 OK\nS: 354 go\nS: 250 OK\n".repeat(3)).counts(
        "transactions_total{outcome=accepted} 3\nunmatched_replies_total 0\nunanswered_commands_total 0",
    );
}

#[test]
fn a_client_that_does_not_wait_for_354_is_sending_its_mail() {
    let body = "x\r\n".repeat(10_000);
    let eager = envelope().then("C: DATA").client(body.as_bytes()).then("C: .\nC: QUIT");
    let seen = eager.clone().then("S: 354 go\nS: 250 OK\nS: 221 Bye").counts(
        "transactions_total{outcome=accepted} 1
         replies_total{verb=QUIT,class=2xx} 1
         anomalies_total{kind=mail_before_reply} 1",
    );
    assert_eq!(seen.histogram("message_bytes"), [30_000]);
    let seen = eager.then("S: 554 no\nS: 500 what").counts(
        "transactions_total{outcome=rejected} 1
         unmatched_replies_total 0
         anomalies_total{kind=mail_before_reply} 1
         anomalies_total{kind=undecided_too_long} 1",
    );
    assert!(seen.events.iter().any(|event| event.starts_with("WentOpaque")));
}

#[test]
fn the_reply_to_data_may_come_in_the_middle_of_an_eager_mail() {
    let limits: SmtpLimits = serde_json::from_str(r#"{"max_undecided_octets": 512}"#).expect("limits");
    let body = "x\r\n".repeat(1_000);
    let seen = envelope()
        .then("C: DATA")
        .client(body.as_bytes())
        .then("S: 354 go")
        .client(body.as_bytes())
        .then("C: .\nS: 250 OK")
        .with(Setup::limited(limits))
        .counts("transactions_total{outcome=accepted} 1\nanomalies_total{kind=mail_before_reply} 1");
    assert_eq!(seen.histogram("message_bytes"), [6_000]);
}

#[test]
fn a_second_eager_mail_does_not_disturb_the_first() {
    let limits: SmtpLimits = serde_json::from_str(r#"{"max_undecided_octets": 512}"#).expect("limits");
    let mail = |talk: Talk| {
        let envelope = "C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nC: DATA";
        talk.then(envelope).client("x\r\n".repeat(1_000).as_bytes()).then("C: .")
    };
    let seen = mail(mail(greeted("")))
        .then(&"S: 250 OK\nS: 250 OK\nS: 354 go\nS: 250 OK\n".repeat(2))
        .with(Setup::limited(limits))
        .counts("transactions_total{outcome=accepted} 2\nanomalies_total{kind=mail_before_reply} 2");
    assert_eq!(seen.histogram("message_bytes"), [3_000, 3_000]);
}

#[test]
fn an_empty_mail_ends_directly() {
    let seen = envelope()
        .then("C: DATA\nS: 354 go\nC: .\nS: 250 OK")
        .counts("transactions_total{outcome=accepted} 1");
    assert_eq!(seen.histogram("message_bytes"), [0]);
}

#[test]
fn a_mail_does_not_end_on_bare_line_feeds() {
    for end in ["\\n.\\n", "\\n.\\r\\n", "\\r\\n.\\n"] {
        let mail = format!(
            "C: DATA\nS: 354 go\nC~ x{end}MAIL FROM:<evil@b>\\r\\n.\\r\\n\nS: 250 OK\nC: NOOP\nS: 250 OK"
        );
        let seen = envelope().then(&mail).play();
        assert_eq!(seen.value("transactions_started_total"), 1, "{end}");
        assert_eq!(seen.value("transactions_total{outcome=accepted}"), 1, "{end}");
        assert_eq!(seen.value("replies_total{verb=NOOP,class=2xx}"), 1, "{end}");
        assert_eq!(seen.value("anomalies_total{kind=bare_lf_end_of_data}"), 1, "{end}");
    }
}

#[test]
fn where_a_server_took_the_end_it_says_so_and_we_follow() {
    envelope().then("C: DATA\nS: 354 go\nC~ x\\n.\\n\nS: 250 OK\nC: QUIT\nS: 221 Bye").counts(
        "transactions_total{outcome=accepted} 1
         replies_total{verb=end_of_data,class=2xx} 1
         replies_total{verb=QUIT,class=2xx} 1
         unmatched_replies_total 0
         anomalies_total{kind=bare_lf} 1
         anomalies_total{kind=bare_lf_end_of_data} 1
         anomalies_total{kind=early_reply} 1",
    );
}

/// A refusal alone may be meant for what has come so far; behind an end that some servers take for one, it is the end.
#[test]
fn where_a_server_took_the_end_and_refused_the_mail_we_follow_too() {
    for end in ["\\n.\\n", "\\r.\\r\\n"] {
        let seen =
            envelope().then(&format!("C: DATA\nS: 354 go\nC~ x{end}\nS: 550 no\nC: QUIT\nS: 221 Bye")).play();
        assert_eq!(seen.value("replies_total{verb=QUIT,class=2xx}"), 1, "{end}");
        assert_eq!(seen.value("rejected_transactions_total{stage=end_of_data,class=5xx}"), 1, "{end}");
        assert_eq!(seen.value("anomalies_total{kind=early_reply}"), 1, "{end}");
    }
    envelope().then("C: DATA\nS: 354 go\nC: x\nS: 250 OK\nC: QUIT\nS: 221 Bye").counts(
        "transactions_total{outcome=accepted} 1
         replies_total{verb=QUIT,class=2xx} 1
         anomalies_total{kind=early_reply} 1",
    );
}

#[test]
fn odd_octets_in_a_mail_are_counted_once_per_mail() {
    envelope().then("C: DATA\nS: 354 go\nC~ a\\0b\\0\\r\\r\\nc\\rd\\ne\\r\\n.\\r\\n\nS: 250 OK").counts(
        "transactions_total{outcome=accepted} 1
         anomalies_total{kind=nul} 1
         anomalies_total{kind=cr_cr_lf} 1
         anomalies_total{kind=bare_cr} 1
         anomalies_total{kind=bare_lf} 1",
    );
}

#[test]
fn a_refusal_in_the_middle_of_a_mail_is_its_reply() {
    envelope()
        .then("C: DATA\nS: 354 go\nC: x\nS: 552 5.3.4 Too big\nC: y\nC: .\nC: QUIT\nS: 221 Bye")
        .counts(
            "rejected_transactions_total{stage=end_of_data,class=5xx} 1
         refusals_total{reason=size} 1
         replies_total{verb=QUIT,class=2xx} 1
         unmatched_replies_total 0
         unanswered_commands_total 0
         anomalies_total{kind=early_reply} 1",
        );
}

#[test]
fn a_client_may_leave_in_the_middle_of_a_mail() {
    envelope().then("C: DATA\nS: 354 go\nC: x").counts(
        "transactions_total{outcome=aborted} 1
         anomalies_total{kind=left_in_data} 1",
    );
    envelope().then("C: BDAT 100\nC: x").ends(CloseCause::Unknown).counts(
        "transactions_total{outcome=unknown} 1
         unanswered_commands_total 1
         anomalies_total{kind=left_in_data} 1",
    );
}

#[test]
fn chunks_are_skipped_by_count_and_own_one_reply_each() {
    let seen = envelope()
        .then("C: BDAT 11\nC~ QUIT\\r\\n.\\r\\nab\nS: 250 OK\nC: bdat 6 last\nC~ RSET\\r\\n\nS: 250 OK\nC: QUIT\nS: 221 Bye")
        .counts(
            "commands_total{verb=BDAT} 2
             commands_total{verb=RSET} 0
             commands_total{verb=QUIT} 1
             replies_total{verb=BDAT,class=2xx} 2
             accepted_transactions_total{method=bdat} 1",
        );
    assert_eq!(seen.histogram("message_bytes"), [17]);
}

#[test]
fn pipelined_chunks_stay_in_step() {
    let seen = greeted(
        "C: MAIL FROM:<a@b>
         C: RCPT TO:<c@d>
         C: BDAT 3
         C~ abcBDAT 0 LAST\\r\\nMAIL FROM:<a@b>\\r\\nRCPT TO:<c@d>\\r\\nBDAT 2 LAST\\r\\nxy
         S: 250 OK
         S: 250 OK
         S: 250 3 octets
         S: 250 queued
         S: 250 OK
         S: 250 OK
         S: 250 queued",
    )
    .counts("accepted_transactions_total{method=bdat} 2\nunanswered_commands_total 0");
    assert_eq!(seen.histogram("message_bytes"), [3, 2]);
}

#[test]
fn replies_to_what_stood_before_a_chunk_are_not_early() {
    greeted("C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nC: BDAT 6 LAST\nC~ abc\nS: 250 OK\nS: 250 OK\nC~ def\nS: 250 queued").counts(
        "accepted_transactions_total{method=bdat} 1
         anomalies_total{kind=early_reply} 0",
    );
}

#[test]
fn a_rejected_chunk_still_owns_its_reply_and_its_octets_flow() {
    envelope().then("C: BDAT 6\nC~ QUIT\\r\\n\nS: 452 4.3.1 full\nC: BDAT 6 LAST\nC~ QUIT\\r\\n\nS: 503 no\nC: RSET\nS: 250 OK").counts(
        "commands_total{verb=QUIT} 0
         replies_total{verb=BDAT,class=4xx} 1
         replies_total{verb=BDAT,class=5xx} 1
         rejected_transactions_total{stage=end_of_data,class=5xx} 1
         replies_total{verb=RSET,class=2xx} 1
         refusals_total{reason=storage} 1",
    );
    envelope()
        .then("C: BDAT 6\nC~ QUIT\\r\\n\nS: 452 4.3.1 full\nC: RSET\nS: 250 OK")
        .counts("rejected_transactions_total{stage=data,class=4xx} 1");
}

#[test]
fn a_server_may_answer_521_while_the_chunk_still_flows() {
    envelope().then("C: BDAT 1000\nC: some\nS: 521 5.7.0 go away\nC: more").ends(CloseCause::Server).counts(
        "replies_total{verb=BDAT,class=5xx} 1
         commands_total{verb=other} 0
         rejected_transactions_total{stage=data,class=5xx} 1
         anomalies_total{kind=early_reply} 1
         anomalies_total{kind=left_in_data} 1",
    );
}

#[test]
fn junk_sizes_announce_nothing() {
    for junk in [
        "-1 LAST",
        "SCRAMBLE",
        "18446744073709551616",
        "18446744073709551615",
        "9223372036854775808",
        "",
        "5 MORE",
    ] {
        let bdat = format!("C: BDAT {junk}\nS: 521 5.5.4 Syntax: BDAT count [LAST]\nC: QUIT");
        envelope().then(&bdat).ends(CloseCause::Server).counts(
            "commands_total{verb=BDAT} 1
             commands_total{verb=QUIT} 1
             replies_total{verb=BDAT,class=5xx} 1
             unanswered_commands_total 1
             rejected_transactions_total{stage=data,class=5xx} 1
             anomalies_total{kind=bdat_invalid} 1",
        );
    }
}

#[test]
fn the_largest_chunk_is_skipped_for_good() {
    envelope().then("C: BDAT 9223372036854775807 LAST\nC: QUIT\nC: QUIT").counts(
        "commands_total{verb=QUIT} 0
         transactions_total{outcome=aborted} 1
         unanswered_commands_total 1
         anomalies_total{kind=left_in_data} 1",
    );
}

#[test]
fn burl_brings_a_mail_without_data() {
    let seen = envelope()
        .then("C: BURL imap://a/b;uid=1\nS: 250 OK\nC: BURL imap://a/b;uid=2 LAST\nS: 250 queued\nC: QUIT\nS: 221 Bye")
        .counts(
            "commands_total{verb=BURL} 2
             replies_total{verb=other,class=2xx} 2
             accepted_transactions_total{method=burl} 1",
        );
    assert_eq!(seen.histogram("message_bytes"), [] as [u64; 0]);
}

#[test]
fn a_mail_by_burl_is_none_without_its_last_part() {
    envelope().then("C: BURL imap://a/b;uid=1\nS: 250 OK").counts("transactions_total{outcome=aborted} 1");
}

#[test]
fn a_payload_that_nobody_knows_is_not_taken_for_commands() {
    let seen =
        envelope().then("C: XEXCH50 10 2\nS: 354 Send binary data\nC~ QUIT\\r\\nQUIT\nS: 200 ok").counts(
            "commands_total{verb=other} 1
             commands_total{verb=QUIT} 0
             transactions_total{outcome=unknown} 1
             unmatched_replies_total 0
             anomalies_total{kind=unknown_payload} 1",
        );
    assert!(seen.events.iter().any(|event| event.contains("LostSync")));
    envelope()
        .then("C: XEXCH50 10 2\nS: 504 no\nC: RSET\nS: 250 OK")
        .counts("transactions_total{outcome=reset} 1");
}
