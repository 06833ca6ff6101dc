//! How the client's leg is protected.

use anyhow::Result;
use envoy_runner::Listener;
use serde_json::json;

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};
use crate::tls::Authority;

pub(crate) const TESTS: &[Test] = &[
    ("transport: a listener that ends TLS", ended_here),
    ("transport: TLS that is not ended here", not_ended_here),
];

fn ended_here(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let authority = Authority::new()?;
    for (mutual, transport) in [(false, "tls"), (true, "mtls")] {
        let tls = authority.listener(&ground.folder, mutual)?;
        let filter = ground.filter(&json!({"reporter": "gateway"}))?;
        let bridge = Bridge::start(ground, |upstream| {
            Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter).tls(tls)])
        })?;
        let socket = bridge.connect(LISTENER)?;
        let client = authority.client(socket.try_clone()?, mutual)?;
        let mut wire = Wire::new(Box::new(client), socket, bridge.accept()?)?;
        wire.play(&(subject.opening)()?)?;
        wire.play(&(subject.login)()?)?;
        wire.play(&(subject.exchange)()?)?;
        wire.play(&(subject.farewell)()?)?;
        wire.close(End::Server)?;
        bridge.counts(&format!(
            "*_connections_total{{visibility=parsed,transport={transport}}} 1
             *_connections_total 1
             {} 1
             {} 1
             {} 1
             *_connections_closed_total{{ending={}}} 1",
            subject.logged_in.replace('{', &format!("{{transport={transport},")),
            subject.logged_in,
            subject.exchanged,
            subject.farewell_ending
        ))?;
        bridge.envoy.stop()?;
    }
    Ok(())
}

fn not_ended_here(ground: &Ground) -> Result<()> {
    /// The beginning of a TLS 1.2 handshake record with a client hello, as RFC 5246, sections 6.2.1 and 7.4 have it.
    const HELLO_RECORD: &[u8] = b"\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03";
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let mut wire = bridge.open(LISTENER)?;
    wire.say(End::Client, HELLO_RECORD)?;
    wire.say(End::Client, &[7; 34])?;
    wire.say(End::Server, b"\x16\x03\x03\x00\x02\x02\x00")?;
    wire.close(End::Client)?;
    // The two octets that gave it away were looked at.
    bridge.counts(
        "*_connections_total{visibility=tls,transport=plain} 1
         *_connections_total 1
         *_bytes_total{direction=to_server,visibility=parsed} 2
         *_bytes_total{direction=to_server,visibility=tls} 43
         *_bytes_total{direction=to_client,visibility=tls} 7
         *_anomalies_total 0",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}
