//! The filters on a real Envoy: the oldest and the newest release that they support.
//!
//! The test mostly holds both ends of a connection ([`wire`]), so that it says what is on the wire at which moment,
//! and sees at once whether the octets pass unchanged. Where an Envoy cannot be had, its tests show as ignored by
//! name; with `CI=true` they fail.

mod abandoned;
mod artefact;
mod bad_input;
/// BER and LDAP messages as peers send them, written without the filter's own code: as its own tests do.
#[allow(dead_code)]
#[path = "../../../ldap-filter/tests/support/ber.rs"]
mod ber;
mod big_claims;
mod bridge;
mod counts;
mod directory;
mod directory_events;
mod endings;
mod events;
mod everything;
/// What a recording of LDAP is expected to count, as the filter's own tests read it.
#[allow(dead_code)]
#[path = "../../../ldap-filter/tests/support/expected.rs"]
mod expected_of_directories;
/// What a recording of SMTP is expected to count, likewise.
#[path = "../../../smtp-filter/tests/support/expected.rs"]
mod expected_of_mail;
mod ground;
mod internal_errors;
mod left_mails;
mod mail;
mod mail_events;
mod mail_starttls;
#[allow(dead_code)]
#[path = "../../../ldap-filter/tests/support/messages.rs"]
mod messages;
mod metrics;
#[allow(dead_code, reason = "other tests load some of the modules")]
mod modules;
mod next_release;
mod operations;
mod panics;
mod reconfiguration;
mod recordings;
mod refusals;
mod sasl;
mod script;
mod security_layers;
mod segments;
mod start_tls;
mod subject;
mod tls;
mod transport;
mod upgrade;
mod wire;

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

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
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
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let envoy = if arguments.list {
            // A list has to be quick, and to name everything.
            Ok(EnvoyBinary { path: "envoy".into(), version })
        } else {
            EnvoyBinary::install(version, &workspace.envoy_installs(), &mut |step| eprintln!("{step}"))
        };
        for (subject, own, recordings) in of_one {
            for test in of_every_filter.iter().chain(own).copied().flatten() {
                trials.push(trial(version, subject, &envoy, *test));
            }
            // What a recording counts is the session's work, which no release of Envoy changes.
            if version == NEWEST_ENVOY {
                for (test, folder) in recordings {
                    let missing = !folder().join("expected.json").is_file();
                    let trial = trial(version, subject, &envoy, *test);
                    trials.push(if missing { trial.with_ignored_flag(true) } else { trial });
                }
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test on one release of Envoy; without it, ignored, or failed where nothing may be missing.
fn trial(
    version: EnvoyVersion,
    subject: &'static Subject,
    envoy: &Result<EnvoyBinary, RunnerError>,
    (name, test): Test,
) -> Trial {
    let name = format!("envoy {version}: {}: {name}", subject.name);
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
