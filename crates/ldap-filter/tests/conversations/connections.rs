//! How connections start and end.

use common_metrics::Tally;
use ldap_filter::event::LdapEvent;
use ldap_filter::{LdapLimits, LdapSession, count};
use session_driver::{CloseCause, Direction, Driver, Timestamp, Wanted};
use session_test::Series;

use crate::support::messages::*;
use crate::support::{Exchange as _, talk};

#[test]
fn an_unbind_is_how_a_client_leaves() {
    talk()
        .asks(bind(1, "cn=app", "x"))
        .answers(bind_result(1, 0))
        .asks(unbind(2))
        .ends(CloseCause::Server)
        .counts("connections_closed_total{ending=unbind} 1\nrequests_total{operation=unbind} 1");
}

#[test]
fn endings_by_who_ended() {
    for (cause, ending) in [
        (CloseCause::Client, "client"),
        (CloseCause::Server, "server"),
        (CloseCause::Local, "local"),
        (CloseCause::Unknown, "unknown"),
    ] {
        let counts = format!("connections_closed_total{{ending={ending}}} 1\nunanswered_operations_total 1");
        talk().asks(search(1)).ends(cause).counts(&counts);
    }
}

#[test]
fn nobody_listens_behind_an_unbind() {
    for behind in 1..=3 {
        let mut talk = talk().asks(unbind(1));
        for id in 2..2 + behind {
            talk = talk.asks(search(id));
        }
        talk.counts("requests_total{operation=search} 0\nanomalies_total{kind=after_unbind} 1");
    }
}

#[test]
fn answers_may_still_come_behind_an_unbind() {
    talk()
        .asks(search(1))
        .asks(unbind(2))
        .answers(search_done(1, 0))
        .counts("unanswered_operations_total 0\nunmatched_responses_total 0");
}

#[test]
fn the_server_says_that_it_closes() {
    let seen = talk().asks(search(1)).answers(notice_of_disconnection()).ends(CloseCause::Server).counts(
        "unsolicited_notifications_total{notice=disconnection} 1
         responses_total{operation=extended,outcome=error} 0
         unmatched_responses_total 0
         unanswered_operations_total 1",
    );
    assert_eq!(seen.sum("responses_total"), 0);
}

#[test]
fn active_directory_puts_the_notices_name_behind_the_operation() {
    let result = super::support::ber::all(
        0x78,
        &[vec![0x0a, 1, 52], vec![0x04, 0], super::support::ber::octet_string("00000000: LdapErr")],
    );
    let name = super::support::ber::tlv(0x8a, b"1.3.6.1.4.1.1466.20036");
    let message = [vec![2, 1, 0], result, name].concat();
    talk()
        .server(&super::support::ber::tlv(0x30, &message))
        .counts("unsolicited_notifications_total{notice=disconnection} 1");
}

#[test]
fn other_notices_are_other() {
    talk().answers(extended_result(0, 0)).counts("unsolicited_notifications_total{notice=other} 1");
}

#[test]
fn tls_from_the_first_octet_is_opaque_and_not_odd() {
    let seen = talk()
        .client(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
        .server(b"\x16\x03\x03")
        .counts("connections_closed_total{ending=client} 1\nrequests_total 0");
    assert!(seen.unseen["tls"] > 0);
}

#[test]
fn http_is_named() {
    let seen = talk().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").counts("anomalies_total{kind=http} 1");
    assert!(seen.unseen["lost_sync"] > 0);
}

#[test]
fn what_is_no_ldap_is_lost() {
    let seen = talk().client(b"EHLO a.example\r\n").counts("anomalies_total{kind=not_ldap} 1");
    assert!(seen.events.iter().any(|event| event.starts_with("WentOpaque")), "{:#?}", seen.events);
}

#[test]
fn a_connection_that_ends_inside_a_message_is_said() {
    let octets = search(1).octets();
    talk().client(&octets[..octets.len() - 1]).counts(
        "requests_total{operation=search} 0
         anomalies_total{kind=truncated_message} 1",
    );
}

/// What is counted when the client says this, ends its direction, and is then left by the server.
fn half_closed(said: &[u8]) -> Series {
    let mut tally = Tally::default();
    let mut sink = |event: LdapEvent<'_>| count(&event, &mut tally);
    let mut driver = Driver::new(LdapSession::new(&LdapLimits::default(), Wanted::default()));
    let Ok(_) = driver.data(Direction::ToServer, &said, Timestamp(1), &mut sink);
    driver.half_close(Direction::ToServer, Timestamp(2), &mut sink);
    let Ok(_) =
        driver.data(Direction::ToClient, &search_done(1, 0).octets().as_slice(), Timestamp(3), &mut sink);
    driver.end(CloseCause::Server, Timestamp(4), &mut sink);
    Series::of(&tally)
}

#[test]
fn a_half_closed_client_is_still_answered() {
    let series = half_closed(&search(1).octets());
    assert_eq!(series.value("results_total{result=success}"), 1);
    assert_eq!(series.sum("unanswered_operations_total") + series.sum("anomalies_total"), 0, "{series:#?}");
}

#[test]
fn what_is_cut_off_is_said_once() {
    for cut in [1, 3, 30] {
        let said = [search(1).octets(), search(2).octets()[..cut].to_vec()].concat();
        let series = half_closed(&said);
        assert_eq!(series.value("anomalies_total{kind=truncated_message}"), 1, "{cut} octets");
    }
    let long = [search(1).octets(), add(2, 100_000).octets()[..50_000].to_vec()].concat();
    assert_eq!(half_closed(&long).value("anomalies_total{kind=truncated_message}"), 1);
}

#[test]
fn what_waits_for_start_tls_is_not_cut_off() {
    let said = [extended(2, START_TLS).octets(), vec![0x16, 3]].concat();
    assert_eq!(half_closed(&said).sum("anomalies_total"), 0);
}

#[test]
fn a_connection_without_a_word_is_a_connection() {
    let seen = talk().counts("connections_closed_total{ending=client} 1");
    assert_eq!(seen.histogram("operations_per_connection"), [0]);
}

#[test]
fn a_proxy_header_in_front_is_no_request() {
    talk()
        .client(b"PROXY TCP4 192.0.2.1 192.0.2.2 1024 389\r\n")
        .asks(search(1))
        .counts("proxy_headers_total{version=v1} 1\nrequests_total{operation=search} 1");
}
