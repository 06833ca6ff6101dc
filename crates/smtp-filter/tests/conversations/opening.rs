//! The first octets of a connection, and the greeting.

use session_driver::{CloseCause, Direction, Driver, Timestamp};
use smtp_filter::event::SmtpEvent;
use smtp_filter::{SmtpLimits, SmtpSession};

use crate::support::{greeted, talk};

#[test]
fn a_plain_mail() {
    greeted(
        "C: MAIL FROM:<alice@example.org>
         S: 250 2.1.0 OK
         C: RCPT TO:<bob@example.net>
         S: 250 2.1.5 OK
         C: DATA
         S: 354 Go ahead
         C: Subject: hello
         C:
         C: Hello.
         C: .
         S: 250 2.0.0 Queued
         C: QUIT
         S: 221 2.0.0 Bye",
    )
    .counts(
        "connections_closed_total{ending=quit} 1
         greetings_total{class=2xx} 1
         commands_total{verb=EHLO} 1
         commands_total{verb=MAIL} 1
         commands_total{verb=RCPT} 1
         commands_total{verb=DATA} 1
         commands_total{verb=QUIT} 1
         commands_total{verb=other} 0
         replies_total{verb=EHLO,class=2xx} 1
         replies_total{verb=MAIL,class=2xx} 1
         replies_total{verb=RCPT,class=2xx} 1
         replies_total{verb=DATA,class=3xx} 1
         replies_total{verb=end_of_data,class=2xx} 1
         replies_total{verb=QUIT,class=2xx} 1
         reply_codes_total{code=220} 1
         reply_codes_total{code=221} 1
         reply_codes_total{code=250} 4
         reply_codes_total{code=354} 1
         unmatched_replies_total 0
         unanswered_commands_total 0
         transactions_started_total 1
         transactions_total{outcome=accepted} 1
         accepted_transactions_total{method=data} 1
         recipients_total{outcome=accepted} 1
         refusals_total{reason=other} 0
         null_senders_total 0",
    );
}

#[test]
fn a_server_may_refuse_in_its_greeting() {
    talk("S: 554 5.7.1 No SMTP service here\nC: QUIT\nS: 221 Bye").counts(
        "greetings_total{class=5xx} 1
         refusals_total{reason=policy} 1
         replies_total{verb=QUIT,class=2xx} 1
         anomalies_total{kind=greeting_not_220} 1",
    );
    talk("S: 421 4.3.2 Too busy").ends(CloseCause::Server).counts(
        "greetings_total{class=4xx} 1
         closing_replies_total 1
         unmatched_replies_total 0
         connections_closed_total{ending=server} 1
         anomalies_total{kind=greeting_not_220} 1",
    );
}

#[test]
fn no_greeting_is_counted_on_its_own() {
    talk("").counts("greetings_missing_total 1\nconnections_closed_total{ending=client} 1");
    talk("C: EHLO a").ends(CloseCause::Local).counts(
        "greetings_missing_total 1
         unanswered_commands_total 1
         connections_closed_total{ending=local} 1
         anomalies_total{kind=client_before_greeting} 1",
    );
}

#[test]
fn a_client_that_speaks_first_stays_paired() {
    let early = talk("C: EHLO a\nC: NOOP\nS: 220-mx\nS: 220 ready\nS: 250-mx\nS: 250 SIZE 1000\nS: 250 OK");
    early.counts(
        "greetings_total{class=2xx} 1
         replies_total{verb=EHLO,class=2xx} 1
         replies_total{verb=NOOP,class=2xx} 1
         ehlo_keywords_total{keyword=SIZE} 1
         ehlo_keywords_total{keyword=other} 0
         anomalies_total{kind=client_before_greeting} 1",
    );
}

#[test]
fn a_conversation_that_had_begun_before_is_followed_from_there() {
    talk("C: RCPT TO:<a@b>\nS: 250 OK\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 OK").counts(
        "greetings_total{class=2xx} 0
         replies_total{verb=RCPT,class=2xx} 1
         replies_total{verb=end_of_data,class=2xx} 1
         recipients_total{outcome=accepted} 1
         transactions_started_total 0
         anomalies_total{kind=client_before_greeting} 1
         anomalies_total{kind=joined_mid_stream} 1
         anomalies_total{kind=rcpt_before_mail} 1",
    );
}

#[test]
fn tls_from_the_first_octet_is_opaque() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\nQUIT\r\n";
    talk("").client(hello).server(b"\x16\x03\x03\x00\x3d").counts(
        "greetings_missing_total 0
         commands_total{verb=QUIT} 0",
    );
}

