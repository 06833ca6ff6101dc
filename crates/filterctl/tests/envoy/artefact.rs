//! The module as a file, and what it needs of Envoy.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use envoy_runner::{Listener, RunnerError, StartOptions, Upstream, WasmFilter};
use filterctl::build::Panic;
use filterctl::build::inspect::inspect;
use filterctl::filters::Filter;
use serde_json::json;

use crate::both_ends::bridge::{self, Bridge, LISTENER};
use crate::both_ends::counts;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("artefact: small, and asks for nothing but the ABI", small_and_modest),
    ("artefact: works with the listed capabilities and no others", capabilities),
];

fn small_and_modest(ground: &Ground) -> Result<()> {
    let artifact = ground.subject.module.artifact()?;
    ensure!(artifact.panic == Panic::Unwind);
    if artifact.optimised {
        ensure!(artifact.size <= ground.subject.largest, "{} octets", artifact.size);
    }
    let contents = inspect(&fs::read(&artifact.path)?)?;
    let forbidden: Vec<String> = contents.forbidden_imports().map(ToString::to_string).collect();
    ensure!(forbidden.is_empty(), "it imports {forbidden:?}");
    ensure!(contents.has_exceptions, "it cannot catch a panic");

    // It says so itself: once per VM, of which there are several.
    let bridge = Bridge::with(ground, &json!({}))?;
    let version = env!("CARGO_PKG_VERSION").replace('.', "-");
    let scrape = bridge.envoy.scrape()?;
    let all = counts::count(&scrape, "envoy_sdk_vm_starts_total");
    let name = ground.subject.name;
    let series = format!("envoy_sdk_vm_starts_total{{extension={name},panic=unwind,version={version}}}");
    ensure!(all >= 1.0 && counts::count(&scrape, &series) == all);
    bridge.envoy.stop()?;
    Ok(())
}

/// Only called when a connection has to be closed in a callback that forbids it, which no test can time.
const FOR_A_LATE_CLOSE: [&str; 1] = ["proxy_set_effective_context"];
/// Called whatever is allowed.
const ALWAYS: [&str; 2] = ["malloc", "_initialize"];

fn capabilities(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let filter = Filter::named(subject.name).context("no such filter")?;
    let limits: serde_json::Value = serde_json::from_str(subject.limits)?;
    let configuration = json!({
        "level": "detailed",
        "events": {"enabled": true, "identities": "hmac"},
        "on_protocol_error": "close",
        "limits": limits,
    });
    let restricted = |names: &[&'static str]| -> Result<WasmFilter> {
        Ok(ground.filter(&configuration)?.allowed_capabilities(names.iter().copied()))
    };
    let options =
        StartOptions { component_log_level: Some("wasm:trace".to_owned()), ..StartOptions::default() };
    let bridge = Bridge::start_with(ground, &options, |upstream| {
        Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(restricted(filter.capabilities)?)])
    })?;
    let mut wire = bridge.opened(&(subject.opening)()?)?;
    wire.play(&(subject.exchange)()?)?;
    wire.play(&(subject.farewell)()?)?;
    wire.close(End::Client)?;
    let mut upset = bridge.opened(&(subject.opening)()?)?;
    upset.send(End::Client, &(subject.upsetting)())?;
    upset.read_to_end(End::Client)?;
    bridge.counts(&format!(
        "{} 1
         *_connections_total{{visibility=parsed}} 1
         *_connections_total{{visibility=lost_sync}} 1
         *_connections_closed_total{{ending=local}} 1
         *_events_total {}
         *_internal_errors_total 0
         envoy_sdk_errors_total 0
         envoy_sdk_stats_refused_total 0",
        subject.exchanged,
        2 * subject.opening_events + 1
    ))?;
    // What is allowed is what is needed, no less and no more.
    let log = bridge.envoy.log()?;
    ensure!(!log.contains("restricted"), "something was restricted");
    let called = calls(&log);
    let allowed: BTreeSet<&str> = filter.capabilities.iter().copied().collect();
    let expected: BTreeSet<&str> = called.union(&FOR_A_LATE_CLOSE.into()).copied().collect();
    ensure!(
        allowed == expected,
        "not allowed: {:?}; not needed: {:?}",
        &expected - &allowed,
        &allowed - &expected
    );
    bridge.envoy.stop()?;

    // Without one that the filter cannot do without, Envoy refuses the listener instead of running it half.
    let most: Vec<_> =
        filter.capabilities.iter().copied().filter(|name| *name != "proxy_define_metric").collect();
    let listener = Listener::new(LISTENER, Upstream::new("127.0.0.1", 9)).filter(restricted(&most)?);
    let refused = match bridge::start(ground, &StartOptions::default(), vec![listener]) {
        Ok(_) => bail!("Envoy took a restriction that the filter cannot work with"),
        Err(error) => error.downcast::<RunnerError>()?,
    };
    ensure!(refused.to_string().contains("define metric"), "{refused}");
    Ok(())
}

/// The names of all calls between Envoy and the module in a trace, either way.
fn calls(log: &str) -> BTreeSet<&str> {
    let lines =
        log.lines().filter_map(|line| line.split_once("[host->vm] ").or(line.split_once("[vm->host] ")));
    let names = lines.filter_map(|(_, call)| call.split_once('(')?.0.rsplit('.').next());
    names.filter(|name| !ALWAYS.contains(name) && !name.contains(' ')).collect()
}
