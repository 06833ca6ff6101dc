//! The filters on a real Envoy: the oldest and the newest release that they support.
//!
//! The test mostly holds both ends of a connection ([`both_ends`]), so that it says what is on the wire at which moment,
//! and sees at once whether the octets pass unchanged. Where an Envoy cannot be had, its tests show as ignored by
//! name; with `CI=true` they fail.

#[path = "../both_ends/mod.rs"]
mod both_ends;
#[path = "../trials/mod.rs"]
mod trials;

mod abandoned;
mod artefact;
mod bad_input;
mod big_claims;
mod directory_events;
mod endings;
mod events;
/// What a recording of LDAP is expected to count, as the filter's own tests read it.
#[allow(dead_code)]
#[path = "../../../ldap-filter/tests/support/expected.rs"]
mod expected_of_directories;
/// What a recording of SMTP is expected to count, likewise.
#[path = "../../../smtp-filter/tests/support/expected.rs"]
mod expected_of_mail;
mod internal_errors;
mod left_mails;
mod mail_events;
mod mail_starttls;
mod metrics;
mod next_release;
mod operations;
mod panics;
mod reconfiguration;
mod recordings;
mod refusals;
mod security_layers;
mod segments;
mod start_tls;
mod tls;
mod transport;
mod upgrade;

use std::process::ExitCode;

use envoy_runner::{NEWEST_ENVOY, OLDEST_ENVOY};
use libtest_mimic::{Arguments, Trial};

use crate::both_ends::directory::LDAP;
use crate::both_ends::mail::SMTP;
use crate::both_ends::subject::{Subject, Test, trial};

fn main() -> ExitCode {
    trials::run(&[], all)
}

fn all(arguments: &Arguments) -> Vec<Trial> {
    let of_every_filter = [
        artefact::TESTS,
        endings::TESTS,
        events::TESTS,
        internal_errors::TESTS,
        metrics::TESTS,
        reconfiguration::TESTS,
        refusals::TESTS,
        transport::TESTS,
        upgrade::TESTS,
    ];
    let of_one: [(&'static Subject, &[&[Test]], _); 2] = [
        (
            &SMTP,
            &[left_mails::TESTS, mail_events::TESTS, mail_starttls::TESTS, panics::TESTS],
            recordings::OF_MAIL,
        ),
        (
            &LDAP,
            &[
                abandoned::TESTS,
                bad_input::TESTS,
                big_claims::TESTS,
                directory_events::TESTS,
                operations::TESTS,
                security_layers::TESTS,
                segments::TESTS,
                start_tls::TESTS,
            ],
            recordings::OF_DIRECTORIES,
        ),
    ];
    let mut all = Vec::new();
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let envoy = trials::envoy(version, arguments.list);
        let of = format!("envoy {version}: ");
        for (subject, own, recordings) in of_one {
            let tests = of_every_filter.iter().chain(own).copied().flatten();
            all.extend(tests.map(|test| trial(&of, subject, &envoy, *test)));
            // What a recording counts is the session's work, which no release of Envoy changes.
            if version == NEWEST_ENVOY {
                for (test, folder) in recordings {
                    let missing = !folder().join("expected.json").is_file();
                    let trial = trial(&of, subject, &envoy, *test);
                    all.push(if missing { trial.with_ignored_flag(true) } else { trial });
                }
            }
        }
    }
    all
}
