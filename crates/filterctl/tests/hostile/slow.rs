//! Peers that take their time, and peers that send octet by octet.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::LISTENER;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Subject, Test};
use crate::both_ends::wire::{End, Wire};
use crate::siege::{Cost, Siege};

pub(crate) const TESTS: &[Test] = &[
    ("slow: hundreds that never finish a word, from both sides", slow_loris),
    ("slow: a whole conversation octet by octet", octet_by_octet),
];

/// The beginning of something that has no end.
fn endless(subject: &Subject, end: End) -> Vec<u8> {
    match (subject.name, end) {
        ("smtp", End::Client) => b"EHLO clieeeeeeeeeeeeeeeeeeeeeeeeeeeent".to_vec(),
        ("smtp", End::Server) => b"220-mx.examplllllllllllllllllllllllle".to_vec(),
        // A search of 1 MB, and an entry.
        (_, End::Client) => {
            [&b"\x30\x83\x10\x00\x00\x02\x01\x01\x63\x83\x0f\xff\xf7\x04"[..], &[b'x'; 24]].concat()
        }
        (_, End::Server) => {
            [&b"\x30\x83\x10\x00\x00\x02\x01\x01\x64\x83\x0f\xff\xf7\x04"[..], &[b'x'; 24]].concat()
        }
    }
}

fn slow_loris(ground: &Ground) -> Result<()> {
    const CONNECTIONS: usize = 200;
    let siege = Siege::lay(ground, &json!({}))?;
    let words = [End::Server, End::Client].map(|end| (end, endless(ground.subject, end)));
    let mut wires = (0..CONNECTIONS).map(|_| siege.bridge.open(LISTENER)).collect::<Result<Vec<Wire>>>()?;
    let longest = words.iter().map(|(_, octets)| octets.len()).max().unwrap_or_default();
    for position in 0..longest {
        for wire in &mut wires {
            for (end, octets) in &words {
                // It arrives before the word is whole: `say` demands that.
                if let Some(octet) = octets.get(position..=position) {
                    wire.say(*end, octet)?;
                }
            }
        }
    }
    siege.is_bearable(Cost { guests: CONNECTIONS as u64 * 4 * 1024 + (1 << 20), envoy: 32 << 20 })?;
    let mut endings = [End::Client, End::Server].into_iter().cycle();
    for wire in wires {
        wire.close(endings.next().unwrap_or(End::Client))?;
    }
    siege.counts(&format!(
        "*_connections_closed_total{{ending=client}} {}
         *_connections_closed_total{{ending=server}} {}
         *_connections_total{{visibility=parsed}} {}",
        CONNECTIONS / 2 + 1,
        CONNECTIONS / 2,
        CONNECTIONS + 1
    ))?;
    siege.lift()
}

fn octet_by_octet(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let siege = Siege::lay(ground, &json!({}))?;
    let script: Script = [subject.opening, subject.login, subject.exchange, subject.poison, subject.farewell]
        .into_iter()
        .try_fold(Script::new(), |script, next| Ok::<_, anyhow::Error>(script.then(next()?)))?;
    let mut wire = siege.bridge.open(LISTENER)?;
    for (end, octets) in script.parts() {
        for octet in octets.chunks(1) {
            wire.say(end, octet)?;
        }
    }
    wire.close(End::Server)?;
    let (opening, count) = ((subject.opening)()?, |end| script.octets(end));
    siege.counts(&format!(
        "{} {}
         *_connections_closed_total{{ending={}}} 1
         *_anomalies_total 0
         *_bytes_total{{direction=to_server,visibility=parsed}} {}
         *_bytes_total{{direction=to_client,visibility=parsed}} {}",
        subject.exchanged,
        // To the smtp-filter, a report is a mail as any other.
        if subject.name == "smtp" { 2 } else { 1 },
        subject.farewell_ending,
        count(End::Client) + opening.octets(End::Client),
        count(End::Server) + opening.octets(End::Server)
    ))?;
    siege.lift()
}
