//! A mail that is answered once for each of its recipients: LMTP and PRDR.

use session_driver::CloseCause;

use crate::support::{Talk, talk};

fn lmtp() -> Talk {
    talk("S: 220 lmtp\nC: LHLO a\nS: 250-lmtp\nS: 250 PIPELINING")
}

const THREE_OF_FOUR: &str = "
    C: MAIL FROM:<a@b>
    C: RCPT TO:<1@c>
    C: RCPT TO:<2@c>
    C: RCPT TO:<3@c>
    C: RCPT TO:<4@c>
    C: DATA
    S: 250 OK
    S: 250 OK
    S: 550 5.1.1 no
    S: 250 OK
    S: 250 OK
    S: 354 go
    C: x
    C: .";

#[test]
fn lmtp_answers_for_each_accepted_recipient_in_order() {
    lmtp()
        .then(THREE_OF_FOUR)
        .then("S: 250 delivered\nS: 452 4.2.2 full\nS: 250 delivered\nC: QUIT\nS: 221 Bye")
        .counts(
            "ehlo_keywords_total{keyword=PIPELINING} 1
             recipients_total{outcome=accepted} 3
             recipients_total{outcome=rejected_5xx} 1
             replies_total{verb=end_of_data,class=2xx} 2
             replies_total{verb=end_of_data,class=4xx} 1
             deliveries_total{class=2xx} 2
             deliveries_total{class=4xx} 1
             refusals_total{reason=mailbox_full} 1
             replies_total{verb=QUIT,class=2xx} 1
             transactions_total{outcome=accepted} 1
             unmatched_replies_total 0",
        );
}

#[test]
fn lmtp_with_one_recipient_and_with_none() {
    let one = "C: MAIL FROM:<a@b>\nS: 250 OK\nC: RCPT TO:<1@c>\nS: 250 OK\nC: DATA\nS: 354 go\nC: .\nS: 550 5.7.1 no\n";
    lmtp().then(one).then("C: NOOP\nS: 250 OK").counts(
        "deliveries_total{class=5xx} 1
         rejected_transactions_total{stage=end_of_data,class=5xx} 1
         replies_total{verb=NOOP,class=2xx} 1",
    );
    let none = "C: MAIL FROM:<a@b>\nC: RCPT TO:<1@c>\nC: DATA\nS: 250 OK\nS: 550 no\nS: 503 no recipients\nC: NOOP\nS: 250 OK";
    lmtp().then(none).counts(
        "deliveries_total{class=5xx} 0
         rejected_transactions_total{stage=rcpt_all,class=5xx} 1
         replies_total{verb=NOOP,class=2xx} 1",
    );
}

#[test]
fn all_recipients_refused_after_the_end_of_data_reject_the_mail() {
    lmtp().then(THREE_OF_FOUR).then("S: 550 no\nS: 450 later\nS: 550 no").counts(
        "deliveries_total{class=5xx} 2
         deliveries_total{class=4xx} 1
         rejected_transactions_total{stage=end_of_data,class=5xx} 1",
    );
}

#[test]
fn several_lmtp_mails_pipelined_with_bdat() {
    let mail = "C: MAIL FROM:<a@b>\nC: RCPT TO:<1@c>\nC: RCPT TO:<2@c>\nC: BDAT 2 LAST\nC~ xy\n";
    let replies = "S: 250 OK\nS: 250 OK\nS: 250 OK\nS: 250 1\nS: 250 2\n";
    lmtp().then(&mail.repeat(2)).then(&replies.repeat(2)).then("C: QUIT\nS: 221 Bye").counts(
        "deliveries_total{class=2xx} 4
         replies_total{verb=BDAT,class=2xx} 4
         accepted_transactions_total{method=bdat} 2
         replies_total{verb=QUIT,class=2xx} 1",
    );
}

#[test]
fn helo_after_lhlo_ends_lmtp() {
    lmtp().then("C: EHLO a\nS: 250 OK").then(THREE_OF_FOUR).then("S: 250 queued\nC: NOOP\nS: 250 OK").counts(
        "deliveries_total{class=2xx} 0
         transactions_total{outcome=accepted} 1
         replies_total{verb=NOOP,class=2xx} 1",
    );
    talk("S: 220 mx\nC: LHLO a\nS: 500 what").then(THREE_OF_FOUR).then("S: 250 queued").counts(
        "deliveries_total{class=2xx} 0
         transactions_total{outcome=accepted} 1",
    );
}

#[test]
fn a_connection_that_ends_between_the_replies() {
    let begun = lmtp().then(THREE_OF_FOUR).ends(CloseCause::Server);
    begun.clone().then("S: 250 delivered").counts(
        "transactions_total{outcome=accepted} 1
         unanswered_commands_total 1",
    );
    begun.clone().then("S: 450 later").counts(
        "rejected_transactions_total{stage=end_of_data,class=4xx} 1
         unanswered_commands_total 1",
    );
    begun.counts("transactions_total{outcome=aborted} 1\nunanswered_commands_total 1");
}

fn prdr() -> Talk {
    talk("S: 220 mx\nC: EHLO a\nS: 250-mx\nS: 250 PRDR")
        .then(&THREE_OF_FOUR.replace("MAIL FROM:<a@b>", "MAIL FROM:<a@b> PRDR"))
}

#[test]
fn prdr_announces_then_answers_for_each_and_then_for_all() {
    prdr()
        .then("S: 353 content analysis\nS: 250 first\nS: 550 5.7.1 second\nS: 250 third\nS: 250 queued")
        .then("C: QUIT\nS: 221 Bye")
        .counts(
            "mail_parameters_total{parameter=PRDR} 1
             ehlo_keywords_total{keyword=PRDR} 1
             deliveries_total{class=2xx} 2
             deliveries_total{class=5xx} 1
             replies_total{verb=end_of_data,class=3xx} 1
             replies_total{verb=end_of_data,class=2xx} 3
             replies_total{verb=end_of_data,class=5xx} 1
             transactions_total{outcome=accepted} 1
             replies_total{verb=QUIT,class=2xx} 1",
        );
    prdr().then("S: 353 wait\nS: 250 1\nS: 250 2\nS: 250 3\nS: 550 5.7.1 spam").counts(
        "deliveries_total{class=2xx} 3
         rejected_transactions_total{stage=end_of_data,class=5xx} 1",
    );
}

#[test]
fn prdr_without_353_has_one_reply() {
    prdr().then("S: 250 queued\nC: QUIT\nS: 221 Bye").counts(
        "deliveries_total{class=2xx} 0
         replies_total{verb=end_of_data,class=2xx} 1
         transactions_total{outcome=accepted} 1
         replies_total{verb=QUIT,class=2xx} 1",
    );
}
