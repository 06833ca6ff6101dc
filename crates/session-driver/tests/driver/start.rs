//! The start of a client's stream: PROXY protocol headers, and protocols that nobody expects.

use session_driver::{Direction, OpaqueCause, Timestamp};

use crate::toy::Run;

const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 25\r\n";
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x12\x34\0\x19";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

/// What becomes of a client's octets, the same in one piece and octet by octet.
fn both_ways(octets: &[u8]) -> Run {
    let (whole, singles) = (Run::whole(octets), Run::octet_by_octet(octets));
    assert_eq!(whole.events, singles.events);
    assert_eq!((whole.parsed, &whole.unseen), (singles.parsed, &singles.unseen));
    whole
}

#[test]
fn a_proxy_header_is_noted_and_never_reaches_the_session() {
    for (header, version) in [(VERSION_1, "PROXY V1"), (VERSION_2, "PROXY V2"), (LOCAL, "PROXY V2")] {
        let run = both_ways(&[header, b"hello\r\n"].concat());
        assert_eq!(run.events, [version, r#"fed "hello\r\n""#]);
        assert_eq!(run.parsed, header.len() as u64 + 7);
    }
}

#[test]
fn every_proxy_on_the_way_may_have_put_a_header_in_front() {
    let run = both_ways(&[VERSION_2, LOCAL, VERSION_1, b"hello\r\n"].concat());
    assert_eq!(run.events, ["PROXY V2", "PROXY V2", "PROXY V1", r#"fed "hello\r\n""#]);
}

#[test]
fn what_only_begins_like_a_header_is_the_sessions() {
    for octets in [b"\r\n\r\nhello\r\n".as_slice(), b"PROXYS\r\n", b"\r\n\r\n\0\r\nQUIT\r\n", b"PRO\r\n"] {
        let run = both_ways(octets);
        let lines = octets.iter().filter(|octet| **octet == b'\n').count();
        assert_eq!(run.events.len(), lines, "{:?}", run.events);
        assert!(run.events.iter().all(|event| event.starts_with("fed ")), "{:?}", run.events);
    }
}

#[test]
fn a_header_is_none_once_the_server_has_spoken() {
    let mut run = Run::new();
    run.send(Direction::ToClient, b"hi\r\n");
    run.send(Direction::ToServer, b"\r\nPROXY\r\n");
    assert_eq!(run.events, [r#"answer "hi\r\n""#, r#"fed "\r\n""#, r#"fed "PROXY\r\n""#]);
}

#[test]
fn a_blank_line_does_not_wait_longer_than_for_the_server() {
    let mut run = Run::new();
    run.send_at(Timestamp(1), Direction::ToServer, b"\r\n");
    assert_eq!(run.events, [""; 0]);
    run.send_at(Timestamp(2), Direction::ToClient, b"what?\r\n");
    assert_eq!(run.events, [r#"fed "\r\n" at 1"#, r#"answer "what?\r\n""#]);
}

#[test]
fn nor_longer_than_for_the_clients_end() {
    let mut closed = Run::whole(b"\r\n\r\n");
    closed.half_close(Direction::ToServer);
    assert_eq!(closed.events, [r#"fed "\r\n""#, r#"fed "\r\n""#, "0 unfinished"]);
    let mut unfinished = Run::whole(b"PR");
    unfinished.half_close(Direction::ToServer);
    assert_eq!(unfinished.events, ["2 unfinished"]);
    let mut ended = Run::whole(b"\r\n");
    ended.end();
    assert_eq!(ended.events, [r#"fed "\r\n""#, "end"]);
}

#[test]
fn the_servers_end_says_nothing_about_the_clients_start() {
    let mut run = Run::whole(b"\r\n\r\n");
    run.half_close(Direction::ToClient);
    assert_eq!(run.events, ["0 unfinished"]);
    run.send(Direction::ToServer, b"\0\r\nQUIT\n\x20\x00\x00\x00");
    assert_eq!(run.events, ["0 unfinished", "PROXY V2"]);
}

/// The toy protocol panics when it is told twice.
#[test]
fn the_start_is_told_once() {
    let mut run = Run::whole(b"unfin");
    run.half_close(Direction::ToServer);
    run.end();
    assert_eq!(run.events, ["5 unfinished", "end"]);
}

#[test]
fn another_protocol_is_named_and_what_says_so_is_accounted_for_however_it_is_cut() {
    for (octets, event, signature) in [
        (b"\x16\x03\x01\x02\x00\x01".as_slice(), "opens Tls", 2),
        (b"GET / HTTP/1.1\r\n\r\n", "opens Http", 4),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "opens Http", 11),
    ] {
        for header in [b"".as_slice(), VERSION_1, VERSION_2] {
            let run = both_ways(&[header, octets].concat());
            assert_eq!(run.events.last().map(String::as_str), Some(event));
            assert_eq!(run.parsed, (header.len() + signature) as u64);
            assert_eq!(run.unseen, [(OpaqueCause::LostSync, (octets.len() - signature) as u64)]);
        }
    }
}

#[test]
fn it_is_named_after_the_server_has_spoken_too() {
    let mut run = Run::new();
    run.send(Direction::ToServer, b"\x16");
    run.send(Direction::ToClient, b"hi\r\n");
    run.send(Direction::ToServer, b"\x03\x01");
    assert_eq!(run.events, [r#"answer "hi\r\n""#, "opens Tls"]);
}

#[test]
fn only_the_start_is_looked_at() {
    let run =
        both_ways(&[b"hello\r\n".as_slice(), VERSION_1.split_at(8).0, b"\r\nGET /\r\n\x16\x03\r\n"].concat());
    assert_eq!(run.events.len(), 4, "{:?}", run.events);
    assert!(run.events.iter().all(|event| event.starts_with("fed ")), "{:?}", run.events);
}
