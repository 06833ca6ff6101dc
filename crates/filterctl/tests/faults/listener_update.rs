//! A new configuration while mails and pooled binds flow: by a new listener (LDS), which drains the old one and then cuts what is
//! left, and by the filter's own file (ECDS), which closes nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use envoy_runner::{Delivery, Listener, StartOptions, WasmFilter};
use serde_json::{Value, json};

use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::counts;
use crate::both_ends::modules::Module;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::crowd::{Reached, as_far_as_it_goes, busy, everybody, opened};
use crate::listener_file::ListenerFile;

pub(crate) const TESTS: &[Test] = &[(
    "a listener update drains, and cuts what is left after the drain time; a refused one changes nothing",
    by_listener,
)];

/// That nothing closes is tested on both releases elsewhere; here it is about how long.
pub(crate) const ON_THE_NEWEST: &[Test] =
    &[("the same by the filter's own file closes nothing, however long one waits", by_file)];

/// `--drain-time-s`.
const DRAIN_TIME: Duration = Duration::from_secs(4);
/// Connections that leave while the old listener drains.
const LEAVING: usize = 8;
/// Connections that stay.
const STAYING: usize = 8;
/// Connections that come later.
const LATER: usize = 4;

fn options() -> StartOptions {
    StartOptions { concurrency: 2, drain_time: Some(DRAIN_TIME), ..StartOptions::default() }
}

fn by_listener(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let (opening, exchange, farewell) = ((subject.opening)()?, (subject.exchange)()?, (subject.farewell)()?);
    let filter = |module: Module, configuration: &Value| -> Result<WasmFilter> {
        let module = &module.artifact()?.path;
        Ok(WasmFilter::new(subject.name, module).configuration(configuration.to_string()))
    };
    let before = json!({"reporter": "gateway", "stat_prefix": "before"});
    let after = json!({"reporter": "gateway", "stat_prefix": "after"});
    let old = || filter(subject.module, &before);
    // The same module: what one has counted goes with its last VM.
    let new = || filter(subject.module, &after);
    let file = ListenerFile::start(ground, old()?, &options())?;
    let bridge = &file.bridge;
    let begun = opening.clone().then(exchange.clone());
    let mut leaving = opened(bridge, LISTENER, LEAVING, &begun)?;
    let mut staying = opened(bridge, LISTENER, STAYING, &begun)?;

    let updated = Instant::now();
    let mut later = {
        // Those that stay are busy throughout, until they are cut.
        let (exchanges, later) = busy(&mut leaving, &exchange, || {
            file.update(new()?, "update_success")?;
            everybody(&mut staying, |_, wire| wire.play(&exchange))?;
            opened(bridge, LISTENER, LATER, &begun)
        })?;
        ensure!(exchanges >= LEAVING as u64, "the old listener does not go on");
        later
    };
    everybody(&mut leaving, |_, wire| wire.play(&farewell))?;
    leaving.into_iter().try_for_each(|wire| wire.close(End::Server))?;
    let cut = everybody(&mut staying, |_, wire| -> Result<Duration> {
        while as_far_as_it_goes(wire, &exchange)? == Reached::End {
            ensure!(updated.elapsed() < DRAIN_TIME + counts::SOON, "it is not cut");
        }
        Ok(updated.elapsed())
    })?;
    for mut wire in staying {
        wire.read_to_end(End::Client)?;
        wire.read_to_end(End::Server)?;
    }
    ensure!(cut.iter().all(|cut| *cut >= DRAIN_TIME), "cut before the drain time is over: {cut:?}");
    // Those who came after the update never notice.
    everybody(&mut later, |_, wire| wire.play(&exchange))?;
    let (old_ones, ending) = (LEAVING + STAYING, subject.farewell_ending);
    bridge.counts(&format!(
        "*_connections_opened_total{{stat_prefix=before}} {old_ones}
         *_connections_closed_total{{stat_prefix=before}} {old_ones}
         *_connections_closed_total{{stat_prefix=before,ending={ending}}} {LEAVING}
         *_connections_closed_total{{stat_prefix=before,ending=local}} {STAYING}
         *_connections_total{{stat_prefix=before,visibility=parsed}} {old_ones}
         *_connections_opened_total{{stat_prefix=after}} {LATER}
         *_connections_closed_total{{stat_prefix=after}} 0
         envoy_listener_manager_listener_in_place_updated 1
         envoy_listener_downstream_cx_active {LATER}"
    ))?;

    // A refused one: the listener goes on, and Envoy says why.
    let log = bridge.envoy.log_len();
    file.update(filter(subject.module, &json!({"stat_prefix": "a.b"}))?, "update_rejected")?;
    let said = "stat_prefix: \"a.b\" cannot be a label";
    let log = bridge.envoy.log_since(log)?;
    ensure!(log.contains(said), "not in the log: {said}");
    everybody(&mut later, |_, wire| wire.play(&exchange))?;
    opened(bridge, LISTENER, 1, &begun)?.into_iter().try_for_each(|wire| wire.close(End::Client))?;

    everybody(&mut later, |_, wire| wire.play(&farewell))?;
    later.into_iter().try_for_each(|wire| wire.close(End::Server))?;
    let series = subject.exchanged.replace('{', "{stat_prefix=after,");
    bridge.counts(&format!(
        "{series} {}
         *_connections_opened_total{{stat_prefix=after}} {}
         *_connections_closed_total{{stat_prefix=after}} {}
         *_connections_closed_total{{stat_prefix=after,ending={ending}}} {LATER}
         *_internal_errors_total 0
         envoy_listener_downstream_cx_active 0",
        3 * LATER + 1,
        LATER + 1,
        LATER + 1,
    ))?;

    // Another module, and back to the old one with the old configuration.
    let other = json!({"filter": {"reporter": "gateway", "stat_prefix": "other"}});
    for (filter, stat_prefix) in [(filter(Module::Panicking, &other)?, "other"), (old()?, "before")] {
        let series = format!("*_connections_closed_total{{stat_prefix={stat_prefix}}}");
        file.update(filter, "update_success")?;
        // Of the module before, the last VM may be there or gone, and with it what it has counted.
        let counted = bridge.count(&bridge.envoy.scrape()?, &series);
        opened(bridge, LISTENER, 1, &begun)?.into_iter().try_for_each(|wire| wire.close(End::Client))?;
        ensure!(
            bridge
                .envoy
                .wait_for_stats(counts::SOON, |scrape| {
                    let now = bridge.count(scrape, &series);
                    now == counted + 1.0 || now == 1.0
                })?
                .is_some(),
            "{series}: nothing more than {counted}"
        );
    }
    file.bridge.envoy.stop()?;
    Ok(())
}

