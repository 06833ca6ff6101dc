//! The server as a browser meets it, and as others would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::*;
use crate::web::state::State;

fn web(look: u64) -> Web {
    let web = Web::serve(0).unwrap();
    web.board().post(State { look, ..State::default() });
    web
}

/// The whole answer to a request with these lines.
fn ask(web: &Web, lines: &str) -> String {
    let mut stream = TcpStream::connect(web.address).unwrap();
    write!(stream, "{lines}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(web: &Web, path: &str) -> String {
    ask(web, &format!("GET {path} HTTP/1.1\r\nHost: {}", web.address))
}

#[test]
fn the_page_may_do_nothing_but_ask_its_own_server() {
    let web = web(1);
    for path in ["/", "/page.js", "/state.json", "/nothing"] {
        let answer = get(&web, path).to_ascii_lowercase();
        for part in ["content-security-policy: default-src 'none'; script-src 'self'", "nosniff", "no-store"]
        {
            assert!(answer.contains(part), "{path}: {part} is missing in {answer}");
        }
        assert!(!answer.contains("unsafe-") && !answer.contains("access-control"), "{answer}");
    }
    assert!(get(&web, "/").contains("<!doctype html>"));
    assert!(get(&web, "/../Cargo.toml").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_name_of_somebody_else_s_is_not_answered_to() {
    let web = web(1);
    let port = web.address.port();
    for host in ["evil.example", "127.0.0.1", "127.0.0.1.evil.example", "localhost:1"] {
        let answer = ask(&web, &format!("GET /state.json HTTP/1.1\r\nHost: {host}"));
        assert!(answer.starts_with("HTTP/1.1 421 ") && !answer.contains("look"), "{host}: {answer}");
        let answer = ask(&web, &format!("GET / HTTP/1.1\r\nHost: {host}:{port}"));
        assert_eq!(answer.starts_with("HTTP/1.1 200 "), host == "127.0.0.1", "{host}: {answer}");
    }
    assert!(ask(&web, "GET / HTTP/1.1\r\nX-Host: x").starts_with("HTTP/1.1 421 "));
    let localhost = format!("GET / HTTP/1.1\r\nHost: localhost:{port}");
    assert!(ask(&web, &localhost).starts_with("HTTP/1.1 200 "));
}

#[test]
fn there_is_nothing_to_be_changed() {
    let web = web(1);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&web, &format!("{method} /state.json HTTP/1.1\r\nHost: {}", web.address));
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
    }
}

#[test]
fn a_browser_that_takes_nothing_keeps_nobody_waiting() {
    let web = web(3);
    // More than a connection holds on its way: Linux keeps at most some 10 MB there.
    let long = Arc::new("x".repeat(32 << 20));
    web.board().post(State { look: 3, said: vec![long], ..State::default() });
    let stalled: Vec<TcpStream> = (0..6)
        .map(|_| {
            let mut stream = TcpStream::connect(web.address).unwrap();
            write!(stream, "GET /state.json HTTP/1.1\r\nHost: {}\r\n\r\n", web.address).unwrap();
            // The answer has begun, and goes no further.
            stream.read_exact(&mut [0; 15]).unwrap();
            stream
        })
        .collect();
    for look in 4..10 {
        web.board().post(State { look, ..State::default() });
        assert!(get(&web, "/state.json?after=0").contains(&format!("\"look\":{look}")));
    }
    drop(stalled);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let web = web(1);
    let error = format!("{:#}", Web::serve(web.address.port()).err().unwrap());
    assert!(error.contains(&web.address.to_string()) && error.contains("in use"), "{error}");
}

#[test]
fn it_ends_with_the_run() {
    let web = web(1);
    let address = web.address;
    let mut idle = TcpStream::connect(address).unwrap();
    assert!(get(&web, "/state.json?after=0&page=a").contains("\"look\":1"));
    web.finish();
    let until = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < until, "somebody still listens");
    }
    // A connection that was open has been closed.
    let _ = write!(idle, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let _ = idle.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{}", answer.escape_ascii());
}
