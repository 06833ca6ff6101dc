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
#[path = "../trials/mod.rs"]
mod trials;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::NEWEST_ENVOY;
use real_peers::Peer;

use crate::trials::{lacking, trial};

/// A test: a name, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    trials::run(&[Peer::Prometheus], |arguments| {
        let no_prometheus = lacking(&[Peer::Prometheus]);
        let lack = no_prometheus.clone().or_else(|| trials::envoy(NEWEST_ENVOY, arguments.list).err());
        let of_rules = rules::TESTS.iter().map(|(name, test)| trial(*name, no_prometheus.clone(), *test));
        let of_both = [answers::TESTS, exported::TESTS, runbook::TESTS].into_iter().flatten();
        of_rules.chain(of_both.map(|(name, test)| trial(*name, lack.clone(), *test))).collect()
    })
}
