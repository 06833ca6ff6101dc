//! `examples/connection-gate`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use anyhow::{Context, Result, ensure};
use socket2::SockRef;

use crate::Test;
use crate::client::connect;
use crate::counts::{self, SOON};
use crate::ground::Ground;
use crate::sample::{SERVER, SERVICE, Sample};
use crate::server::{Answer, Server};
use crate::wire::{End, Wire};

pub(crate) const TESTS: &[Test] = &[
    ("connection-gate: the service decides; without a decision clients are refused", fails_closed),
    ("connection-gate: a connection waits for the decision, and may pass without one", waits_and_fails_open),
];

/// The server behind Envoy.
fn server() -> Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // On Linux, this bounds accept(2).
    SockRef::from(&listener).set_read_timeout(Some(SOON))?;
    Ok(listener)
}

/// A connection that gets through: both of its ends.
fn open(address: SocketAddr, server: &TcpListener) -> Result<Wire> {
    let client = connect(address)?;
    let (server, _) = server.accept().context("waiting for Envoy to connect to the server")?;
    Wire::new(Box::new(client.try_clone()?), client, server)
}

/// A connection that is closed before anything happened on it.
fn is_refused(address: SocketAddr) -> Result<()> {
    let mut octets = Vec::new();
    connect(address)?.read_to_end(&mut octets).context("waiting for the end")?;
    ensure!(octets.is_empty(), "{}", octets.escape_ascii());
    Ok(())
}

fn fails_closed(ground: &Ground) -> Result<()> {
    let server = server()?;
    let status = Arc::new(AtomicU16::new(200));
    let service = Server::start({
        let status = Arc::clone(&status);
        move |_| match status.load(Ordering::SeqCst) {
            0 => Answer::Never,
            status => Answer::status(status),
        }
    })?;
    let envoy = Sample::of(ground, "connection-gate")?
        .port(SERVER, server.local_addr()?.port())?
        .port(SERVICE, service.port())?
        // Long enough for a busy machine.
        .change("\"timeout_milliseconds\": 500", "\"timeout_milliseconds\": 3000")?
        .start()?;
    let address = envoy.address("tcp")?;

    let mut wire = open(address, &server)?;
    wire.say(End::Client, b"question")?;
    wire.say(End::Server, b"answer")?;
    let question = service.asked().pop().unwrap_or_default();
    ensure!(
        (question.method.as_str(), question.path.as_str()) == ("GET", "/admit/127.0.0.1"),
        "{question:?}"
    );

    for refusal in [403, 500, 0] {
        status.store(refusal, Ordering::SeqCst);
        is_refused(address).with_context(|| format!("the service says {refusal}"))?;
    }
    drop(service);
    is_refused(address).context("there is no service")?;
    // Who is inside stays.
    wire.say(End::Client, b"another question")?;
    wire.close(End::Client)?;

    counts::wait(
        &envoy,
        "connection_gate_connections_total{outcome=admitted} 1
         connection_gate_connections_total{outcome=refused} 1
         connection_gate_connections_total{outcome=failed_closed} 3
         connection_gate_connections_total 5
         connection_gate_connections_waiting 0
         envoy_cluster_upstream_cx_total{envoy_cluster_name=server} 1
         envoy_sdk_errors_total 0",
    )?;
    envoy.stop()?;
    Ok(())
}

fn waits_and_fails_open(ground: &Ground) -> Result<()> {
    let server = server()?;
    let (decision, decisions) = mpsc::channel();
    let decisions = Mutex::new(decisions);
    // Answers when, and what, the test tells it to.
    let service = Server::start(move |_| {
        let decision = decisions.lock().ok().and_then(|decisions| decisions.recv_timeout(SOON).ok());
        decision.unwrap_or(Answer::Never)
    })?;
    let envoy = Sample::of(ground, "connection-gate")?
        .port(SERVER, server.local_addr()?.port())?
        .port(SERVICE, service.port())?
        .change("\"without_decision\": \"refuse\"", "\"without_decision\": \"admit\"")?
        .change("\"timeout_milliseconds\": 500", "\"timeout_milliseconds\": 60000")?
        .start()?;
    let address = envoy.address("tcp")?;

    // The server is left in peace until there is a decision; what the client has said by then is not lost.
    let mut client = connect(address)?;
    client.write_all(b"early words")?;
    counts::wait(
        &envoy,
        "connection_gate_connections_waiting 1
         envoy_cluster_upstream_cx_total{envoy_cluster_name=server} 0",
    )?;
    decision.send(Answer::status(204))?;
    let (mut behind, _) = server.accept().context("waiting for Envoy to connect to the server")?;
    let mut early = [0; 11];
    behind.set_read_timeout(Some(SOON))?;
    behind.read_exact(&mut early)?;
    ensure!(&early == b"early words", "{}", early.escape_ascii());
    let mut wire = Wire::new(Box::new(client.try_clone()?), client, behind)?;
    wire.say(End::Server, b"late answer")?;
    wire.close(End::Server)?;

    // No decision.
    decision.send(Answer::status(500))?;
    open(address, &server)?.close(End::Client)?;
    drop(service);
    open(address, &server)?.close(End::Client)?;

    counts::wait(
        &envoy,
        "connection_gate_connections_total{outcome=admitted} 1
         connection_gate_connections_total{outcome=failed_open} 2
         connection_gate_connections_total 3
         connection_gate_connections_waiting 0
         envoy_cluster_upstream_cx_total{envoy_cluster_name=server} 3
         envoy_sdk_errors_total 0",
    )?;
    envoy.stop()?;
    Ok(())
}
