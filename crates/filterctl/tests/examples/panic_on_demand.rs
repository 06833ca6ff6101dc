//! `examples/panic-on-demand`. What its network filter costs under load stands in `tests/envoy/panics.rs`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, ensure};

use crate::Test;
use crate::client::{ask, connect};
use crate::counts;
use crate::ground::Ground;
use crate::sample::{SERVER, Sample};
use crate::server::{Answer, Server};

pub(crate) const TESTS: &[Test] = &[
    ("panic-on-demand: a panic ends its TCP connection", ends_its_connection),
    ("panic-on-demand: a panic is a 500 or a reset, and costs no other request", costs_one_request),
];

fn ends_its_connection(ground: &Ground) -> Result<()> {
    let server = Server::start(|asked| Answer::Now(200, Vec::new(), asked.path.clone()))?;
    let envoy = Sample::of(ground, "panic-on-demand")?.port(SERVER, server.port())?.start()?;
    let address = envoy.address("tcp")?;

    ensure!(ask(address, "GET", "/before", &[], "")?.body == "/before");
    let mut poisoned = connect(address)?;
    poisoned.write_all(b"GET /PANIC HTTP/1.1\r\nhost: x\r\n\r\n")?;
    ensure!(poisoned.read(&mut [0])? == 0, "it was answered");
    ensure!(ask(address, "GET", "/after", &[], "")?.body == "/after");
    ensure!(server.asked().iter().all(|asked| !asked.path.contains("PANIC")));

    counts::wait(
        &envoy,
        "envoy_sdk_panics_total{extension=panic-on-demand,callback=on_downstream_data} 1
         envoy_sdk_panics_total 1
         envoy_sdk_connections_closed_on_error_total{extension=panic-on-demand} 1",
    )?;
    envoy.stop()?;
    Ok(())
}

/// HTTP connections that are in use at the same time.
const CONNECTIONS: usize = 40;
/// Every so many of them, the filter panics.
const EVERY: usize = 8;

/// One request on a connection that stays open, up to the end of the answer's body.
fn exchange(stream: &mut TcpStream, number: usize) -> Result<()> {
    write!(stream, "GET /{number} HTTP/1.1\r\nhost: x\r\n\r\n")?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    let end = format!("\r\n\r\nanswer {number}.");
    while !answer.ends_with(end.as_bytes()) {
        let len = stream.read(&mut piece)?;
        ensure!(len > 0, "connection {number} ended after {}", answer.escape_ascii());
        answer.extend_from_slice(&piece[..len]);
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", answer.escape_ascii());
    Ok(())
}

fn poisoned(address: SocketAddr, panic_in: &str) -> Result<crate::client::Reply> {
    ask(address, "POST", "/0", &[("x-panic", panic_in)], "question")
}

fn costs_one_request(ground: &Ground) -> Result<()> {
    let server =
        Server::start(|asked| Answer::Now(200, Vec::new(), format!("answer {}.", &asked.path[1..])))?;
    let envoy = Sample::of(ground, "panic-on-demand")?.port(SERVER, server.port())?.start()?;
    let address = envoy.address("web")?;
    let mut streams = (0..CONNECTIONS).map(|_| connect(address)).collect::<Result<Vec<_>>>()?;
    for (number, stream) in streams.iter_mut().enumerate() {
        exchange(stream, number)?;
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        if number % EVERY == 0 {
            for panic_in in ["on_request_headers", "on_request_body"] {
                ensure!(poisoned(address, panic_in)?.status == 500, "{panic_in}");
            }
            for panic_in in ["on_response_headers", "on_response_body"] {
                let answered = poisoned(address, panic_in).is_ok_and(|reply| reply.body == "answer 0.");
                ensure!(!answered, "{panic_in}: it was answered");
            }
        }
        exchange(stream, number)?;
    }
    let panics = CONNECTIONS.div_ceil(EVERY);
    counts::wait(
        &envoy,
        &format!(
            "envoy_sdk_panics_total{{callback=on_request_headers}} {panics}
             envoy_sdk_panics_total{{callback=on_request_body}} {panics}
             envoy_sdk_panics_total{{callback=on_response_headers}} {panics}
             envoy_sdk_panics_total{{callback=on_response_body}} {panics}
             envoy_sdk_panics_total{{extension=panic-on-demand-http}} {}
             envoy_sdk_requests_failed_total {}
             envoy_sdk_streams_reset_on_error_total {}",
            4 * panics,
            2 * panics,
            2 * panics
        ),
    )?;
    envoy.stop()?;
    Ok(())
}
