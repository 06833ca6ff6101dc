//! Panics in what belongs to a plugin itself and to no connection.

use anyhow::{Result, bail, ensure};
use envoy_runner::{Delivery, Listener, RunnerError, WasmFilter};
use serde_json::{Value, json};

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::modules::Module;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("a panic in the configuration is a refusal; what was there goes on", in_the_configuration),
    ("panics of the plugin's own timer are counted, and cost nothing", in_the_timer),
    ("a panic in the factory's destructor costs nothing", in_the_destructor),
    ("a factory that panics when it is asked what an error costs: the connection is closed", in_the_policy),
];

/// The filter whose plugin fails like this, if at all.
fn filter(ground: &Ground, plugin: &Value, more: &Value) -> Result<WasmFilter> {
    let mut configuration = json!({"plugin": plugin, "filter": {"reporter": "gateway"}});
    if let (Some(fields), Some(more)) = (configuration.as_object_mut(), more.as_object()) {
        fields.extend(more.clone());
    }
    let module = &Module::Panicking.artifact()?.path;
    Ok(WasmFilter::new(ground.subject.name, module)
        .configuration(configuration.to_string())
        .delivery(Delivery::File))
}

fn bridge(ground: &Ground, plugin: &Value, more: &Value) -> Result<Bridge> {
    let filter = filter(ground, plugin, more)?;
    Bridge::start(ground, |upstream| Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter)]))
}

fn in_the_configuration(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let bridge = bridge(ground, &Value::Null, &json!({}))?;
    let mut wire = bridge.opened(&(subject.opening)()?)?;
    let refused = bridge.envoy.update_filter(LISTENER, &filter(ground, &json!("configure"), &json!({}))?);
    let Err(RunnerError::FilterRefused { reasons, .. }) = refused else { bail!("{refused:?}") };
    let said = format!("{} configure panicked in context", subject.name);
    ensure!(reasons.iter().any(|reason| reason.contains(&said)), "{reasons:#?}");
    wire.play(&(subject.exchange)()?)?;
    wire.close(End::Client)?;
    let scrape = bridge.counts(&format!("{} 1\n*_connections_closed_total 1", subject.exchanged))?;
    ensure!(bridge.count(&scrape, "envoy_sdk_panics_total{callback=configure}") > 0.0, "not counted");
    bridge.envoy.stop()?;
    Ok(())
}

fn in_the_timer(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let bridge = bridge(ground, &json!("on_timer"), &json!({}))?;
    let exchange = (subject.exchange)()?;
    let mut wire = bridge.opened(&(subject.opening)()?)?;
    let panics = |bridge: &Bridge| -> Result<f64> {
        Ok(bridge.count(&bridge.envoy.scrape()?, "envoy_sdk_panics_total{callback=on_timer}"))
    };
    let (mut before, mut exchanges) = (panics(&bridge)?, 0);
    // The factory stays, and panics again and again.
    for _ in 0..3 {
        loop {
            wire.play(&exchange)?;
            exchanges += 1;
            let now = panics(&bridge)?;
            if now > before {
                before = now;
                break;
            }
            bridge.envoy.check_alive()?;
        }
    }
    wire.play(&(subject.farewell)()?)?;
    wire.close(End::Server)?;
    bridge.counts(&format!(
        "{} {exchanges}
         *_connections_closed_total{{ending={}}} 1
         *_connections_total{{visibility=parsed}} 1
         *_internal_errors_total 0
         envoy_sdk_connections_bypassed_total 0",
        subject.exchanged, subject.farewell_ending
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn in_the_destructor(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let bridge = bridge(ground, &json!("drop"), &json!({}))?;
    let exchange = (subject.exchange)()?;
    let mut wire = bridge.opened(&(subject.opening)()?)?;
    bridge.envoy.update_filter(LISTENER, &filter(ground, &Value::Null, &json!({}))?)?;
    // Holds the old factory.
    wire.play(&exchange)?;
    let mut other = bridge.opened(&(subject.opening)()?.then(exchange.clone()))?;
    wire.play(&exchange)?;
    wire.close(End::Client)?;
    other.play(&exchange)?;
    other.close(End::Client)?;
    let counted = |scrape: &_| bridge.count(scrape, "envoy_sdk_panics_total{callback=drop}") > 0.0;
    ensure!(
        bridge.envoy.wait_for_stats(crate::both_ends::counts::SOON, counted)?.is_some(),
        "the panic is not counted"
    );
    bridge.counts(&format!(
        "{} 4
         *_connections_closed_total 2
         *_connections_total{{visibility=parsed}} 2
         *_internal_errors_total 0",
        subject.exchanged
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn in_the_policy(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let fault = json!({"faults": {"127.0.0.9": {"at": "on_upstream_data"}}});
    let bridge = bridge(ground, &json!("error_policy"), &fault)?;
    let mut other = bridge.opened(&(subject.opening)()?)?;
    let mut wire = bridge.open_from([127, 0, 0, 9].into(), LISTENER)?;
    wire.send(End::Server, b"x")?;
    ensure!(wire.read_to_end(End::Client)?.is_empty(), "octets of a failed filter went through");
    wire.read_to_end(End::Server)?;
    other.play(&(subject.exchange)()?)?;
    other.close(End::Client)?;
    bridge.counts(&format!(
        "{} 1
         *_connections_opened_total 2
         *_connections_closed_total 2
         envoy_sdk_connections_closed_on_error_total 1
         envoy_sdk_connections_bypassed_total 0",
        subject.exchanged
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}
