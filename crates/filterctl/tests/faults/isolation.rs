//! Panics at every callback, all of them in the same VMs and at the same time, under load: what each costs.
//!
//! By the client's address a connection is healthy or has one [`Case`]. The healthy ones repeat their exchange all the while.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Listener, StartOptions, WasmFilter};
use serde_json::{Map, Value, json};

use crate::both_ends::bridge::{Bridge, LISTENER, connect_from};
use crate::both_ends::modules::Module;
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::{End, Wire};
use crate::cases::{CALLBACKS, Case, FIRST_DATA, IN_THE_SDK, INSIDE, When};
use crate::crowd::{Reached, as_far_as_it_goes, busy, everybody, opened};

pub(crate) const TESTS: &[Test] = &[
    (
        "panics at every callback: with the filters' default they cost nothing but the measurement",
        cost_nothing,
    ),
    ("panics at every callback: with `close` they cost their own connection", cost_one_connection),
];

pub(crate) const OF_THE_SDK: &[Test] =
    &[("panics at every callback of a filter with the SDK's default, and inside the SDK", of_the_sdk)];

/// Connections that nothing happens to.
const HEALTHY: usize = 24;
/// Connections of each case.
const EACH: usize = 2;

fn cost_nothing(ground: &Ground) -> Result<()> {
    observing(ground, "passthrough")
}

fn cost_one_connection(ground: &Ground) -> Result<()> {
    observing(ground, "close")
}

/// What happens to a failed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Close,
    Bypass,
}

struct Stage<'a> {
    ground: &'a Ground,
    bridge: Bridge,
    cases: Vec<Case>,
    policy: Policy,
}

fn observing(ground: &Ground, on_internal_error: &str) -> Result<()> {
    let subject = ground.subject;
    let cases = [CALLBACKS.as_slice(), &INSIDE].concat();
    let policy = if on_internal_error == "close" { Policy::Close } else { Policy::Bypass };
    let configuration = json!({"reporter": "gateway", "on_internal_error": on_internal_error});
    let stage = Stage::set(ground, subject.name, &configuration, cases, policy)?;
    let exchanges = stage.play()?;
    let (cases, name) = (&stage.cases, subject.name);
    let exchanged = exchanges + stage.connections(|case| stage.exchanges(case));
    let unborn = stage.connections(|case| case.when == When::Unborn);
    let failed = stage.connections(|case| !matches!(case.when, When::Unborn | When::Counted));
    let all = (HEALTHY + cases.len() * EACH) as u64;
    // Opened is closed, and every connection counts once, as what it had become.
    stage.bridge.counts(&format!(
        "envoy_listener_downstream_cx_total {all}
         envoy_listener_downstream_cx_active 0
         *_connections_opened_total {opened}
         *_connections_closed_total {opened}
         *_connections_total {opened}
         *_connections_total{{visibility=internal_error}} {failed}
         *_connections_total{{visibility=parsed}} {seen}
         *_internal_errors_total {failed}
         {series} {exchanged}",
        opened = all - unborn,
        seen = all - unborn - failed,
        series = subject.exchanged,
    ))?;
    stage.errors_are_counted(name)
}

fn of_the_sdk(ground: &Ground) -> Result<()> {
    let cases = [CALLBACKS.as_slice(), &IN_THE_SDK].concat();
    let stage = Stage::set(ground, "sdk-only", &json!({}), cases, Policy::Close)?;
    stage.play()?;
    let all = (HEALTHY + stage.cases.len() * EACH) as u64;
    let unborn = stage.connections(|case| case.when == When::Unborn);
    // Of what has ended by a panic, this filter's last callback counts nothing.
    let ended =
        HEALTHY as u64 + stage.connections(|case| case.at == "on_downstream_close" || case.at == "drop");
    let ended = ended - stage.connections(|case| case.at == "on_downstream_close");
    stage.bridge.counts(&format!(
        "envoy_listener_downstream_cx_total {all}
         envoy_listener_downstream_cx_active 0
         sdk_only_connections_total {}
         sdk_only_connections_ended_total {ended}",
        all - unborn
    ))?;
    stage.errors_are_counted("sdk-only")
}

impl<'a> Stage<'a> {
    fn set(
        ground: &'a Ground,
        filter: &str,
        configuration: &Value,
        cases: Vec<Case>,
        policy: Policy,
    ) -> Result<Self> {
        let faults: Map<String, Value> = cases
            .iter()
            .enumerate()
            .map(|(number, case)| {
                let fault = json!({"at": case.at, "call": case.call, "how": case.how, "after": case.after});
                (client(number).to_string(), fault)
            })
            .collect();
        let configuration = json!({"faults": faults, "filter": configuration}).to_string();
        let module = &Module::Panicking.artifact()?.path;
        let filter = WasmFilter::new(filter, module).configuration(configuration);
        let options = StartOptions { concurrency: 2, ..StartOptions::default() };
        let bridge = Bridge::start_with(ground, &options, |upstream| {
            Ok(vec![Listener::new(LISTENER, upstream.clone()).filter(filter)])
        })?;
        Ok(Self { ground, bridge, cases, policy })
    }

