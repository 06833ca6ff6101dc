//! Faults of what the filters run in: servers that are not there, listeners that drain and change, VMs that are lost, host
//! calls that are refused, and panics at every callback. In every case: what a client sees, that octets are unchanged, and
//! that every connection is accounted for.
//!
//! Where an Envoy cannot be had, its tests show as ignored by name; with `CI=true` they fail.

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
#[path = "../trials/mod.rs"]
mod trials;
#[allow(dead_code)]
#[path = "../envoy/wire.rs"]
mod wire;

mod capabilities;
mod cases;
mod comparison;
mod crowd;
mod draining;
mod failure_scene;
mod host_calls;
mod isolation;
mod listener_file;
mod listener_update;
mod lost_vm;
mod plugin_panics;
mod upstream;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY, OLDEST_ENVOY};
use libtest_mimic::{Arguments, Trial};

use crate::directory::LDAP;
use crate::mail::SMTP;
use crate::subject::{Ground, Subject};
use crate::trials::Lack;

/// A test: a name, and what it does on the release of Envoy, and with the filter, that it is given.
type Test = (&'static str, fn(&Ground) -> Result<()>);

/// Tests with each filter, on both releases.
const ON_BOTH: [&[Test]; 4] = [isolation::TESTS, listener_update::TESTS, upstream::TESTS, draining::TESTS];

/// Tests with each filter, of which the newest release is enough.
const ON_THE_NEWEST: [&[Test]; 3] = [listener_update::ON_THE_NEWEST, lost_vm::TESTS, capabilities::TESTS];

/// Tests of which, besides, one filter is enough.
const ONCE: [&[Test]; 3] = [isolation::OF_THE_SDK, plugin_panics::TESTS, comparison::TESTS];

fn main() -> ExitCode {
    trials::run(&[], all)
}

fn all(arguments: &Arguments) -> Vec<Trial> {
    let mut all = host_calls::trials();
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let envoy = trials::envoy(version, arguments.list);
        let is_newest = version == NEWEST_ENVOY;
        for subject in [&SMTP, &LDAP] {
            let mut tests = ON_BOTH.concat();
            if is_newest {
                tests.extend(ON_THE_NEWEST.concat());
            }
            if is_newest && subject.name == "smtp" {
                tests.extend(ONCE.concat());
            }
            let here =
                tests.into_iter().map(|test| trial(&format!("envoy {version}"), subject, &envoy, test));
            all.extend(here);
        }
    }
    all
}

/// A test on one release of Envoy.
fn trial(
    release: &str,
    subject: &'static Subject,
    envoy: &Result<EnvoyBinary, Lack>,
    (name, test): Test,
) -> Trial {
    let name = format!("{release}: {}: {name}", subject.name);
    let folder = name.clone();
    trials::trial_on(name, envoy.clone(), move |binary| {
        Ground::new(binary.clone(), subject, &folder).stand(test)
    })
}
