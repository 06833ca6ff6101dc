//! Connections that end at every point of a conversation, by each end, in every way.

use anyhow::{Context, Result};
use envoy_runner::OLDEST_ENVOY;
use serde_json::json;

use crate::both_ends::bridge::LISTENER;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Subject, Test};
use crate::both_ends::wire::{End, Wire};
use crate::siege::{Cost, Siege};

pub(crate) const TESTS: &[Test] = &[
    ("endings: RST at every point, from each end", resets),
    ("endings: a half-close at every point, from each end", half_closes),
];

impl Subject {
    /// A conversation with everything that an honest client does.
    fn conversation(&self) -> Result<Script> {
        Ok((self.opening)()?.then((self.login)()?).then((self.exchange)()?).then((self.farewell)()?))
    }
}

/// A connection on which so many parts have been said.
fn begun(siege: &Siege, parts: &[(End, &[u8])]) -> Result<Wire> {
    let mut wire = siege.bridge.open(LISTENER)?;
    for (end, octets) in parts {
        wire.say(*end, octets)?;
    }
    Ok(wire)
}

fn resets(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let script = ground.subject.conversation()?;
    let parts: Vec<(End, &[u8])> = script.parts().collect();
    for end in [End::Client, End::Server] {
        for said in 0..=parts.len() {
            let context = || format!("RST from the {end:?} behind part {said}");
            begun(&siege, &parts[..said])?.reset(end).with_context(context)?;
            // In the middle of a part.
            if let Some((says, octets)) = parts.get(said) {
                let mut wire = begun(&siege, &parts[..said])?;
                wire.say(*says, &octets[..octets.len() / 2]).with_context(context)?;
                wire.reset(end).with_context(context)?;
            }
        }
    }
    siege.is_bearable(Cost { guests: 1 << 20, envoy: 32 << 20 })?;
    let of_each = parts.len() + 1 + parts.len();
    // Whoever has said goodbye has ended the connection himself: behind the last part, from each end.
    let goodbyes = goodbyes(ground.subject);
    let by_client = of_each - goodbyes + 1;
    // The oldest Envoy tells nobody of most resets by the server.
    let by_server = if ground.binary.version == OLDEST_ENVOY {
        String::new()
    } else {
        format!("*_connections_closed_total{{ending=server}} {}", of_each - goodbyes)
    };
    siege.counts(&format!(
        "*_connections_opened_total {}
         *_connections_closed_total{{ending=client}} {by_client}
         *_connections_closed_total {}
         *_connections_closed_total{{ending=unknown}} 0
         *_connections_closed_total{{ending={}}} {}
         *_connections_total{{visibility=parsed}} {}
         {by_server}",
        2 * of_each + 1,
        2 * of_each + 1,
        ground.subject.farewell_ending,
        2 * goodbyes,
        2 * of_each + 1
    ))?;
    siege.lift()
}

/// At how many points of a conversation the client's last word is its farewell.
fn goodbyes(subject: &Subject) -> usize {
    match subject.name {
        // Behind QUIT, in the middle of the answer to it, and behind that.
        "smtp" => 3,
        // Behind the unbind, which has no answer.
        _ => 1,
    }
}

fn half_closes(ground: &Ground) -> Result<()> {
    let siege = Siege::lay(ground, &json!({}))?;
    let script = ground.subject.conversation()?;
    let parts: Vec<(End, &[u8])> = script.parts().collect();
    for end in [End::Client, End::Server] {
        for said in 0..=parts.len() {
            let context = || format!("FIN from the {end:?} behind part {said}");
            let mut wire = begun(&siege, &parts[..said])?;
            wire.finish(end).with_context(context)?;
            // The other end goes on with all that it has to say.
            for (says, octets) in parts[said..].iter().filter(|(says, _)| *says != end) {
                wire.say(*says, octets).with_context(context)?;
            }
            let other = if end == End::Client { End::Server } else { End::Client };
            wire.finish(other).with_context(context)?;
        }
    }
    siege.is_bearable(Cost { guests: 1 << 20, envoy: 32 << 20 })?;
    let of_each = parts.len() + 1;
    siege.counts(&format!(
        "*_connections_opened_total {}
         *_connections_closed_total {}
         *_connections_closed_total{{ending=local}} 0
         *_connections_closed_total{{ending=unknown}} 0
         *_connections_total{{visibility=parsed}} {}",
        2 * of_each + 1,
        2 * of_each + 1,
        2 * of_each + 1
    ))?;
    siege.lift()
}
