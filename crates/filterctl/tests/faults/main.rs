//! Faults of what the filters run in: servers that are not there, listeners that drain and change, VMs that are lost, host
//! calls that are refused, and panics at every callback. In every case: what a client sees, that octets are unchanged, and
//! that every connection is accounted for.
//!
//! Where an Envoy cannot be had, its tests show as ignored by name; with `CI=true` they fail.

#[path = "../both_ends/mod.rs"]
mod both_ends;
#[path = "../trials/mod.rs"]
mod trials;

mod capabilities;
mod cases;
mod comparison;
mod crowd;
mod draining;
mod failure_scene;
mod host_calls;
mod hot_restart;
mod isolation;
mod listener_file;
mod listener_update;
mod lost_vm;
mod plugin_panics;
mod upstream;

use std::process::ExitCode;

use envoy_runner::{NEWEST_ENVOY, OLDEST_ENVOY};
use libtest_mimic::{Arguments, Trial};

use crate::both_ends::directory::LDAP;
use crate::both_ends::mail::SMTP;
use crate::both_ends::subject::{Test, trial};

/// Tests with each filter, on both releases.
const ON_BOTH: [&[Test]; 4] = [isolation::TESTS, listener_update::TESTS, upstream::TESTS, draining::TESTS];

/// Tests with each filter, of which the newest release is enough.
const ON_THE_NEWEST: [&[Test]; 4] =
    [listener_update::ON_THE_NEWEST, hot_restart::ON_THE_NEWEST, lost_vm::TESTS, capabilities::TESTS];

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
            all.extend(
                tests.into_iter().map(|test| trial(&format!("envoy {version}: "), subject, &envoy, test)),
            );
        }
    }
    all
}
