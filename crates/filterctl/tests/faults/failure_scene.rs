//! One connection's filter fails in the middle of an exchange, many others being in the middle of theirs: what that costs.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use filterctl::stage::GIVEN;
use serde_json::{Value, json};

use crate::both_ends::bridge::Bridge;
use crate::both_ends::counts::SOON;
use crate::both_ends::script::Script;
use crate::both_ends::subject::Subject;
use crate::both_ends::wire::{End, Wire};
use crate::crowd::{Reached, as_far_as_it_goes, everybody, opened};

/// Connections of the others. Two workers share them, so that some of them are beside the one that fails.
pub(crate) const OTHERS: usize = 24;
/// Connections that are tried at once after the failure.
pub(crate) const NEW: usize = 24;
/// The client whose filter fails.
const UNLUCKY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// How long measuring may take to come back. Envoy makes no new VM within a second of the last one.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// When all new connections were served and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    /// From the first one on.
    AtOnce,
    /// So long after the failure.
    After(Duration),
    /// Not as long as anybody waited.
    Never,
}

/// What a failure cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// The failed connection has ended.
    pub(crate) own_lost: bool,
    /// Other connections that have ended.
    pub(crate) others_lost: usize,
    /// Of [`NEW`] connections right after the failure: those that were closed at once.
    pub(crate) new_refused: usize,
    /// Those that were served, and not counted by the filter.
    pub(crate) new_unmeasured: usize,
    /// When new connections were measured again.
    pub(crate) measured: Measured,
    /// Panics that the SDK has counted.
    pub(crate) panics: u64,
    /// Connections that the filter has counted as opened and never as closed, when all are closed.
    pub(crate) never_closed: u64,
}

/// The configuration of a listener for this: the filter's series have the listener's name as `stat_prefix`.
pub(crate) fn configuration(
    subject: &Subject,
    listener: &str,
    how: &str,
    on_internal_error: &str,
) -> Result<Value> {
    let (said, rest) = halves(subject)?;
    let said: Vec<End> = said.parts().map(|(end, _)| end).collect();
    let next = rest.parts().next().map_or(End::Client, |(end, _)| end);
    let call = said.iter().filter(|end| **end == next).count() + 1;
    let at = if next == End::Client { "on_downstream_data" } else { "on_upstream_data" };
    Ok(json!({
        "faults": {UNLUCKY.to_string(): {"at": at, "call": call, "how": how}},
        "filter": {
            "stat_prefix": listener,
            "reporter": "gateway",
            "on_internal_error": on_internal_error,
        },
    }))
}

/// What is said before the failure, and the rest of the exchange.
fn halves(subject: &Subject) -> Result<(Script, Script)> {
    let (opening, exchange) = ((subject.opening)()?, (subject.exchange)()?);
    let middle = exchange.parts().count() * 2 / 3;
    let part = |script: Script, (end, octets): (End, &[u8])| script.says(end, octets);
    let first = exchange.parts().take(middle).fold(opening, part);
    Ok((first, exchange.parts().skip(middle).fold(Script::new(), part)))
}

