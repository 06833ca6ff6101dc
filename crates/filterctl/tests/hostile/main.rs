//! Peers that mean harm, on either side of a real Envoy with the filters.
//!
//! Every trial is a [`siege`]: what the attacker says arrives unchanged and at once, a neighbour on the same worker and in the
//! same VM goes on and is measured as ever, memory and log stay bounded, and at the end everything adds up. [`controls`]
//! shows that a siege notices when something of that is not so. A [`soak`] has random faults on thousands of connections.
//!
//! Where an Envoy cannot be had, its tests show as ignored by name; with `CI=true` they fail.

#[path = "../both_ends/mod.rs"]
mod both_ends;
#[allow(dead_code, reason = "its tests are those of `tests/envoy`")]
#[path = "../envoy/events.rs"]
mod events;
#[path = "../trials/mod.rs"]
mod trials;

mod cardinality;
mod controls;
mod endings;
mod floods;
mod identities;
mod log_floods;
mod no_end;
mod one_sided;
mod proxy_headers;
mod siege;
mod slow;
mod soak;
mod stream;
mod tls_garbage;

use std::process::ExitCode;

use envoy_runner::{NEWEST_ENVOY, OLDEST_ENVOY};
use libtest_mimic::{Arguments, Trial};

use crate::both_ends::directory::LDAP;
use crate::both_ends::mail::SMTP;
use crate::both_ends::subject::{Test, trial};

/// Those in which releases of Envoy may differ: how connections end, and what Envoy makes of their first octets.
const ON_EVERY_ENVOY: [&[Test]; 2] = [endings::TESTS, proxy_headers::TESTS];

/// Those that are about the filters' own work.
const ON_THE_NEWEST: [&[Test]; 9] = [
    cardinality::TESTS,
    controls::TESTS,
    floods::TESTS,
    identities::TESTS,
    log_floods::TESTS,
    no_end::TESTS,
    one_sided::TESTS,
    slow::TESTS,
    tls_garbage::TESTS,
];

fn main() -> ExitCode {
    trials::run(&[], all)
}

fn all(arguments: &Arguments) -> Vec<Trial> {
    let mut all = Vec::new();
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let envoy = trials::envoy(version, arguments.list);
        let of = format!("envoy {version}: hostile ");
        let newest = if version == NEWEST_ENVOY { &ON_THE_NEWEST[..] } else { &[] };
        let tests = || ON_EVERY_ENVOY.iter().chain(newest).copied().flatten();
        for subject in [&SMTP, &LDAP] {
            all.extend(tests().map(|test| trial(&of, subject, &envoy, *test)));
        }
        if version == NEWEST_ENVOY {
            // Of all filters at once: the subject is only where it stands.
            all.extend(soak::TESTS.iter().map(|test| trial(&of, &SMTP, &envoy, *test)));
        }
    }
    all
}
