//! The filters on a real Envoy: the oldest and the newest release that they support.
//!
//! The test mostly holds both ends of a connection ([`wire`]), so that it says what is on the wire at which moment,
//! and sees at once whether the octets pass unchanged. Where an Envoy cannot be had, its tests show as ignored by
//! name; with `CI=true` they fail.

mod artefact;
mod bridge;
mod counts;
mod endings;
mod events;
/// What a recording is expected to count, as the filter's own tests read it.
#[path = "../../../smtp-filter/tests/support/expected.rs"]
mod expected;
mod ground;
mod internal_errors;
mod mail;
mod metrics;
mod modules;
mod panics;
mod reconfiguration;
mod recordings;
mod refusals;
mod tls;
mod transport;
mod wire;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY, OLDEST_ENVOY, RunnerError};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::ground::Ground;

/// A test: a name, and what it does on the release of Envoy that it is given.
type Test = (&'static str, fn(&Ground) -> Result<()>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let everywhere = [
        artefact::TESTS,
        endings::TESTS,
        events::TESTS,
        internal_errors::TESTS,
        metrics::TESTS,
        panics::TESTS,
        reconfiguration::TESTS,
        refusals::TESTS,
        transport::TESTS,
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
        for test in everywhere.into_iter().flatten() {
            trials.push(trial(version, &envoy, *test));
        }
        // What a recording counts is the session's work, which no release of Envoy changes.
        if version == NEWEST_ENVOY {
            for (test, folder) in recordings::TESTS {
                let missing = !folder().join("expected.json").is_file();
                let trial = trial(version, &envoy, *test);
                trials.push(if missing { trial.with_ignored_flag(true) } else { trial });
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test on one release of Envoy; without it, ignored, or failed where nothing may be missing.
fn trial(version: EnvoyVersion, envoy: &Result<EnvoyBinary, RunnerError>, (name, test): Test) -> Trial {
    let name = format!("envoy {version}: {name}");
    match envoy {
        Ok(binary) => {
            let ground = Ground::new(binary.clone(), &name);
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
