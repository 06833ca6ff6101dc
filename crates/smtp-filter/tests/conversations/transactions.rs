//! What a transaction is, and its one outcome.

use session_driver::CloseCause;
use smtp_filter::SmtpLimits;

use crate::support::{Setup, greeted, talk};

const OPEN: &str = "C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nS: 250 OK\n";

#[test]
fn several_mails_in_one_session() {
    let mail = format!("{OPEN}C: DATA\nS: 354 go\nC: x\nC: .\nS: 250 OK\n");
    let seen = greeted(&mail.repeat(3)).counts(
        "transactions_started_total 3
         transactions_total{outcome=accepted} 3",
    );
    assert_eq!(seen.histogram("transactions_per_connection"), [3]);
    assert_eq!(seen.histogram("message_bytes"), [3, 3, 3]);
}

#[test]
fn a_refused_mail_is_rejected_at_its_own_stage() {
    greeted("C: MAIL FROM:<a@b>\nS: 550 5.7.1 no\nC: MAIL FROM:<a@b>\nS: 451 4.7.1 later\nC: MAIL FROM:<>\nS: 250 OK").counts(
        "transactions_started_total 3
         rejected_transactions_total{stage=mail,class=5xx} 1
         rejected_transactions_total{stage=mail,class=4xx} 1
         transactions_total{outcome=aborted} 1
         null_senders_total 1
         refusals_total{reason=policy} 1
         refusals_total{reason=greylist} 1",
    );
}

#[test]
fn no_recipient_accepted_and_given_up() {
    for gives_up in [
        "C: RSET\nS: 250 OK",
        "C: QUIT\nS: 221 Bye",
        "C: EHLO a\nS: 250 OK",
        "C: MAIL FROM:<x@y>\nS: 250 OK",
        "C: DATA\nS: 503 no",
        "",
    ] {
        let talk = greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nS: 450 4.7.1 later\nC: RCPT TO:<e@f>\nS: 550 no").then(gives_up);
        let seen = talk.play();
        assert_eq!(seen.value("rejected_transactions_total{stage=rcpt_all,class=4xx}"), 1, "{gives_up}");
        assert_eq!(seen.value("transactions_total{outcome=rejected}"), 1, "{gives_up}");
    }
    // With DATA accepted and the mail refused all the same, it is still the recipients.
    greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<c@d>\nS: 550 no\nC: DATA\nS: 354 go\nC: .\nS: 554 no valid recipients")
        .counts("rejected_transactions_total{stage=rcpt_all,class=5xx} 1");
}

#[test]
fn a_mail_refused_as_a_whole() {
    greeted(&format!("{OPEN}C: DATA\nS: 354 go\nC: .\nS: 550 5.7.1 spam")).counts(
        "rejected_transactions_total{stage=end_of_data,class=5xx} 1
         transactions_total{outcome=rejected} 1
         recipients_total{outcome=accepted} 1",
    );
    greeted(&format!("{OPEN}C: DATA\nS: 354 go\nC: .\nS: 451 4.3.0 later"))
        .counts("rejected_transactions_total{stage=end_of_data,class=4xx} 1");
}

#[test]
fn what_resets_does_so_only_if_accepted() {
    for command in ["RSET", "HELO a", "EHLO a", "LHLO a"] {
        greeted(&format!("{OPEN}C: {command}\nS: 250 OK")).counts("transactions_total{outcome=reset} 1");
        greeted(&format!("{OPEN}C: {command}\nS: 501 no\nC: DATA\nS: 354 go\nC: .\nS: 250 OK"))
            .counts("transactions_total{outcome=accepted} 1\ntransactions_started_total 1");
    }
}

/// RFC 5321, 4.1.1.10: the server has to accept QUIT. What it says afterwards all the same is not about that mail.
#[test]
fn a_quit_that_is_accepted_ends_it_at_once() {
    let mail = "C: DATA\nS: 354 go\nC: .\nS: 250 OK";
    greeted(&format!("{OPEN}C: QUIT\nS: 221 Bye\n{mail}")).counts("transactions_total{outcome=aborted} 1");
    greeted(&format!("{OPEN}C: QUIT\nS: 500 no\n{mail}")).counts("transactions_total{outcome=accepted} 1");
}

#[test]
fn a_data_that_was_refused_may_be_tried_again() {
    let again = |reply: &str| greeted(&format!("{OPEN}C: DATA\nS: 451 later\nC: DATA\nS: {reply}"));
    again("354 go").counts("transactions_total{outcome=aborted} 1\nanomalies_total{kind=left_in_data} 1");
    again("250 what").counts(
        "rejected_transactions_total{stage=data,class=4xx} 1
         anomalies_total{kind=unexpected_reply} 1",
    );
}

#[test]
fn a_summary_says_how_many_recipients_were_refused_and_for_how_long() {
    let refused = "C: RCPT TO:<1@b>\nS: 450 later\nC: RCPT TO:<2@b>\nS: 550 no\nC: RCPT TO:<3@b>\nS: 551 no";
    let seen = greeted(OPEN).then(refused).play();
    let summary = seen.events.iter().find(|event| event.starts_with("TransactionEnded")).expect("a summary");
    let recipients = "accepted_recipients: 1, transient_recipients: 1, permanent_recipients: 2";
    assert!(summary.contains(recipients), "{summary}");
}

