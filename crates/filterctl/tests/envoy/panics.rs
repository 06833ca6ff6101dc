//! What a panic costs: its own connection, or not even that; and a whole VM where nothing can be caught.

use std::time::Instant;

use anyhow::{Result, ensure};
use envoy_runner::{FailurePolicy, Listener, Scrape, StartOptions, WasmFilter};
use filterctl::replay::{Conversation, Cutting, Direction, Record, play};
use serde_json::json;

use crate::both_ends::bridge::Bridge;
use crate::both_ends::counts::{self, SOON};
use crate::both_ends::modules::Module;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};

pub(crate) const TESTS: &[Test] = &[
    ("panics: each costs exactly its own connection", cost_one_connection),
    ("panics: with `bypass` they cost nothing", cost_nothing),
    ("panics: without unwinding they cost a VM, which is made anew", cost_a_vm),
];

/// Live connections.
const CONNECTIONS: usize = 200;
/// Every so many connections, one panics.
const EVERY: usize = 8;
/// Not sent by anybody else.
const WORD: &[u8] = b"please BOOM now\r\n";

const QUESTION: &str = "C: question";
const ANSWER: &str = "S: answer";

/// The listener `any`, with the filter that panics when a client says BOOM.
fn bridge(ground: &Ground, module: Module, on_error: &str, workers: u32) -> Result<Bridge> {
    let configuration = json!({"panic_on": "BOOM", "on_error": on_error}).to_string();
    let filter = WasmFilter::new("panic-on-demand", &module.artifact()?.path)
        .configuration(configuration)
        .failure_policy(FailurePolicy::Reload);
    let options = StartOptions { concurrency: workers, ..StartOptions::default() };
    Bridge::start_with(ground, &options, |upstream| {
        Ok(vec![Listener::new("any", upstream.clone()).filter(filter)])
    })
}

fn opened(bridge: &Bridge, count: usize) -> Result<Vec<Wire>> {
    let mut wires = Vec::new();
    for _ in 0..count {
        let mut wire = bridge.open("any")?;
        wire.talk(ANSWER)?;
        wire.talk(QUESTION)?;
        wires.push(wire);
    }
    Ok(wires)
}

fn cost_one_connection(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, Module::PanicOnDemand, "close", 2)?;
    let mut wires = opened(&bridge, CONNECTIONS)?;
    for wire in wires.iter_mut().step_by(EVERY) {
        wire.send(End::Client, WORD)?;
    }
    let panics = CONNECTIONS.div_ceil(EVERY);
    bridge.counts(&format!(
        "envoy_sdk_panics_total{{extension=panic-on-demand,callback=on_downstream_data}} {panics}
         envoy_sdk_panics_total {panics}
         envoy_sdk_connections_closed_on_error_total{{extension=panic-on-demand}} {panics}
         envoy_listener_downstream_cx_active {}",
        CONNECTIONS - panics
    ))?;
    for (number, mut wire) in wires.into_iter().enumerate() {
        if number % EVERY == 0 {
            ensure!(wire.read_to_end(End::Client)?.is_empty());
            ensure!(wire.read_to_end(End::Server)?.is_empty(), "the word went through");
        } else {
            wire.talk(QUESTION)?;
            wire.talk(ANSWER)?;
            wire.close(End::Client)?;
        }
    }
    bridge.counts(&format!(
        "envoy_sdk_panics_total {panics}
         envoy_sdk_vm_starts_total{{panic=abort}} 0
         envoy_listener_downstream_cx_active 0"
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn cost_nothing(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, Module::PanicOnDemand, "bypass", 2)?;
    let mut wires = opened(&bridge, CONNECTIONS)?;
    for wire in wires.iter_mut().step_by(EVERY) {
        // It has to arrive as well.
        wire.say(End::Client, WORD)?;
        wire.say(End::Client, WORD)?;
    }
    for mut wire in wires {
        wire.talk(QUESTION)?;
        wire.talk(ANSWER)?;
        wire.close(End::Client)?;
    }
    let panics = CONNECTIONS.div_ceil(EVERY);
    bridge.counts(&format!(
        "envoy_sdk_panics_total {panics}
         envoy_sdk_connections_bypassed_total{{extension=panic-on-demand}} {panics}
         envoy_sdk_connections_closed_on_error_total 0
         envoy_listener_downstream_cx_total {CONNECTIONS}
         envoy_listener_downstream_cx_active 0"
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

/// What is written in the documents as the price of a module without unwinding.
fn cost_a_vm(ground: &Ground) -> Result<()> {
    let bridge = bridge(ground, Module::PanicOnDemandAborting, "close", 1)?;
    let mut wires = opened(&bridge, 5)?;
    let starts = |scrape: &Scrape| counts::count(scrape, "envoy_sdk_vm_starts_total{panic=abort}");
    let before = starts(&bridge.envoy.scrape()?);
    wires[0].send(End::Client, WORD)?;
    // All connections of that VM close at their next octet, whatever it is.
    for wire in &mut wires {
        // Some are closed before this is sent.
        let _sent_or_closed = wire.send(End::Client, b"question\r\n");
        ensure!(wire.read_to_end(End::Client)?.is_empty());
    }
    let said = "this module was built without unwinding, its VM is lost";
    ensure!(bridge.envoy.wait_for_log(said, SOON)?, "not in the log: {said}");
    // The VM is made anew when a connection comes after the back-off; until then they are closed.
    let records = [(Direction::ToServer, "question\r\n"), (Direction::ToClient, "answer\r\n")];
    let record = |(direction, text): (_, &str)| Record { direction, octets: text.into(), gap_before: 0 };
    let exchange = Conversation { name: "exchange".to_owned(), records: records.map(record).into() };
    let address = bridge.envoy.address("any")?;
    let deadline = Instant::now() + SOON;
    while !play(address, &bridge.server, &exchange, Cutting::AsRecorded).is_ok_and(|it| it.is_unchanged()) {
        ensure!(Instant::now() < deadline, "no new VM after {SOON:?}");
    }
    let scrape = bridge.counts("envoy_sdk_panics_total{extension=panic-on-demand} 0")?;
    ensure!(starts(&scrape) > before, "the new VM is not counted");
    bridge.envoy.check_alive()?;
    bridge.envoy.stop()?;
    Ok(())
}
