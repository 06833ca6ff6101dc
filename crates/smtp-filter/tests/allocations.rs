//! A mail costs no allocation once the session has warmed up.

#[path = "support/mod.rs"]
mod support;

use session_driver::{Driver, Timestamp};
use session_test::Record;
use session_test::cutting::in_pieces;
use smtp_filter::event::SmtpEvent;
use smtp_filter::{SmtpLimits, SmtpSession};

use support::{greeted, talk};

const MAIL: &str = "
    C: MAIL FROM:<a@b> SIZE=100
    S: 250 2.1.0 OK
    C: RCPT TO:<c@d>
    C: RCPT TO:<e@f>
    C: DATA
    S: 250 2.1.5 OK
    S: 550 5.1.1 No such user
    S: 354 go
    C: Hello.
    C: .
    S: 250 2.0.0 Queued
    C: MAIL FROM:<a@b>
    C: RCPT TO:<c@d>
    C: BDAT 5 LAST
    C~ abcde
    S: 250 OK
    S: 250 OK
    S: 250 OK
    C: AUTH LOGIN
    S: 334 a
    C: dGVzdA==
    S: 535 no";

fn feed(driver: &mut Driver<SmtpSession>, records: &[Record]) {
    for Record { direction, octets, at } in records {
        let mut sink = |_: SmtpEvent<'_>| {};
        let Ok(_) = driver.data(*direction, &octets.as_slice(), Timestamp(*at), &mut sink);
    }
}

fn allocations(warm_up: &[Record], then: &[Record]) -> u64 {
    let mut driver = Driver::new(SmtpSession::new(&SmtpLimits::default(), false, Timestamp(0)));
    feed(&mut driver, warm_up);
    allocation_counter::measure(|| feed(&mut driver, then)).count_total
}

#[test]
fn whole_lines_cost_nothing() {
    assert_eq!(allocations(greeted(MAIL).records(), talk(MAIL).records()), 0);
}

#[test]
fn lines_in_pieces_reuse_the_same_buffer() {
    let pieces = |records: &[Record]| in_pieces(records, &[3, 11, 5]);
    assert_eq!(allocations(&pieces(greeted(MAIL).records()), &pieces(talk(MAIL).records())), 0);
}

#[test]
fn an_idle_connection_holds_little() {
    let mut driver = Driver::new(SmtpSession::new(&SmtpLimits::default(), false, Timestamp(0)));
    let kept = allocation_counter::measure(|| feed(&mut driver, greeted(MAIL).records())).bytes_current;
    assert!(kept <= 1_024, "{kept} octets beside the session itself");
}
