//! What servers reply, and how.

use session_driver::CloseCause;
use smtp_filter::SmtpLimits;

use crate::support::{Setup, greeted, talk};

#[test]
fn a_multi_line_reply_is_one_reply() {
    talk("S: 220-one\nS: 220-two\nS: 220 three\nC: HELP\nS: 214-a\nS: 214-b\nS: 214 c").counts(
        "greetings_total{class=2xx} 1
         replies_total{verb=other,class=2xx} 1
         reply_codes_total{code=214} 1",
    );
}

#[test]
fn a_code_that_changes_within_a_reply_is_the_last_one() {
    talk("S: 220-mx welcomes you\nS: 521 5.7.1 or not").counts(
        "greetings_total{class=5xx} 1
         refusals_total{reason=policy} 1
         anomalies_total{kind=reply_code_changed} 1
         anomalies_total{kind=greeting_not_220} 1",
    );
}

#[test]
fn a_bare_code_is_a_reply() {
    greeted("C: NOOP\nS: 250\nC: NOOP\nS: 250 OK").counts(
        "replies_total{verb=NOOP,class=2xx} 2
         anomalies_total{kind=reply_without_text} 1",
    );
}

#[test]
fn codes_that_no_rfc_lists_keep_their_class() {
    greeted("C: NOOP\nS: 225 a\nC: NOOP\nS: 472 b\nC: NOOP\nS: 521 c\nC: NOOP\nS: 571 d\nC: NOOP\nS: 299 e\nC: NOOP\nS: 100 f")
        .counts(
            "replies_total{verb=NOOP,class=2xx} 2
             replies_total{verb=NOOP,class=4xx} 1
             replies_total{verb=NOOP,class=5xx} 2
             replies_total{verb=NOOP,class=invalid} 1
             reply_codes_total{code=225} 1
             reply_codes_total{code=472} 1
             reply_codes_total{code=521} 1
             reply_codes_total{code=571} 1
             reply_codes_total{code=other_2xx} 1
             reply_codes_total{code=invalid} 1",
        );
}

#[test]
fn a_line_without_a_code_is_no_reply() {
    greeted("C: NOOP\nS: hello there\nS: 250 OK\nC: HELP\nS: 214-a\nS:  b\nS: 999 c\nS: 214 d").counts(
        "replies_total{verb=NOOP,class=2xx} 1
         replies_total{verb=other,class=2xx} 1
         unmatched_replies_total 0
         anomalies_total{kind=reply_without_code} 3",
    );
}

#[test]
fn an_unsolicited_421_may_come_at_any_time() {
    greeted("S: 421 4.4.2 Timeout").ends(CloseCause::Server).counts(
        "unmatched_replies_total 1
         closing_replies_total 1
         connections_closed_total{ending=server} 1
         anomalies_total{kind=unsolicited_421} 1",
    );
    // In the middle of a mail it ends the connection, not the mail.
    greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nS: 250 OK\nC: DATA\nS: 354 go\nC: x\nS: 421 4.4.2 Timeout")
        .ends(CloseCause::Server)
        .counts(
            "unmatched_replies_total 1
             transactions_total{outcome=aborted} 1
             anomalies_total{kind=unsolicited_421} 1
             anomalies_total{kind=left_in_data} 1",
        );
}

#[test]
fn a_421_answers_what_is_pending() {
    greeted("C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nS: 421 4.3.2 Shutting down")
        .ends(CloseCause::Server)
        .counts(
            "replies_total{verb=MAIL,class=4xx} 1
         rejected_transactions_total{stage=mail,class=4xx} 1
         unanswered_commands_total 1
         unmatched_replies_total 0
         closing_replies_total 1",
        );
}

#[test]
fn duplicates_answer_nothing() {
    greeted("C: NOOP\nS: 250 OK\nS: 250 OK\nC: NOOP\nS: 250 OK").counts(
        "replies_total{verb=NOOP,class=2xx} 2
         unmatched_replies_total 1
         anomalies_total{kind=unmatched_reply} 1",
    );
}

#[test]
fn a_reply_line_beyond_the_limit_resynchronises() {
    greeted(&format!("C: NOOP\nS: 250 {}\nC: NOOP\nS: 250 OK", "x".repeat(5_000))).counts(
        "replies_total{verb=NOOP,class=2xx} 2
         anomalies_total{kind=reply_line_too_long} 1",
    );
}