    /// Plays everything, and says how many exchanges the healthy connections had.
    fn play(&self) -> Result<u64> {
        let subject = self.ground.subject;
        let (opening, exchange, farewell) =
            ((subject.opening)()?, (subject.exchange)()?, (subject.farewell)()?);
        let mut healthy = opened(&self.bridge, LISTENER, HEALTHY, &opening)?;
        let whole = opening.then(exchange.clone()).then(farewell.clone());
        let (exchanges, ()) = busy(&mut healthy, &exchange, || self.fail(&whole))?;
        everybody(&mut healthy, |_, wire| wire.play(&farewell))?;
        healthy.into_iter().try_for_each(|wire| wire.close(End::Server))?;
        Ok(exchanges)
    }

    /// Plays the connections that fail.
    fn fail(&self, whole: &Script) -> Result<()> {
        let numbers = (0..self.cases.len()).flat_map(|number| [number; EACH]);
        let mut wires: Vec<(usize, Wire)> = Vec::new();
        for number in numbers {
            let case = self.cases[number];
            if self.policy == Policy::Close && matches!(case.when, When::Unborn | When::Opening) {
                // It never comes to a server.
                self.is_refused(number).with_context(|| format!("{case:?}"))?;
            } else {
                wires.push((number, self.bridge.open_from(client(number), LISTENER)?));
            }
        }
        // The timers have fired before anything is said.
        self.bridge.counts(&format!("envoy_sdk_panics_total{{callback=on_timer}} {EACH}"))?;
        everybody(&mut wires, |_, (number, wire)| {
            let case = self.cases[*number];
            let reached = as_far_as_it_goes(wire, whole).with_context(|| format!("{case:?}"))?;
            let is_early = matches!(case.when, When::Unborn | When::Opening | When::Talking | When::Summary);
            let expected =
                if self.policy == Policy::Close && is_early { Reached::Closed } else { Reached::End };
            ensure!(reached == expected, "{reached:?} instead of {expected:?}: {case:?}");
            Ok(())
        })?;
        for (number, mut wire) in wires {
            let case = self.cases[number];
            let is_early = !matches!(case.when, When::Ending | When::Over | When::Counted);
            if self.policy == Policy::Close && is_early {
                wire.read_to_end(End::Client)?;
                wire.read_to_end(End::Server)?;
            } else {
                wire.close(End::Server).with_context(|| format!("{case:?}"))?;
            }
        }
        Ok(())
    }

    /// A connection of this case ends without an octet.
    fn is_refused(&self, number: usize) -> Result<()> {
        let mut client = connect_from(client(number), self.bridge.envoy.address(LISTENER)?)?;
        let mut octets = Vec::new();
        // An ending by RST is one, too.
        let _end = std::io::Read::read_to_end(&mut client, &mut octets);
        ensure!(octets.is_empty(), "{}", octets.escape_ascii());
        Ok(())
    }

    /// How many connections have such a case.
    fn connections(&self, is_meant: impl Fn(&Case) -> bool) -> u64 {
        (self.cases.iter().filter(|case| is_meant(case)).count() * EACH) as u64
    }

    /// Whether the exchange of such a connection is counted before it fails.
    fn exchanges(&self, case: &Case) -> bool {
        match case.when {
            When::Unborn | When::Opening | When::Talking => false,
            When::Summary => self.ground.subject.name == "smtp",
            When::Ending | When::Over | When::Counted => true,
        }
    }

    /// Each panic and each error has been counted as its callback, and so has what it cost. Ends Envoy.
    fn errors_are_counted(self, extension: &str) -> Result<()> {
        let first =
            if self.ground.subject.name == "smtp" { "on_upstream_data" } else { "on_downstream_data" };
        let callback = |case: &Case| if case.callback == FIRST_DATA { first } else { case.callback };
        let is_panic = |case: &Case| case.how.ends_with("panic");
        let mut expected = String::new();
        let callbacks: BTreeSet<&str> = self.cases.iter().map(callback).collect();
        for name in callbacks {
            let panics = self.connections(|case| callback(case) == name && is_panic(case));
            expected +=
                &format!("envoy_sdk_panics_total{{extension={extension},callback={name}}} {panics}\n");
        }
        let made_good = self.connections(|case| !matches!(case.when, When::Over | When::Counted));
        let (closed, bypassed) = if self.policy == Policy::Close { (made_good, 0) } else { (0, made_good) };
        expected += &format!(
            "envoy_sdk_panics_total {}
             envoy_sdk_errors_total {}
             envoy_sdk_connections_closed_on_error_total{{extension={extension}}} {closed}
             envoy_sdk_connections_bypassed_total{{extension={extension}}} {bypassed}
             envoy_sdk_filters_refused_total 0",
            self.connections(is_panic),
            self.connections(|case| !is_panic(case)),
        );
        self.bridge.counts(&expected)?;
        self.bridge.envoy.stop()?;
        Ok(())
    }
}

/// The client of the connections of a case.
fn client(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(number + 1).unwrap_or(u8::MAX))
}
