//! That the checks of this test can fail: each of them on something that is wrong.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::both_ends::bridge::LISTENER;
use crate::both_ends::counts::SOON;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};
use crate::siege::{Cost, Siege};

pub(crate) const TESTS: &[Test] = &[
    ("controls: a neighbour that is not measured is noticed", an_unmeasured_neighbour),
    ("controls: memory that grows is noticed", memory_that_grows),
    ("controls: octets that change are noticed", octets_that_change),
];

/// That the result is an error that says so.
fn fails(result: Result<()>, saying: &str) -> Result<()> {
    let error = result.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(error.contains(saying), "{saying:?} is not in {error:?}");
    Ok(())
}

fn an_unmeasured_neighbour(ground: &Ground) -> Result<()> {
    let siege = Siege::lay_beside(ground, &json!({}), &json!({"mode": "off"}))?;
    fails(siege.lift(), "exchanges were measured")
}

fn memory_that_grows(ground: &Ground) -> Result<()> {
    const CONNECTIONS: usize = 300;
    // Of each connection, a word without an end is remembered as far as this allows.
    let remembering = match ground.subject.name {
        "smtp" => json!({"limits": {"max_command_line": 65_536}}),
        _ => json!({"limits": {"max_decoded_octets": 262_144}}),
    };
    let siege = Siege::lay(ground, &remembering)?;
    let little = Cost { guests: 1 << 20, envoy: 1 << 30 };
    siege.is_bearable(little)?;
    let long = match ground.subject.name {
        "smtp" => vec![b'x'; 30_000],
        // A search of 200,000 octets that does not end.
        _ => [&b"\x30\x83\x03\x0d\x40\x02\x01\x02\x63\x83\x03\x0d\x38"[..], &[b'x'; 30_000]].concat(),
    };
    let opening = (ground.subject.opening)()?.then(Script::new().says(End::Client, &long));
    let opened = (0..CONNECTIONS).map(|_| siege.bridge.opened(&opening));
    let wires = opened.collect::<Result<Vec<Wire>>>()?;
    fails(siege.is_bearable(little), "the guests grew by")?;
    let little = Cost { guests: 1 << 30, envoy: 1 << 20 };
    fails(siege.is_bearable(little), "Envoy grew by")?;
    wires.into_iter().try_for_each(|wire| wire.close(End::Client))?;
    siege.lift()
}

/// Through something in between that changes one octet.
fn octets_that_change(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let meddler = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(meddler.local_addr()?)?;
    let (mut from_client, _) = meddler.accept()?;
    let mut to_envoy = siege.bridge.connect(LISTENER)?;
    let server = siege.bridge.accept()?;
    let meddling = thread::spawn(move || -> std::io::Result<()> {
        let mut octets = [0; 64];
        let count = from_client.read(&mut octets)?;
        octets[count / 2] ^= 1;
        to_envoy.write_all(&octets[..count])
    });
    client.set_read_timeout(Some(SOON))?;
    let mut wire = Wire::new(Box::new(client.try_clone()?), client, server)?;
    fails(wire.say(End::Client, b"something\r\n"), "what the Client said has changed")?;
    ensure!(meddling.join().is_ok_and(|done| done.is_ok()), "nothing was changed");
    drop(wire);
    siege.lift()
}
