//! What makes the filter itself panic arrives all the same.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use envoy_runner::{Listener, WasmFilter};
use serde_json::{Value, json};

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::modules::Module;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("internal errors: what the filter panics at arrives, unmeasured", it_arrives),
    ("internal errors: with `close` the connection is closed", the_connection_is_closed),
];

/// The client on whose connections the filter panics.
pub(crate) const UNLUCKY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// With the filter that panics at what the [`UNLUCKY`] client says behind all of `good`.
pub(crate) fn bridge(ground: &Ground, configuration: &Value, good: &Script) -> Result<Bridge> {
    let said = good.parts().filter(|(end, _)| *end == End::Client).count();
    let fault = json!({"at": "on_downstream_data", "call": said + 1});
    let configuration = json!({"faults": {UNLUCKY.to_string(): fault}, "filter": configuration});
    let module = Module::Panicking.artifact()?;
    let filter = WasmFilter::new(ground.subject.name, &module.path).configuration(configuration.to_string());
    Bridge::start(ground, |upstream| Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter)]))
}

fn it_arrives(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let (exchange, exchanged) = ((subject.exchange)()?, subject.exchanged);
    let begun = (subject.opening)()?.then(exchange.clone());
    let bridge = bridge(ground, &json!({"reporter": "gateway"}), &begun)?;
    let mut poisoned = bridge.open_from(UNLUCKY, LISTENER)?;
    poisoned.play(&begun)?;
    let mut other = bridge.opened(&begun)?;
    // Every octet of it arrives unchanged: `play` demands that.
    poisoned.play(&(subject.poison)()?)?;
    bridge.counts(&format!(
        "envoy_sdk_panics_total{{extension={},callback=on_downstream_data}} 1
         *_internal_errors_total 1",
        subject.name
    ))?;
    for wire in [&mut poisoned, &mut other] {
        wire.play(&exchange)?;
        wire.play(&(subject.farewell)()?)?;
    }
    poisoned.close(End::Server)?;
    other.close(End::Server)?;
    // What the filter panicked at is not counted, nor what follows.
    let (name, ending) = (subject.name, subject.farewell_ending);
    bridge.counts(&format!(
        "*_connections_opened_total 2
         *_connections_closed_total 2
         *_connections_closed_total{{ending={ending}}} 1
         *_connections_closed_total{{ending=unknown}} 1
         *_connections_total{{visibility=parsed}} 1
         *_connections_total{{visibility=internal_error}} 1
         *_connections_total 2
         {exchanged} 3
         envoy_sdk_panics_total{{extension={name}}} 1
         envoy_sdk_connections_bypassed_total{{extension={name}}} 1
         envoy_sdk_connections_closed_on_error_total{{extension={name}}} 0
         envoy_sdk_errors_total 0"
    ))?;
    let log = bridge.envoy.log()?;
    let line = log.lines().find(|line| line.contains("panicked")).unwrap_or_default();
    let said = format!("{name} on_downstream_data panicked in context");
    ensure!(line.contains(&said) && line.ends_with(": sabotage"), "{line}");
    bridge.envoy.stop()?;
    Ok(())
}

fn the_connection_is_closed(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let exchange = (subject.exchange)()?;
    let begun = (subject.opening)()?.then(exchange.clone());
    let configuration = json!({"reporter": "gateway", "on_internal_error": "close"});
    let bridge = bridge(ground, &configuration, &begun)?;
    let mut poisoned = bridge.open_from(UNLUCKY, LISTENER)?;
    poisoned.play(&begun)?;
    let mut other = bridge.opened(&begun)?;
    let poison = (subject.poison)()?;
    poisoned.send(End::Client, poison.parts().next().map(|(_, octets)| octets).unwrap_or_default())?;
    ensure!(poisoned.read_to_end(End::Server)?.is_empty(), "what upset the filter went through");
    ensure!(poisoned.read_to_end(End::Client)?.is_empty());
    other.play(&exchange)?;
    other.play(&(subject.farewell)()?)?;
    other.close(End::Server)?;
    let (name, ending) = (subject.name, subject.farewell_ending);
    bridge.counts(&format!(
        "*_connections_opened_total 2
         *_connections_closed_total 2
         *_connections_closed_total{{ending={ending}}} 1
         *_connections_total{{visibility=internal_error}} 1
         *_internal_errors_total 1
         {} 3
         envoy_sdk_panics_total{{extension={name}}} 1
         envoy_sdk_connections_bypassed_total{{extension={name}}} 0
         envoy_sdk_connections_closed_on_error_total{{extension={name}}} 1",
        subject.exchanged
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}
