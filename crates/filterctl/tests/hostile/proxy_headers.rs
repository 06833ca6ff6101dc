//! Headers of the PROXY protocol as nobody should send them.

use anyhow::{Context, Result};
use serde_json::json;

use crate::both_ends::bridge::LISTENER;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::siege::{Cost, Siege};

pub(crate) const TESTS: &[Test] =
    &[("PROXY headers: too long, cut off, twice, and no headers at all", abused)];

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a client begins with.
struct Beginning {
    what: &'static str,
    octets: Vec<u8>,
    /// Headers of version 1 and 2 that it holds.
    headers: [usize; 2],
}

fn beginnings() -> Vec<Beginning> {
    let begins = |what, octets: &[u8], headers| Beginning { what, octets: octets.to_vec(), headers };
    let v2 = |command: u8, family: u8, length: u16, rest: usize| {
        [SIGNATURE, &[command, family], &length.to_be_bytes(), &vec![b'A'; rest]].concat()
    };
    let long = [&b"PROXY TCP4 "[..], &[b'1'; 5_000], b"\r\n"].concat();
    let twice = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nPROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
    vec![
        begins("version 1 of 5,000 octets", &long, [1, 0]),
        begins("version 1 twice", twice, [2, 0]),
        begins("version 1 without a word", b"PROXY\r\n", [0, 0]),
        begins("version 1 with control characters", b"PROXY TCP4 \0\x1b[2J\x7f\xff 1 2 3\r\n", [1, 0]),
        begins("version 1, unknown", b"PROXY UNKNOWN\r\n", [1, 0]),
        begins("version 2 of 65,535 octets", &v2(0x21, 0x11, 0xffff, 0xffff), [0, 1]),
        begins("version 2 without addresses", &v2(0x20, 0, 0, 0), [0, 1]),
        begins("version 2 of version 3", &v2(0x31, 0x11, 12, 12), [0, 1]),
        begins("version 2 of an unknown command", &v2(0x2f, 0xff, 40, 40), [0, 1]),
        begins("version 2, cut off in the signature", &SIGNATURE[..7], [0, 0]),
        begins("version 2, cut off in the length", &[SIGNATURE, &[0x21, 0x11, 0]].concat(), [0, 0]),
        begins("version 2, that claims more than comes", &v2(0x21, 0x11, 0xffff, 10), [0, 1]),
    ]
}

fn abused(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let subject = ground.subject;
    let words = (subject.opening)()?.then((subject.exchange)()?).then((subject.farewell)()?);
    let (mut connections, mut headers) = (0, [0, 0]);
    for Beginning { what, octets, headers: held } in beginnings() {
        // Whatever it is taken for, it passes, and so does all that follows: in one piece with it, or octet by octet.
        for cut in [octets.len(), 1] {
            let mut wire = siege.bridge.open(LISTENER)?;
            // Each octet costs its time; of the long ones the first hundred are enough.
            let (first, rest) = octets.split_at(octets.len().min(100));
            first.chunks(cut).try_for_each(|piece| wire.say(End::Client, piece)).context(what)?;
            rest.chunks(8_192).try_for_each(|piece| wire.say(End::Client, piece)).context(what)?;
            wire.play(&words).context(what)?;
            wire.close(End::Client).context(what)?;
        }
        // And then nothing any more.
        let mut wire = siege.bridge.open(LISTENER)?;
        wire.say(End::Client, &octets[..octets.len().min(30_000)]).context(what)?;
        wire.reset(End::Client)?;
        connections += 3;
        headers = [headers[0] + 3 * held[0], headers[1] + 3 * held[1]];
    }
    if subject.name == "ldap" {
        // Where the client speaks first, its own next octet completes the one that is cut off in the length, twice.
        headers[1] += 2;
    }
    siege.is_bearable(Cost { guests: 2 << 20, envoy: 16 << 20 })?;
    siege.counts(&format!(
        "*_connections_closed_total {}
         *_proxy_headers_total{{version=v1}} {}
         *_proxy_headers_total{{version=v2}} {}",
        connections + 1,
        headers[0],
        headers[1]
    ))?;
    siege.lift()
}
