//! The clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};

use crate::counts::SOON;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// A header's value; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    fn parse(octets: &[u8]) -> Result<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let head = response.parse(octets)?;
        ensure!(head.is_complete(), "an incomplete answer: {}", octets.escape_ascii());
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ok(Self {
            status: response.code.context("no status")?,
            headers: response.headers.iter().map(|h| (h.name.to_lowercase(), text(h.value))).collect(),
            body: text(octets.get(head.unwrap()..).unwrap_or_default()),
        })
    }
}

/// Sends a request over a connection of its own. An error means that no complete answer came.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Reply> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!("content-length: {}\r\n", body.len());
    }
    let mut stream = connect(address)?;
    // In one piece: Envoy may answer and close before it has read all of it, and then resets.
    stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            Err(error).context("waiting for an answer")
        }
        _ => Reply::parse(&answer),
    }
}

/// `GET` without further headers.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Reply> {
    ask(address, "GET", path, &[], "")
}

/// A connection of which every wait is bounded.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, SOON).context("connecting to Envoy")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SOON))?;
    stream.set_write_timeout(Some(SOON))?;
    Ok(stream)
}
