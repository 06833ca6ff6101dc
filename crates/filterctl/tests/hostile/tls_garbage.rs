//! TLS that is none, behind an upgrade and from the first octet.

use anyhow::Result;
use serde_json::json;

use crate::both_ends::bridge::LISTENER;
use crate::both_ends::mail::{HELLO, MAIL};
use crate::both_ends::messages::{START_TLS, extended, extended_result};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Subject, Test};
use crate::both_ends::wire::End;
use crate::siege::{Cost, Siege};

pub(crate) const TESTS: &[Test] = &[
    ("TLS: garbage and plain text behind an upgrade", behind_an_upgrade),
    ("TLS: broken hellos from the first octet", from_the_first_octet),
];

/// What is said where TLS should begin.
fn garbage(subject: &Subject) -> Result<Vec<Script>> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut noise = |length: usize| -> Vec<u8> { (0..length).map(|_| random.u8(..)).collect() };
    let of = |client: &[u8], server: &[u8]| Script::new().says(End::Client, client).says(End::Server, server);
    Ok(vec![
        of(&noise(10_000), &noise(10_000)),
        // A record that claims 65,535 octets, one of none, and a hello that breaks off.
        of(b"\x16\x03\x01\xff\xff\x01\xff\xff\xff", b"\x16\x03\x03\x00\x00\x15\x03\x03\x00\x02\x02\x28"),
        of(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00\x00\x00\x00"),
        // Plain text, as if nothing had been agreed upon.
        (subject.exchange)()?,
    ])
}

fn behind_an_upgrade(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let upgrade = match ground.subject.name {
        "smtp" => Script::lines(HELLO)?.then(Script::lines("C: STARTTLS\nS: 220 2.0.0 go on")?),
        _ => Script::new().asks(&extended(1, START_TLS)).answers(&extended_result(1, 0)),
    };
    let all = garbage(ground.subject)?;
    let (mut connections, mut hidden) = (0, 0);
    for garbage in &all {
        for end in [End::Client, End::Server] {
            let mut wire = siege.bridge.opened(&upgrade)?;
            wire.play(garbage)?;
            wire.play(garbage)?;
            wire.reset(end)?;
            connections += 1;
            hidden += 2 * (garbage.octets(End::Client) + garbage.octets(End::Server));
        }
    }
    siege.is_bearable(Cost { guests: 1 << 20, envoy: 16 << 20 })?;
    siege.counts(&format!(
        "*_connections_total{{visibility=starttls,transport=starttls}} {connections}
         *_bytes_total{{visibility=starttls}} {hidden}
         *_anomalies_total 0
         *_smuggled_octets_total 0
         {} 0",
        ground.subject.exchanged
    ))?;
    siege.lift()
}

fn from_the_first_octet(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let answers: [&[u8]; 2] = [b"\x15\x03\x01\x00\x02\x02\x46", b"\x00\x01\x02\x03"];
    // The two octets of a record of TLS, and anything behind them.
    let behind: [&[u8]; 4] = [b"", b"\x01", b"\xff\xff\xff\xff\xff", &[0; 5_000]];
    let mut connections = 0;
    for behind in behind {
        for answer in answers {
            let mut wire = siege.bridge.open(LISTENER)?;
            wire.say(End::Client, b"\x16")?;
            wire.say(End::Client, b"\x03")?;
            wire.say(End::Client, &[b"\x01", behind].concat())?;
            wire.say(End::Server, answer)?;
            wire.close(End::Client)?;
            connections += 1;
        }
    }
    siege.counts(&format!(
        "*_connections_total{{visibility=tls}} {connections}
         *_anomalies_total 0"
    ))?;
    if ground.subject.name == "smtp" {
        // Behind the greeting somebody has mixed up the ports.
        let mut wire = siege.bridge.opened(&Script::lines("S: 220 mx.example ESMTP")?)?;
        wire.say(End::Client, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")?;
        wire.play(&Script::lines(MAIL)?)?;
        wire.close(End::Server)?;
        siege.counts("*_anomalies_total{kind=tls_hello} 1\n*_transactions_started_total 0")?;
    }
    siege.lift()
}
