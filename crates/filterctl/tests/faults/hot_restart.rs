//! One Envoy follows another without closing a listener: who is there stays with the old one, who comes is served by the new
//! one, and the new one goes on counting where the old one was.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use envoy_runner::{Envoy, HotRestart, Listener, StartOptions, Upstream};
use real_peers::instance::free_port;
use real_peers::wait_until;
use serde_json::json;

use crate::both_ends::bridge::{Bridge, LISTENER, bootstrap};
use crate::both_ends::counts;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::crowd::{Reached, as_far_as_it_goes, busy, everybody, opened};

pub(crate) const ON_THE_NEWEST: &[Test] = &[(
    "a hot restart: the old one goes on until its time is over, the new one counts for both",
    hot_restart,
)];

/// `--parent-shutdown-time-s`: enough for all that is done before.
const OLD_ONE_ENDS_AFTER: Duration = Duration::from_secs(12);
/// Connections that leave while the old Envoy goes on.
const LEAVING: usize = 6;
/// Connections that stay, until they are cut.
const STAYING: usize = 4;
/// Connections that come when the new Envoy is there.
const LATER: usize = 4;

fn hot_restart(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let (opening, exchange, farewell) = ((subject.opening)()?, (subject.exchange)()?, (subject.farewell)()?);
    let begun = opening.then(exchange.clone());
    let filter = ground.filter(&json!({"reporter": "gateway"}))?;
    let port = free_port()?;
    let listeners = |upstream: &Upstream| {
        vec![Listener::new(LISTENER, upstream.clone()).port(port).filter(filter.clone())]
    };
    let options = |epoch| StartOptions {
        concurrency: 2,
        // The drain time decides nothing where listeners are not HTTP's; Envoy wants it below the other one.
        drain_time: Some(Duration::from_secs(1)),
        hot_restart: Some(HotRestart {
            // A port is one process's at a time, and so is what is made of it.
            base_id: u32::from(port),
            epoch,
            parent_ends_after: OLD_ONE_ENDS_AFTER,
        }),
        ..StartOptions::default()
    };
    let old = Bridge::start_with(ground, &options(0), |upstream| Ok(listeners(upstream)))?;
    let mut leaving = opened(&old, LISTENER, LEAVING, &begun)?;
    let mut staying = opened(&old, LISTENER, STAYING, &begun)?;

    let started = Instant::now();
    let (exchanges, new) = busy(&mut leaving, &exchange, || {
        let upstream = Upstream::new("127.0.0.1", old.server.local_addr()?.port());
        let folder = ground.folder.join("follows");
        let envoy = Envoy::start(&ground.binary, &bootstrap(listeners(&upstream)), &folder, &options(1))?;
        Ok(Bridge { envoy, server: old.server.try_clone()?, subject })
    })?;
    let mut later = opened(&new, LISTENER, LATER, &begun)?;
    everybody(&mut leaving, |_, wire| wire.play(&farewell))?;
    leaving.into_iter().try_for_each(|wire| wire.close(End::Server))?;
    // While the old one is there, what it counts is the new one's too.
    let exchanged = exchanges + (LEAVING + STAYING + LATER) as u64;
    new.counts(&format!(
        "{} {exchanged}
         *_connections_opened_total {}
         *_connections_closed_total {LEAVING}",
        subject.exchanged,
        LEAVING + STAYING + LATER,
    ))?;

    let cut = everybody(&mut staying, |_, wire| -> Result<Duration> {
        while as_far_as_it_goes(wire, &exchange)? == Reached::End {
            ensure!(started.elapsed() < OLD_ONE_ENDS_AFTER + counts::SOON, "it is not cut");
        }
        Ok(started.elapsed())
    })?;
    ensure!(cut.iter().all(|cut| *cut >= OLD_ONE_ENDS_AFTER), "cut before its time is over: {cut:?}");
    for mut wire in staying {
        wire.read_to_end(End::Client)?;
        wire.read_to_end(End::Server)?;
    }
    wait_until("the old Envoy to end", || Ok(old.envoy.check_alive().is_err().then_some(())))?;

    // Nobody can ask the old one any more how its last connections ended. Those of the new one do not notice.
    everybody(&mut later, |_, wire| wire.play(&exchange))?;
    everybody(&mut later, |_, wire| wire.play(&farewell))?;
    later.into_iter().try_for_each(|wire| wire.close(End::Server))?;
    new.counts(&format!(
        "*_connections_opened_total {}
         *_connections_closed_total {}
         *_internal_errors_total 0
         envoy_listener_downstream_cx_active 0",
        LEAVING + STAYING + LATER,
        LEAVING + LATER,
    ))?;
    new.envoy.stop()?;
    Ok(())
}
