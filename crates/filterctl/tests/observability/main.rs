//! Rules and dashboards, against what they are for: promtool runs the rules' tests, and a real Prometheus that scrapes a
//! real Envoy with both filters answers every expression.
//!
//! Where Prometheus or Envoy cannot be had, the tests show as ignored by name; with `CI=true` they fail.

// What both ends of a connection say comes from the tests of the filters on Envoy.
#[allow(dead_code)]
#[path = "../../../ldap-filter/tests/support/ber.rs"]
mod ber;
#[allow(dead_code)]
#[path = "../envoy/bridge.rs"]
mod bridge;
#[allow(dead_code)]
#[path = "../envoy/counts.rs"]
mod counts;
#[allow(dead_code)]
#[path = "../envoy/directory.rs"]
mod directory;
#[allow(dead_code)]
#[path = "../envoy/everything.rs"]
mod everything;
#[allow(dead_code)]
#[path = "../envoy/ground.rs"]
mod ground;
#[allow(dead_code)]
#[path = "../envoy/mail.rs"]
mod mail;
#[allow(dead_code)]
#[path = "../../../ldap-filter/tests/support/messages.rs"]
mod messages;
#[allow(dead_code)]
#[path = "../envoy/modules.rs"]
mod modules;
#[allow(dead_code)]
#[path = "../envoy/sasl.rs"]
mod sasl;
#[allow(dead_code)]
#[path = "../envoy/script.rs"]
mod script;
#[allow(dead_code)]
#[path = "../envoy/subject.rs"]
mod subject;
#[allow(dead_code)]
#[path = "../envoy/wire.rs"]
mod wire;

mod answers;
mod exported;
mod load;
mod rules;
mod runbook;
mod scene;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

/// A test: a name, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials(arguments.list) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn trials(only_listed: bool) -> Result<Vec<Trial>> {
    if !only_listed {
        real_peers::install(&[Peer::Prometheus])?;
    }
    let without_prometheus = match Peer::Prometheus.find() {
        Availability::Missing(missing) if !only_listed => Some(missing.to_string()),
        _ => None,
    };
    let installs = Workspace::find()?.envoy_installs();
    let without_envoy = (!only_listed)
        .then(|| EnvoyBinary::install(NEWEST_ENVOY, &installs, &mut |step| eprintln!("{step}")))
        .and_then(|installed| installed.err().map(|missing| missing.to_string()));
    let of_rules = rules::TESTS.iter().map(|test| trial(*test, without_prometheus.as_deref()));
    let of_both = [answers::TESTS, exported::TESTS, runbook::TESTS].into_iter().flatten();
    let missing = without_prometheus.as_deref().or(without_envoy.as_deref());
    Ok(of_rules.chain(of_both.map(|test| trial(*test, missing))).collect())
}

/// A test; without what it needs ignored, or failed where nothing may be missing.
fn trial((name, test): Test, missing: Option<&str>) -> Trial {
    match missing.map(str::to_owned) {
        None => Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}")))),
        Some(reason) => Trial::test(name, move || Err(Failed::from(reason)))
            .with_kind("missing peer")
            .with_ignored_flag(!real_peers::in_ci()),
    }
}
