//! The courier against a server that follows a script.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use clap::Parser;
use log_by_mail::{Courier, Leg, Occurrence, Settings, Tally};

/// Answers every command by `answer`, which gets its first word and its last one; `None` hangs up.
/// Returns what it received, one entry per connection.
fn serve(
    connections: usize,
    answer: fn(&str, &str) -> Option<&'static str>,
) -> (String, JoinHandle<Vec<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        (0..connections).map(|_| converse(&listener.accept().unwrap().0, answer)).collect()
    });
    (address, server)
}

fn converse(mut stream: &TcpStream, answer: fn(&str, &str) -> Option<&'static str>) -> Vec<String> {
    let mut received = Vec::new();
    let mut lines = BufReader::new(stream).lines();
    stream.write_all(b"220 ready\r\n").unwrap();
    while let Some(Ok(line)) = lines.next() {
        let mut words = line.split([' ', ':']);
        let first = words.next().unwrap_or_default();
        let Some(reply) = answer(first, words.next_back().unwrap_or_default()) else { break };
        if reply.starts_with("354") {
            stream.write_all(b"354 go on\r\n").unwrap();
            let content = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").count();
            received.push(format!("DATA {}", content > 10));
            let reply = answer("content", "").unwrap();
            stream.write_all(format!("{reply}\r\n").as_bytes()).unwrap();
        } else {
            stream.write_all(format!("{reply}\r\n").as_bytes()).unwrap();
            received.push(line);
        }
    }
    received
}

fn mail(server: &str, mails: u64, arguments: &[&str]) -> Tally {
    let settings = Settings::parse_from([&["x", "--smtp", server, "--timeout", "2s"], arguments].concat());
    let mut courier = Courier::new(&settings).unwrap();
    for number in 1..=mails {
        courier.mail(&Occurrence { at: SystemTime::UNIX_EPOCH, text: format!("error {number}") });
    }
    courier.finish()
}

#[test]
fn a_refused_recipient_does_not_keep_the_others_from_their_mail() {
    let (address, server) = serve(2, |verb, last| match (verb, last) {
        ("RCPT", "<nobody@mail.example>") => Some("550 5.1.1 unknown"),
        ("DATA", _) => Some("354"),
        _ => Some("250 ok"),
    });
    let tally = mail(&address, 5, &["--mails-per-connection", "4"]);
    let expected = Leg {
        connections: 2,
        mails_tried: 5,
        mails_accepted: 4,
        mails_rejected: 1,
        mails_failed: 0,
        recipients_accepted: 5,
        recipients_refused: 2,
    };
    assert_eq!(tally.clear, expected);
    assert_eq!(tally.total(), expected);
    let received = server.join().unwrap();
    // The fourth mail had a bad recipient only: it is called off, the connection goes on to its QUIT.
    let end: Vec<&str> = received[0].iter().rev().take(4).rev().map(String::as_str).collect();
    assert_eq!(end, ["MAIL FROM:<app@shop.example>", "RCPT TO:<nobody@mail.example>", "RSET", "QUIT"]);
    assert_eq!(received[1].iter().filter(|line| line.starts_with("RCPT")).count(), 3);
    assert!(received[1].contains(&"DATA true".to_owned()));
}

#[test]
fn refusals_at_every_stage_are_rejected_mails() {
    let stages: [fn(&str, &str) -> Option<&'static str>; 3] = [
        |verb, _| Some(if verb == "MAIL" { "550 5.7.1 no" } else { "250 ok" }),
        |verb, _| Some(if verb == "DATA" { "451 4.3.0 later" } else { "250 ok" }),
        |verb, _| match verb {
            "DATA" => Some("354"),
            "content" => Some("552 5.3.4 too big"),
            _ => Some("250 ok"),
        },
    ];
    for answer in stages {
        let (address, server) = serve(1, answer);
        let tally = mail(&address, 2, &[]);
        assert_eq!(
            (tally.clear.mails_rejected, tally.clear.mails_failed, tally.clear.connections),
            (2, 0, 1)
        );
        server.join().unwrap();
    }
}

#[test]
fn a_lost_connection_fails_one_mail_and_the_next_one_gets_a_new_connection() {
    let (address, server) = serve(2, |verb, _| if verb == "RCPT" { None } else { Some("250 ok") });
    let tally = mail(&address, 2, &[]);
    assert_eq!((tally.clear.mails_failed, tally.clear.connections), (2, 2));
    server.join().unwrap();
}

#[test]
fn a_server_without_starttls_fails_the_mails_that_demand_it() {
    let (address, server) = serve(1, |_, _| Some("250 ok"));
    let tally = mail(&address, 1, &["--starttls-share", "1"]);
    assert_eq!((tally.starttls.connections, tally.starttls.mails_failed, tally.clear.mails_tried), (0, 1, 0));
    server.join().unwrap();
}

#[test]
fn no_server_at_all_is_counted_too() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tally = mail(&free.to_string(), 2, &[]);
    assert_eq!((tally.clear.connections, tally.clear.mails_failed), (0, 2));
}

#[test]
fn a_wrong_address_or_certificate_is_refused_before_anything_is_mailed() {
    for (arguments, problem) in [
        (vec!["--smtp", "localhost"], "must be HOST:PORT"),
        (vec!["--smtp", "localhost:smtp"], "is not a port"),
        (vec!["--smtp", "localhost:25", "--ca", "/no/such/file"], "--ca /no/such/file"),
    ] {
        let settings = Settings::parse_from([vec!["x"], arguments].concat());
        let error = Courier::new(&settings).err().map(|error| format!("{error:#}")).unwrap();
        assert!(error.contains(problem), "{error}");
    }
}