fn by_file(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let exchange = (subject.exchange)()?;
    let filter = |stat_prefix: &str| -> Result<WasmFilter> {
        let configuration = json!({"reporter": "gateway", "stat_prefix": stat_prefix});
        Ok(ground.filter(&configuration)?.delivery(Delivery::File))
    };
    let first = filter("before")?;
    let bridge = Bridge::start_with(ground, &options(), |upstream| {
        Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(first)])
    })?;
    let mut staying = opened(&bridge, LISTENER, STAYING, &(subject.opening)()?)?;
    let (exchanges, later) = busy(&mut staying, &exchange, || {
        let updated = Instant::now();
        bridge.envoy.update_filter(LISTENER, &filter("after")?)?;
        let mut later = opened(&bridge, LISTENER, LATER, &(subject.opening)()?)?;
        let (_, ()) = busy(&mut later, &exchange, || {
            // Longer than a listener's update would have left them.
            std::thread::sleep((DRAIN_TIME + DRAIN_TIME / 4).saturating_sub(updated.elapsed()));
            Ok(())
        })?;
        Ok(later)
    })
    .context("with the filter's own file")?;
    let series = subject.exchanged.replace('{', "{stat_prefix=before,");
    bridge.counts(&format!(
        "{series} {exchanges}
         *_connections_opened_total{{stat_prefix=before}} {STAYING}
         *_connections_closed_total 0
         *_connections_opened_total{{stat_prefix=after}} {LATER}
         envoy_listener_downstream_cx_destroy 0
         envoy_listener_manager_total_filter_chains_draining 0"
    ))?;
    for mut wire in staying.into_iter().chain(later) {
        wire.play(&(subject.farewell)()?)?;
        wire.close(End::Server)?;
    }
    bridge.counts(&format!(
        "*_connections_closed_total{{ending={}}} {}
         *_connections_total{{visibility=parsed}} {}",
        subject.farewell_ending,
        STAYING + LATER,
        STAYING + LATER
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}