#[test]
fn tls_behind_a_greeting_is_odd() {
    talk("S: 220 mx").client(b"\x16\x03\x01\x02\x00").server(b"500 what?\r\n").counts(
        "greetings_total{class=2xx} 1
         unmatched_replies_total 0
         anomalies_total{kind=tls_hello} 1",
    );
}

#[test]
fn http_is_named_and_followed_as_commands() {
    talk("S: 220 mx\nC: GET / HTTP/1.1\nC: Host: a\nS: 502 unknown\nS: 221 I can break rules, too").counts(
        "commands_total{verb=other} 2
         replies_total{verb=other,class=5xx} 1
         replies_total{verb=other,class=2xx} 1
         anomalies_total{kind=http} 1",
    );
}

#[test]
fn proxy_headers_are_skipped_and_noted() {
    let version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x12\x34\0\x19";
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    for header in [b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 25\r\n".as_slice(), version_2, local] {
        let version = if header.starts_with(b"PROXY") { "v1" } else { "v2" };
        talk("").client(header).then("S: 220 mx\nC: NOOP\nS: 250 OK").counts(&format!(
            "proxy_headers_total{{version={version}}} 1
             commands_total{{verb=NOOP}} 1
             commands_total{{verb=QUIT}} 0
             commands_total{{verb=other}} 0
             replies_total{{verb=NOOP,class=2xx}} 1"
        ));
    }
    let tls = [version_2.as_slice(), b"\x16\x03\x01"].concat();
    let seen = talk("").client(&tls).counts("proxy_headers_total{version=v2} 1");
    assert!(seen.events.iter().any(|event| event.contains("cause: Tls")), "{:?}", seen.events);
}

#[test]
fn blank_lines_that_begin_like_a_proxy_header_are_blank_lines() {
    talk("S: 220 mx\nC:\nC:\nC: NOOP\nS: 500 what\nS: 500 what\nS: 250 OK").counts(
        "commands_total{verb=NOOP} 1
         replies_total{verb=NOOP,class=2xx} 1
         replies_total{verb=other,class=5xx} 2
         anomalies_total{kind=blank_line} 2",
    );
}

#[test]
fn a_blank_line_that_begins_like_a_proxy_header_keeps_its_answer() {
    talk("S: 220 mx\nC:\nS: 500 what\nC: NOOP\nS: 250 OK").counts(
        "replies_total{verb=other,class=5xx} 1
         replies_total{verb=NOOP,class=2xx} 1
         unmatched_replies_total 0
         anomalies_total{kind=blank_line} 1",
    );
}

#[test]
fn to_a_server_that_has_greeted_a_proxy_header_is_a_command() {
    talk("S: 220 mx\nC: PROXY TCP4 192.0.2.1 192.0.2.2 4660 25\nS: 502 what\nC: QUIT\nS: 221 Bye").counts(
        "proxy_headers_total{version=v1} 0
         commands_total{verb=other} 1
         replies_total{verb=other,class=5xx} 1
         replies_total{verb=QUIT,class=2xx} 1
         unmatched_replies_total 0",
    );
}

#[test]
fn an_ending_is_counted_once_and_named() {
    for (cause, ending) in [
        (CloseCause::Client, "client"),
        (CloseCause::Server, "server"),
        (CloseCause::Local, "local"),
        (CloseCause::Unknown, "unknown"),
    ] {
        greeted("C: NOOP\nS: 250 OK")
            .ends(cause)
            .counts(&format!("connections_closed_total{{ending={ending}}} 1\nunanswered_commands_total 0"));
        greeted("C: QUIT").ends(cause).counts(
            "connections_closed_total{ending=quit} 1
             unanswered_commands_total 1",
        );
    }
}

#[test]
fn after_a_half_close_the_server_may_still_answer_everything() {
    let mut seen = Vec::new();
    let mut sink = |event: SmtpEvent<'_>| seen.push(format!("{event:?}"));
    let mut driver = Driver::new(SmtpSession::new(&SmtpLimits::default(), false, Timestamp(0)));
    let said: [(Direction, &[u8]); 3] = [
        (Direction::ToClient, b"220 mx\r\n"),
        (Direction::ToServer, b"NOOP\r\nQUIT\r\nunfinished"),
        (Direction::ToClient, b"250 OK\r\n221 Bye\r\n"),
    ];
    for (direction, octets) in said {
        let Ok(_) = driver.data(direction, &octets, Timestamp(0), &mut sink);
        if direction == Direction::ToServer {
            driver.half_close(direction, Timestamp(0), &mut sink);
        }
    }
    driver.end(CloseCause::Client, Timestamp(0), &mut sink);
    let count = |what: &str| seen.iter().filter(|event| event.contains(what)).count();
    assert_eq!(
        (count("Command"), count("Reply {"), count("Unanswered"), count("ending: Quit")),
        (2, 2, 0, 1)
    );
}