#[test]
fn a_nested_mail() {
    // Refused, as RFC 5321 wants it: a transaction of its own, and the open one goes on.
    greeted(&format!("{OPEN}C: MAIL FROM:<x@y>\nS: 503 nested\nC: DATA\nS: 354 go\nC: .\nS: 250 OK")).counts(
        "transactions_started_total 2
         rejected_transactions_total{stage=mail,class=5xx} 1
         transactions_total{outcome=accepted} 1
         anomalies_total{kind=nested_mail} 1",
    );
    // Accepted: the server has started over.
    greeted(&format!("{OPEN}C: MAIL FROM:<x@y>\nS: 250 OK")).counts(
        "transactions_started_total 2
         transactions_total{outcome=reset} 1
         transactions_total{outcome=aborted} 1
         anomalies_total{kind=nested_mail} 1",
    );
}

#[test]
fn rcpt_before_mail_is_odd_and_counted() {
    greeted("C: RCPT TO:<a@b>\nS: 503 5.5.1 need MAIL").counts(
        "recipients_total{outcome=rejected_5xx} 1
         transactions_started_total 0
         anomalies_total{kind=rcpt_before_mail} 1",
    );
}

#[test]
fn rset_within_a_pipeline() {
    greeted(
        "C: MAIL FROM:<1@b>
         C: RCPT TO:<c@d>
         C: RSET
         C: MAIL FROM:<2@b>
         C: RCPT TO:<c@d>
         C: DATA
         S: 250 OK
         S: 250 OK
         S: 250 reset
         S: 250 OK
         S: 250 OK
         S: 354 go
         C: .
         S: 250 OK",
    )
    .counts(
        "transactions_started_total 2
         transactions_total{outcome=reset} 1
         transactions_total{outcome=accepted} 1",
    );
}

#[test]
fn a_refused_data_does_not_end_the_transaction_at_once() {
    // Seen: Exim refuses DATA without recipients, and takes the mail after all.
    greeted(
        "C: MAIL FROM:<a@b>
         S: 250 OK
         C: DATA
         S: 503 valid RCPT command must precede DATA
         C: MAIL FROM:<a@b>
         S: 503 sender already given
         C: RCPT TO:<c@d>
         S: 250 OK
         C: DATA
         S: 354 go
         C: .
         S: 250 OK",
    )
    .counts(
        "transactions_started_total 2
         transactions_total{outcome=accepted} 1
         rejected_transactions_total{stage=mail,class=5xx} 1
         anomalies_total{kind=nested_mail} 1",
    );
}

#[test]
fn what_ends_with_the_connection_is_aborted_or_unknown() {
    for (cause, outcome) in [
        (CloseCause::Client, "aborted"),
        (CloseCause::Server, "aborted"),
        (CloseCause::Local, "aborted"),
        (CloseCause::Unknown, "unknown"),
    ] {
        greeted(&format!("{OPEN}C: DATA"))
            .ends(cause)
            .counts(&format!("transactions_total{{outcome={outcome}}} 1"));
        // Three MAILs ahead, none answered.
        greeted(&"C: MAIL FROM:<a@b>\n".repeat(3)).ends(cause).counts(&format!(
            "transactions_started_total 3
             transactions_total{{outcome={outcome}}} 3"
        ));
    }
    greeted(&format!("{OPEN}C: QUIT\nS: 221 Bye"))
        .ends(CloseCause::Unknown)
        .counts("transactions_total{outcome=aborted} 1");
}

#[test]
fn a_mail_without_an_accepted_recipient_is_not_accepted() {
    greeted("C: MAIL FROM:<a@b>\nS: 250 OK\nC: DATA\nS: 354 go\nC: .\nS: 250 OK").counts(
        "transactions_total{outcome=accepted} 0
         transactions_total{outcome=unknown} 1
         anomalies_total{kind=unexpected_reply} 1",
    );
}

#[test]
fn parameters_that_are_used_are_counted() {
    greeted("C: MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=x\nS: 250 OK\nC: RCPT TO:<c@d> NOTIFY=NEVER\nS: 250 OK")
        .counts(
            "mail_parameters_total{parameter=SIZE} 1
             mail_parameters_total{parameter=BODY} 1
             mail_parameters_total{parameter=DSN} 2
             transactions_total{outcome=aborted} 1",
        );
}

#[test]
fn identities_are_kept_only_where_they_are_asked_for() {
    let mail = talk(
        "S: 220 mx\nC: MAIL FROM:<alice@example.org>\nS: 250 OK\nC: RCPT TO:<bob@example.net>\nS: 250 OK",
    );
    assert_eq!(mail.play().notes.identities, []);
    let with = mail.with(Setup::with_identities()).play();
    assert_eq!(with.notes.identities, [("alice@example.org".to_owned(), vec!["bob@example.net".to_owned()])]);
    assert!(with.events.iter().all(|event| !event.contains("alice")), "printed events name nobody");
}

#[test]
fn identities_follow_their_transaction_through_a_pipeline() {
    let limits: SmtpLimits = serde_json::from_str(r#"{"max_recipients_kept": 1}"#).expect("limits");
    let seen = greeted(
        "C: MAIL FROM:<A>
         C: RCPT TO:<B>
         C: RCPT TO:<C>
         C: BDAT 0 LAST
         C: MAIL FROM:<D>
         C: MAIL FROM:<E>
         C: RCPT TO:<F>
         S: 250 OK
         S: 250 OK
         S: 250 OK
         S: 250 OK
         S: 550 no
         S: 250 OK
         S: 250 OK",
    )
    .with(Setup { limits, keep_identities: true })
    .counts(
        "transactions_total{outcome=accepted} 1
         transactions_total{outcome=rejected} 1
         transactions_total{outcome=aborted} 1",
    );
    let named = |sender: &str, recipients: &[&str]| {
        (sender.to_owned(), recipients.iter().map(|recipient| (*recipient).to_owned()).collect())
    };
    assert_eq!(seen.notes.identities, [named("A", &["B"]), named("D", &[]), named("E", &["F"])]);
}
