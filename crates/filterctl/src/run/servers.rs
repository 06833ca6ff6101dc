//! The servers behind an extension for those who have none at hand: on loopback, gone with the tool.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Request, Response, Server};

/// Of a request's body as much is sent back, in bytes.
const BODY: u64 = 1024 * 1024;

/// The longest that an answer can be asked to take, in milliseconds.
const LONGEST_DELAY: u64 = 60_000;

/// Starts a server that sends back every octet that it gets.
pub(super) fn echo() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot start the echo server")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || send_back(&stream));
        }
    });
    Ok(address)
}

fn send_back(stream: &TcpStream) {
    // A peer that goes away while it is served is nothing to report.
    let (mut reader, mut writer) = (stream, stream);
    let _ = io::copy(&mut reader, &mut writer);
    let _ = stream.shutdown(Shutdown::Write);
}

/// Starts an HTTP server that answers each request with what it looked like when it arrived. `/status/503` is answered
/// with that status, `/delay/800` after so many milliseconds.
pub(super) fn mirror() -> Result<SocketAddr> {
    let failed = |error| anyhow!("cannot start the HTTP server: {error}");
    let server = Server::http((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = server.server_addr().to_ip().context("the HTTP server has no address")?;
    thread::spawn(move || {
        for request in server.incoming_requests() {
            thread::spawn(move || answer(request));
        }
    });
    Ok(address)
}

fn answer(mut request: Request) {
    let wish = |prefix| request.url().strip_prefix(prefix)?.parse::<u64>().ok();
    let status = wish("/status/").and_then(|status| u16::try_from(status).ok());
    let delay = wish("/delay/").unwrap_or(0).min(LONGEST_DELAY);
    let text = described(&mut request);
    thread::sleep(Duration::from_millis(delay));
    let mut response = Response::from_data(text);
    if let Some(status) = status.filter(|status| (200..600).contains(status)) {
        response = response.with_status_code(status);
    }
    if let Ok(kind) = Header::from_bytes("content-type", "text/plain; charset=utf-8") {
        response = response.with_header(kind);
    }
    // A client that goes away while it is served is nothing to report.
    let _ = request.respond(response);
}

/// The request as text: its first line, its headers, its body.
fn described(request: &mut Request) -> Vec<u8> {
    let mut text = format!("{} {}\n", request.method(), request.url()).into_bytes();
    for header in request.headers() {
        text.extend(format!("{}: {}\n", header.field, header.value).bytes());
    }
    let mut body = Vec::new();
    // What has arrived of a body that breaks off is shown.
    let _ = request.as_reader().take(BODY).read_to_end(&mut body);
    if !body.is_empty() {
        text.push(b'\n');
        text.extend(body);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn every_octet_comes_back() {
        assert_eq!(ask(echo().unwrap(), "hello"), "hello");
    }

    #[test]
    fn a_request_is_answered_with_what_it_looked_like() {
        let address = mirror().unwrap();
        let answer = ask(
            address,
            "POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Own: 1\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
        );
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\n\r\nPOST /a?b=c\nHost: x\nX-Own: 1\n"), "{answer}");
        assert!(answer.ends_with("\n\nbody"), "{answer}");
    }

    #[test]
    fn a_status_can_be_asked_for() {
        let address = mirror().unwrap();
        for (path, status) in
            [("/status/503", "503"), ("/status/99", "200"), ("/status/x", "200"), ("/delay/1", "200")]
        {
            let answer =
                ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        }
    }
}
