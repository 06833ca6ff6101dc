use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};

use super::tally::Rejected;
use super::*;

fn start(rules: Rules) -> (SmtpServer, Certificate) {
    let certificate = Certificate::for_host("mail.example").unwrap();
    (SmtpServer::start(rules, &certificate).unwrap(), certificate)
}

/// Sends everything at once, then reads until the server closes.
fn talk(server: &SmtpServer, text: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().map(str::to_owned).collect()
}

fn codes(lines: &[String]) -> Vec<&str> {
    lines.iter().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

/// The server closes its end before it strikes the connection off its list.
fn wait_until_empty(server: &SmtpServer) {
    while server.open_connections() > 0 {
        thread::yield_now();
    }
}

#[test]
fn a_pipelined_conversation_is_answered_in_order_and_counted() {
    let (server, _) = start(Rules::default());
    let lines = talk(
        &server,
        "EHLO client\r\nMAIL FROM:<a@b.example> SIZE=10\r\nRCPT TO:<ops@mail.example>\r\nRCPT TO:<nobody@mail.example>\r\n\
         DATA\r\n..stuffed\r\n\r\n.\r\nNOOP\r\nVRFY x\r\nBOGUS\r\nQUIT\r\n",
    );
    assert_eq!(codes(&lines), ["220", "250", "250", "250", "550", "354", "250", "250", "252", "500", "221"]);
    assert!(lines.contains(&"250-STARTTLS".to_owned()));
    let tally = server.tally();
    let clear = &tally.clear;
    assert_eq!((clear.transactions_started, clear.transactions_accepted), (1, 1));
    assert_eq!((clear.recipients_accepted, clear.recipients_refused), (1, 1));
    assert_eq!(clear.message_octets, ".stuffed\r\n\r\n".len() as u64);
    assert_eq!((clear.commands["RCPT"], clear.commands["other"], clear.commands["QUIT"]), (2, 1, 1));
    assert_eq!((clear.replies["2xx"], clear.replies["3xx"], clear.replies["5xx"]), (7, 1, 2));
    assert_eq!(tally.octets_sent, lines.iter().map(|line| line.len() as u64 + 2).sum::<u64>());
    wait_until_empty(&server);
}

#[test]
fn every_transaction_has_one_outcome() {
    let (server, _) = start(Rules { message_octets: 20, ..Rules::default() });
    let lines = talk(
        &server,
        "MAIL FROM:<>\r\nEHLO client\r\nMAIL FROM:<> SIZE=21\r\n\
         MAIL FROM:<>\r\nRCPT TO:<full@x>\r\nDATA\r\nRSET\r\n\
         MAIL FROM:<>\r\nRCPT TO:<ops@x>\r\nMAIL FROM:<>\r\nRSET\r\n\
         MAIL FROM:<>\r\nRCPT TO:<ops@x>\r\nDATA\r\nmuch more than twenty octets\r\n.\r\n\
         MAIL FROM:<>\r\nRCPT TO:<later@x>\r\nRCPT TO:<ops@x>\r\nQUIT\r\n",
    );
    let expected = [
        "220", "503", "250", "552", "250", "452", "554", "250", "250", "250", "503", "250", "250", "250",
        "354", "552", "250", "450", "250", "221",
    ];
    assert_eq!(codes(&lines), expected);
    wait_until_empty(&server);
    let clear = server.tally().clear;
    assert_eq!(clear.transactions_started, 6);
    assert_eq!(clear.transactions_rejected, Rejected { mail: 2, rcpt_all: 1, end_of_data: 1 });
    assert_eq!((clear.transactions_reset, clear.transactions_aborted), (1, 1));
}

#[test]
fn a_dot_between_bare_line_feeds_does_not_end_a_message() {
    let (server, _) = start(Rules::default());
    let lines = talk(
        &server,
        "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ops@x>\r\nDATA\r\na\n.\nMAIL FROM:<smuggled@x>\r\n.\r\nQUIT\r\n",
    );
    assert_eq!(codes(&lines), ["220", "250", "250", "250", "354", "250", "221"]);
    assert_eq!(server.tally().clear.commands["MAIL"], 1);
}

#[test]
fn an_overlong_command_is_refused_and_the_next_one_is_heard() {
    let (server, _) = start(Rules::default());
    let lines = talk(&server, &format!("NOOP {}\r\nQUIT\r\n", "x".repeat(10_000)));
    assert_eq!(codes(&lines), ["220", "500", "221"]);
}

#[test]
fn after_starttls_nothing_said_in_clear_text_counts() {
    let (server, certificate) = start(Rules::default());
    let socket = TcpStream::connect(server.address()).unwrap();
    let mut clear = BufReader::new(socket.try_clone().unwrap());
    let mut line = String::new();
    clear.read_line(&mut line).unwrap();
    // RSET is the injected command of CVE-2011-0411: it must be neither executed nor answered.
    (&socket).write_all(b"STARTTLS\r\nRSET\r\n").unwrap();
    clear.read_line(&mut line).unwrap();
    assert!(line.ends_with("220 2.0.0 go ahead\r\n"), "{line}");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("mail.example").unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tls = rustls::StreamOwned::new(client, socket);
    tls.write_all(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ops@x>\r\nDATA\r\nhi\r\n.\r\nSTARTTLS\r\nQUIT\r\n")
        .unwrap();
    let mut answer = String::new();
    tls.read_to_string(&mut answer).unwrap();
    let lines: Vec<String> = answer.lines().map(str::to_owned).collect();
    assert_eq!(codes(&lines), ["250", "250", "250", "354", "250", "503", "221"]);
    assert!(!answer.contains("STARTTLS"), "offered again: {answer}");

    let tally = server.tally();
    assert_eq!((tally.connections, tally.starttls_sessions), (1, 1));
    assert_eq!(tally.clear.commands, BTreeMap::from([("STARTTLS", 1)]));
    assert_eq!(tally.starttls.transactions_accepted, 1);
}

#[test]
fn stopping_closes_what_is_open() {
    let (server, _) = start(Rules::default());
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(server.open_connections(), 1);
    drop(server);
    let mut rest = String::new();
    // Whether it ends or breaks: it does not stay open.
    let _ = stream.read_to_string(&mut rest);
}