/// Plays it on this listener.
pub(crate) fn play(bridge: &Bridge, subject: &Subject, listener: &str) -> Result<Cost> {
    let scene = Scene { bridge, subject, listener };
    let (said, rest) = halves(subject)?;
    let mut others = opened(bridge, listener, OTHERS, &said)?;
    let mut unlucky = bridge.open_from(UNLUCKY, listener)?;
    unlucky.play(&said)?;
    let before = scene.count("*_connections_opened_total{}")?;
    ensure!(before == OTHERS as u64 + 1, "{before} connections are counted as opened");

    let failed_at = Instant::now();
    let own = as_far_as_it_goes(&mut unlucky, &rest)?;
    // All of them go on with their exchange: what arrives is what was sent, as far as it goes.
    let reached = everybody(&mut others, |_, wire| as_far_as_it_goes(wire, &rest))?;
    let others_lost = reached.iter().filter(|reached| **reached == Reached::Closed).count();

    let new = scene.attempts(NEW)?;
    let (new_refused, new_unmeasured) = (NEW - new.served, new.served - new.measured);
    let mut measured = if new.measured == NEW { Measured::AtOnce } else { Measured::Never };
    while measured == Measured::Never && failed_at.elapsed() < PATIENCE {
        let after = failed_at.elapsed();
        if scene.attempts(NEW / 2)?.measured == NEW / 2 {
            measured = Measured::After(after);
        }
    }
    let living = others.into_iter().zip(reached).chain([(unlucky, own)]);
    for (mut wire, reached) in living {
        match reached {
            Reached::End => wire.close(End::Client)?,
            Reached::Closed => {
                wire.read_to_end(End::Client)?;
                wire.read_to_end(End::Server)?;
            }
        }
    }
    let is_over =
        format!("envoy_listener_downstream_cx_active{{envoy_listener_address={}}} 0", scene.address()?);
    bridge.counts(&is_over)?;
    Ok(Cost {
        own_lost: own == Reached::Closed,
        others_lost,
        new_refused,
        new_unmeasured,
        measured,
        panics: scene.count("envoy_sdk_panics_total{}")?,
        never_closed: scene.count("*_connections_opened_total{}")?
            - scene.count("*_connections_closed_total{}")?,
    })
}

struct Scene<'a> {
    bridge: &'a Bridge,
    subject: &'a Subject,
    listener: &'a str,
}

/// What became of new connections.
struct Attempts {
    served: usize,
    measured: usize,
}

impl Scene<'_> {
    /// Listeners have no names in this label.
    fn address(&self) -> Result<String> {
        Ok(self.bridge.envoy.address(self.listener)?.to_string().replace(':', "_"))
    }

    /// A series of this listener, once the filters have told Envoy of everything so far.
    fn count(&self, series: &str) -> Result<u64> {
        thread::sleep(GIVEN);
        let of_the_filter = format!("{{stat_prefix={}}}", self.listener);
        let series = if series.starts_with("*_") {
            series.replace("{}", &of_the_filter)
        } else {
            series.replace("{}", "")
        };
        Ok(self.bridge.count(&self.bridge.envoy.scrape()?, &series) as u64)
    }

    /// Opens so many connections, one after the other, each for an exchange.
    fn attempts(&self, count: usize) -> Result<Attempts> {
        let before = self.count("*_connections_opened_total{}")?;
        let script = (self.subject.opening)()?.then((self.subject.exchange)()?);
        let mut served = 0;
        for _ in 0..count {
            if let Some(mut wire) = self.attempt()? {
                // It comes to its server, so it has to be served to the end.
                wire.play(&script)?;
                wire.close(End::Client)?;
                served += 1;
            }
        }
        let opened = usize::try_from(self.count("*_connections_opened_total{}")? - before)?;
        Ok(Attempts { served, measured: opened })
    }

    /// A new connection; `None` if it was closed before it came to the server.
    fn attempt(&self) -> Result<Option<Wire>> {
        let client = self.bridge.connect(self.listener)?;
        let deadline = Instant::now() + SOON;
        client.set_nonblocking(true)?;
        self.bridge.server.set_nonblocking(true)?;
        let server = loop {
            ensure!(Instant::now() < deadline, "neither served nor closed");
            match self.bridge.server.accept() {
                Ok((server, _)) => break Some(server),
                Err(error) if error.kind() != ErrorKind::WouldBlock => bail!(error),
                Err(_) if is_closed(&client) => break None,
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        };
        self.bridge.server.set_nonblocking(false)?;
        client.set_nonblocking(false)?;
        let wire = server.map(|server| {
            server.set_nonblocking(false)?;
            Wire::new(Box::new(client.try_clone()?), client, server)
        });
        wire.transpose()
    }
}

/// Whether Envoy has ended this connection, on which nobody has said anything.
fn is_closed(client: &TcpStream) -> bool {
    match client.peek(&mut [0]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
