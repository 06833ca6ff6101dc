//! Peers that mean harm, on either side of a real Envoy with the filters.
//!
//! Every trial is a [`siege`]: what the attacker says arrives unchanged and at once, a neighbour on the same worker and in the
//! same VM goes on and is measured as ever, memory and log stay bounded, and at the end everything adds up. [`controls`]
//! shows that a siege notices when something of that is not so. A [`soak`] has random faults on thousands of connections.
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
#[path = "../envoy/events.rs"]
mod events;
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

use anyhow::Result;
use envoy_runner::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY, OLDEST_ENVOY, RunnerError};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::directory::LDAP;
use crate::mail::SMTP;
use crate::subject::{Ground, Subject};

/// A test: a name, and what it does on the release of Envoy, and with the filter, that it is given.
type Test = (&'static str, fn(&Ground) -> Result<()>);

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
    let installs = Workspace::find()?.envoy_installs();
    let mut trials = Vec::new();
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let envoy = if only_listed {
            // A list has to be quick, and to name everything.
            Ok(EnvoyBinary { path: "envoy".into(), version })
        } else {
            EnvoyBinary::install(version, &installs, &mut |step| eprintln!("{step}"))
        };
        let newest = if version == NEWEST_ENVOY { &ON_THE_NEWEST[..] } else { &[] };
        let tests = || ON_EVERY_ENVOY.iter().chain(newest).copied().flatten();
        for subject in [&SMTP, &LDAP] {
            trials.extend(tests().map(|test| trial(version, subject, &envoy, *test)));
        }
        if version == NEWEST_ENVOY {
            // Of all filters at once: the subject is only where it stands.
            trials.extend(soak::TESTS.iter().map(|test| trial(version, &SMTP, &envoy, *test)));
        }
    }
    Ok(trials)
}

/// A test on one release of Envoy; without it, ignored, or failed where nothing may be missing.
fn trial(
    version: EnvoyVersion,
    subject: &'static Subject,
    envoy: &Result<EnvoyBinary, RunnerError>,
    (name, test): Test,
) -> Trial {
    let name = format!("envoy {version}: hostile {}: {name}", subject.name);
    match envoy {
        Ok(binary) => {
            let ground = Ground::new(binary.clone(), subject, &name);
            Trial::test(name, move || ground.stand(test).map_err(|error| Failed::from(format!("{error:#}"))))
        }
        Err(missing) => {
            let reason = missing.to_string();
            Trial::test(name, move || Err(Failed::from(reason)))
                .with_kind("missing Envoy")
                .with_ignored_flag(!real_peers::in_ci())
        }
    }
}