#[test]
fn a_reply_without_end_loses_the_framing() {
    let limits: SmtpLimits = serde_json::from_str(r#"{"max_reply_octets": 1024}"#).expect("limits");
    let seen = greeted(&format!("C: MAIL FROM:<a@b>\n{}", "S: 250-more\n".repeat(200)))
        .with(Setup::limited(limits))
        .counts(
            "transactions_total{outcome=unknown} 1
         unanswered_commands_total 1
         unmatched_replies_total 0
         anomalies_total{kind=reply_too_long} 1",
        );
    let opaque = seen.events.iter().find(|event| event.starts_with("WentOpaque")).expect("opaque");
    assert!(opaque.contains("LostSync") && opaque.contains("ToClient"), "{opaque}");
}

#[test]
fn a_reply_as_long_as_it_may_be_is_one() {
    let limits: SmtpLimits = serde_json::from_str(r#"{"max_reply_octets": 1024}"#).expect("limits");
    let reply = |octets: usize| {
        let text = "x".repeat(octets - "250 \r\n".len());
        greeted(&format!("C: NOOP\nS: 250 {text}\nC: NOOP\nS: 250 OK")).with(Setup::limited(limits))
    };
    reply(1024).counts("replies_total{verb=NOOP,class=2xx} 2\nanomalies_total{kind=reply_too_long} 0");
    reply(1025).counts("replies_total{verb=NOOP,class=2xx} 0\nanomalies_total{kind=reply_too_long} 1");
}

#[test]
fn refusals_have_reasons() {
    let refused = [
        ("450 4.7.1 Greylisted", "greylist"),
        ("451 4.7.1 Try again", "greylist"),
        ("452 4.2.2 Mailbox full", "mailbox_full"),
        ("552 5.2.2 Mailbox full", "mailbox_full"),
        ("452 4.3.1 No space", "storage"),
        ("452 4.5.3 Too many", "too_many_recipients"),
        ("552 Too big", "size"),
        ("552 5.3.4 Too big", "size"),
        ("530 5.7.0 Must issue STARTTLS", "auth_required"),
        ("554 5.7.1 Denied", "policy"),
        ("550 5.1.1 Unknown", "unknown_user"),
        ("501 Bad address", "syntax"),
        ("550 No", "other"),
    ];
    for (reply, reason) in refused {
        greeted(&format!("C: RCPT TO:<a@b>\nS: {reply}")).counts(&format!(
            "refusals_total{{reason={reason}}} 1
             anomalies_total{{kind=rcpt_before_mail}} 1"
        ));
    }
    // Not mail that is refused.
    greeted("C: VRFY a\nS: 252 no\nC: FOO\nS: 500 what").counts("refusals_total{reason=syntax} 0");
}

#[test]
fn what_a_server_offers_is_counted_when_it_is_accepted() {
    talk(
        "S: 220 mx
         C: EHLO a
         S: 250-STARTTLS.example.org
         S: 250-STARTTLS
         S: 250-AUTH PLAIN LOGIN
         S: 250-AUTH=PLAIN LOGIN
         S: 250-X-OWN
         S: 250 8bitmime
         C: EHLO a
         S: 550-no
         S: 550 SIZE
         C: HELO a
         S: 250-mx
         S: 250 DSN",
    )
    .counts(
        "ehlo_keywords_total{keyword=STARTTLS} 1
         ehlo_keywords_total{keyword=AUTH} 1
         ehlo_keywords_total{keyword=8BITMIME} 1
         ehlo_keywords_total{keyword=other} 1
         ehlo_keywords_total{keyword=SIZE} 0
         ehlo_keywords_total{keyword=DSN} 0",
    );
}

#[test]
fn replies_that_a_request_cannot_have_are_odd_and_paired() {
    greeted("C: MAIL FROM:<a@b>\nS: 354 what\nC: RCPT TO:<c@d>\nS: 334 what\nC: DATA\nS: 250 what\nC: NOOP\nS: 250 OK").counts(
        "transactions_total{outcome=unknown} 1
         replies_total{verb=NOOP,class=2xx} 1
         anomalies_total{kind=unexpected_reply} 3
         anomalies_total{kind=rcpt_before_mail} 1",
    );
}
