//! `examples/finger-filter`: what every protocol filter gets from `session-driver`, and what finger counts itself.

use std::net::TcpListener;

use anyhow::{Context, Result};
use socket2::SockRef;

use crate::Test;
use crate::client::connect;
use crate::counts::{self, SOON};
use crate::ground::Ground;
use crate::sample::{SERVER, Sample};
use crate::wire::{End, Wire};

pub(crate) const TESTS: &[Test] =
    &[("finger-filter: queries are counted, and everything passes unchanged", queries_are_counted)];

fn queries_are_counted(ground: &Ground) -> Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    // On Linux, this bounds accept(2).
    SockRef::from(&server).set_read_timeout(Some(SOON))?;
    let envoy = Sample::of(ground, "finger-filter")?.port(SERVER, server.local_addr()?.port())?.start()?;
    let open = || -> Result<Wire> {
        let client = connect(envoy.address("tcp")?)?;
        let (server, _) = server.accept().context("waiting for Envoy to connect to the server")?;
        Wire::new(Box::new(client.try_clone()?), client, server)
    };
    for conversation in [
        "C: /W alice\nS: Login: alice\nS: No Plan.",
        "C: PROXY UNKNOWN\nC:\nS: nobody is here",
        "C: a@b.example",
    ] {
        let mut wire = open()?;
        wire.talk(conversation)?;
        wire.close(End::Server)?;
    }
    let mut http = open()?;
    http.say(End::Client, b"GET / HTTP/1.1\r\n\r\n")?;
    http.close(End::Client)?;
    counts::wait(
        &envoy,
        "finger_queries_total{query=person} 1
         finger_queries_total{query=list} 1
         finger_queries_total{query=forward} 1
         finger_queries_total{stat_prefix=directory,reporter=inbound} 3
         finger_unanswered_queries_total 1
         finger_answer_bytes 2
         finger_answer_latency_microseconds 2
         finger_anomalies_total{kind=http} 1
         finger_anomalies_total 1
         finger_proxy_headers_total{version=v1} 1
         finger_connections_opened_total 4
         finger_connections_closed_total{ending=answered} 2
         finger_connections_closed_total{ending=server} 1
         finger_connections_closed_total{ending=client} 1
         finger_connections_total{visibility=parsed,transport=plain} 3
         finger_connections_total{visibility=lost_sync} 1
         finger_bytes_total{visibility=lost_sync,direction=to_server} 14
         finger_internal_errors_total 0",
    )?;
    envoy.stop()?;
    Ok(())
}
