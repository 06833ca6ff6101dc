//! The module and its configuration are of two releases for a while, forwards and back, and nothing closes.
//!
//! The next release is this one with another version and one more field in its configuration ([`next_release`](crate::next_release)).

use anyhow::{Result, bail, ensure};
use envoy_runner::{Delivery, Listener, RunnerError, WasmFilter};
use filterctl::build::Artifact;
use serde_json::{Value, json};

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::counts::SOON;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::next_release::{self, NEXT_FIELD, NEXT_VERSION};

pub(crate) const TESTS: &[Test] =
    &[("upgrade: module and configuration of two releases, forwards and back", forwards_and_back)];

fn forwards_and_back(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let before = json!({"reporter": "gateway", "stat_prefix": "relay"});
    let after = with(&before, NEXT_FIELD, json!(7));
    let lenient = with(&after, "strict", json!(false));
    let (old, new) = (subject.module.artifact()?, &next_release::module(subject.name)?);
    let filter = |module: &Artifact, configuration: &Value| -> Result<WasmFilter> {
        let module = WasmFilter::new(subject.name, &module.path);
        Ok(module.configuration(configuration.to_string()).delivery(Delivery::File))
    };
    let begun = (subject.opening)()?.then((subject.exchange)()?);
    let first = filter(old, &before)?;
    let bridge =
        Bridge::start(ground, |upstream| Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(first)]))?;
    // Stays open throughout.
    let mut wire = bridge.opened(&begun)?;
    let mut exchanges = 1;
    let mut opened = 1;

    let refused = bridge.envoy.update_filter(LISTENER, &filter(old, &after)?);
    let Err(RunnerError::FilterRefused { reasons, .. }) = refused else { bail!("{refused:?}") };
    let message = format!("{NEXT_FIELD}: unknown field `{NEXT_FIELD}`");
    ensure!(reasons.iter().any(|reason| reason.contains(&message)), "{reasons:#?}");

    let steps = [(old, &lenient), (new, &before), (new, &after), (old, &lenient), (old, &before)];
    for (module, configuration) in steps {
        bridge.envoy.update_filter(LISTENER, &filter(module, configuration)?)?;
        if configuration == &lenient {
            let line = format!("{}: ignored because `strict` is false: {message}", subject.name);
            ensure!(bridge.envoy.wait_for_log(&line, SOON)?, "not in the log: {line}");
        }
        bridge.opened(&begun)?.close(End::Client)?;
        wire.play(&(subject.exchange)()?)?;
        exchanges += 2;
        opened += 1;
        let scrape = bridge.counts(&format!(
            "{} {exchanges}
             *_connections_opened_total{{stat_prefix=relay}} {opened}
             *_connections_total{{visibility=parsed}} {}
             *_internal_errors_total 0",
            subject.exchanged,
            opened - 1
        ))?;
        // The series of a version goes with its last VM.
        let version = if module.path == new.path { NEXT_VERSION } else { env!("CARGO_PKG_VERSION") };
        let label = version.replace('.', "-");
        let started = bridge.count(&scrape, &format!("envoy_sdk_vm_starts_total{{version={label}}}"));
        ensure!(started > 0.0, "no module of version {version} was started");
    }
    wire.close(End::Client)?;
    bridge.counts(&format!(
        "*_connections_closed_total {opened}
         *_connections_total{{visibility=parsed}} {opened}"
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn with(configuration: &Value, field: &str, value: Value) -> Value {
    let mut changed = configuration.clone();
    changed[field] = value;
    changed
}
