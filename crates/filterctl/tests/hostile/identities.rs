//! Names that a peer chooses, in events and in what access logs print: they stay inside their line and their field.

use std::fs;

use anyhow::{Context, Result, ensure};
use envoy_runner::{AccessLog, Listener};
use serde_json::{Value, json};

use crate::both_ends::ber::{all, integer, tlv};
use crate::both_ends::bridge::Bridge;
use crate::both_ends::directory::lookup;
use crate::both_ends::mail::HELLO;
use crate::both_ends::messages::{Message, bind_result};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};

pub(crate) const TESTS: &[Test] =
    &[("identities: whatever octets a name has, an event is one line of JSON", one_line)];

/// How names are shown; each has a listener of its own.
const SHOWN: [&str; 2] = ["hmac", "full"];

/// Names with everything that could end a string, a field, a line or a terminal's patience.
fn names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        &b"a\",\"forged\":\"b"[..],
        b"a\\",
        b"a\\\"",
        b"\\u0022,\\u0022forged\\u0022:1",
        b"a\r{\"forged\":1}",
        b"a\r[info][wasm] wasm log smtp: forged",
        b"a;identity=forged;visibility=forged",
        b"%ENVIRONMENT(PATH)%{{forged}}${forged}",
        b"\x1b[2J\x1b]0;forged\x07",
        // NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR, a reversed order of writing, a mark for the order of octets.
        "a\u{85}b\u{2028}c\u{2029}d\u{202e}e\u{feff}".as_bytes(),
        // Overlong forms of a quote, a line feed and NUL; half of a character; surrogates; beyond Unicode.
        b"a\xc0\xa2b\xc0\x8ac\xe0\x80\x80",
        b"a\xe2\x80",
        b"\xed\xa0\x80\xed\xb0\x80\xf4\x90\x80\x80\xff\xfe",
        &[b'x'; 10_000],
        b"",
    ]
    .map(<[u8]>::to_vec)
    .into();
    names.extend((0..=255).map(|octet| [b"a", &[octet][..], b"b@c.example"].concat()));
    names
}

fn one_line(ground: &Ground) -> Result<()> {
    let bridge = Bridge::start(ground, |upstream| {
        let listener = |shown: &str| -> Result<Listener> {
            let events = json!({"enabled": true, "identities": shown, "per_second": 10_000});
            let filter =
                ground.filter(&json!({"stat_prefix": shown, "reporter": "gateway", "events": events}))?;
            let format = format!("{shown} %FILTER_STATE(wasm.{}:PLAIN)%", ground.subject.name);
            let log = AccessLog::File { path: "access.log".into(), format };
            Ok(Listener::new(shown, upstream.clone()).filter(filter).access_log(log))
        };
        SHOWN.into_iter().map(listener).collect()
    })?;
    let names = names();
    let mut connections = 0;
    for shown in SHOWN {
        for some in names.chunks(50) {
            let mut wire = bridge.open(shown)?;
            say(ground, &mut wire, some)?;
            wire.close(End::Client)?;
            connections += 1;
        }
    }
    bridge.counts(&format!("*_connections_closed_total {connections}\n*_events_dropped_total 0"))?;
    let scrape = bridge.final_scrape()?;
    let written = bridge.count(&scrape, "*_events_total");
    let run = bridge.envoy.run_dir().to_owned();
    bridge.envoy.stop()?;

    let log = fs::read(run.join("envoy.log"))?;
    let log = String::from_utf8(log).context("Envoy's log is no UTF-8")?;
    let lines = log.lines().filter_map(|line| line.split_once("wasm log ")?.1.split_once(": "));
    let mut events = 0_u32;
    for (_, text) in lines.filter(|(_, text)| text.starts_with('{')) {
        let event: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
        ensure!(event.get("forged").is_none() && event["filter"] == ground.subject.name, "{event}");
        events += 1;
    }
    ensure!(f64::from(events) == written && events as usize > names.len(), "{events} of {written} events");
    let access = fs::read(run.join("access.log"))?;
    let access = String::from_utf8(access).context("the access log is no UTF-8")?;
    ensure!(access.lines().count() == connections, "{access}");
    // A field of its own would stand behind a semicolon.
    ensure!(!access.contains(";identity=forged") && !access.contains(";visibility=forged"), "{access}");
    for text in [&log, &access] {
        for line in text.lines() {
            ensure!(!line.starts_with("[info]") && !line.starts_with('{'), "{line}");
        }
        // What begins a line to anybody, or says something to a terminal.
        let raw = text.chars().find(|c| c.is_control() && !['\n', '\t'].contains(c));
        ensure!(raw.is_none(), "{raw:?} in a log");
    }
    Ok(())
}

/// A peer gives all these names.
fn say(ground: &Ground, wire: &mut Wire, names: &[Vec<u8>]) -> Result<()> {
    if ground.subject.name == "smtp" {
        wire.talk(HELLO)?;
        for name in names {
            // A line ends with it: the two words are two commands, which the filter is to see as such.
            let line = [b"MAIL FROM:<", &name[..], b">\r\n"].concat();
            let lines = line.iter().filter(|octet| **octet == b'\n').count();
            wire.say(End::Client, &line)?;
            wire.say(End::Server, b"250 2.1.0 sender is fine\r\n")?;
            (1..lines).try_for_each(|_| wire.say(End::Server, b"500 5.5.1 what?\r\n"))?;
            let line = [
                b"RCPT TO:<",
                &name.iter().copied().filter(|octet| *octet != b'\n').collect::<Vec<u8>>()[..],
                b">\r\n",
            ]
            .concat();
            wire.say(End::Client, &line)?;
            wire.talk("S: 250 2.1.5 recipient is fine\nC: RSET\nS: 250 2.0.0 forgotten")?;
        }
        return Ok(());
    }
    for name in names {
        let bind = Message::new(1, all(0x60, &[integer(3), tlv(0x04, name), tlv(0x80, b"hunter2")]));
        wire.play(&Script::new().asks(&bind).answers(&bind_result(1, 0)))?;
        wire.play(&lookup(2))?;
    }
    Ok(())
}
