//! A real Envoy that refuses what a filter calls, or does not call it (`capability_restriction_config`): what passes all the
//! same, and what is counted of it.

use anyhow::{Context, Result};
use envoy_runner::Listener;
use filterctl::filters::Filter;
use serde_json::json;

use crate::both_ends::bridge::Bridge;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] =
    &[("capabilities that are withheld cost measurements, never octets", withheld)];

/// What is withheld, and what is counted then of one connection: opened, closed, internal errors, exchanges. An exchange
/// that is heard from one side only is what the protocol makes of it.
const WITHHELD: [(&str, [u8; 4]); 9] = [
    // Without the time there is no filter.
    ("proxy_get_current_time_nanoseconds", [0, 0, 0, 0]),
    // It cannot be asked whether the connection is encrypted.
    ("proxy_get_property", [1, 1, 1, 0]),
    ("proxy_increment_metric", [0, 0, 0, 0]),
    ("proxy_record_metric", [1, 1, 0, 1]),
    ("proxy_set_property", [1, 1, 0, 1]),
    ("proxy_log", [1, 1, 0, 1]),
    // Of callbacks: what is not told is not seen. The end is noticed even so.
    ("proxy_on_downstream_data", [1, 1, 0, ONE_SIDED]),
    ("proxy_on_upstream_data", [1, 1, 0, ONE_SIDED]),
    ("proxy_on_log", [1, 1, 1, 1]),
];

const ONE_SIDED: u8 = u8::MAX;

fn withheld(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let all = Filter::named(subject.name).context("no such filter")?.capabilities;
    let bridge = Bridge::start(ground, |upstream| {
        let listeners = WITHHELD.iter().map(|(name, _)| {
            let allowed = all.iter().filter(|capability| *capability != name).copied();
            let configuration = json!({"reporter": "gateway", "level": "detailed", "stat_prefix": name});
            let filter = ground.filter(&configuration)?.vm_id(*name).allowed_capabilities(allowed);
            Ok(Listener::new(*name, upstream.clone()).filter(filter))
        });
        listeners.collect()
    })?;
    let script = (subject.opening)()?.then((subject.exchange)()?).then((subject.farewell)()?);
    for (name, [opened, closed, errors, exchanges]) in WITHHELD {
        // Every octet arrives, as it was sent.
        let mut wire = bridge.open(name)?;
        wire.play(&script).context(name)?;
        wire.close(End::Server).context(name)?;
        let exchanged = subject.exchanged.replace('{', &format!("{{stat_prefix={name},"));
        let exchanged =
            if exchanges == ONE_SIDED { String::new() } else { format!("{exchanged} {exchanges}") };
        bridge
            .counts(&format!(
                "*_connections_opened_total{{stat_prefix={name}}} {opened}
                 *_connections_closed_total{{stat_prefix={name}}} {closed}
                 *_connections_total{{stat_prefix={name}}} {opened}
                 *_internal_errors_total{{stat_prefix={name}}} {errors}
                 {exchanged}
                 envoy_listener_downstream_cx_active 0"
            ))
            .context(name)?;
    }
    // Where a filter failed, the connection went on without it.
    bridge.counts(
        "envoy_sdk_errors_total 2
         envoy_sdk_panics_total 0
         envoy_sdk_connections_bypassed_total 2",
    )?;
    bridge.envoy.stop()?;
    Ok(())
}
