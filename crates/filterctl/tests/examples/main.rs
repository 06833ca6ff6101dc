//! The examples on a real Envoy, as their readers run them: each with its own `envoy.yaml`, in which only ports and
//! paths are replaced ([`sample`]), between real clients and servers.
//!
//! Where an Envoy cannot be had, its tests show as ignored by name; with `CI=true` they fail.

mod access_log_metrics;
mod background_refresh;
mod client;
mod connection_gate;
#[path = "../both_ends/counts.rs"]
mod counts;
mod finger_filter;
#[path = "../both_ends/ground.rs"]
#[allow(dead_code, reason = "each of these tests is about an example of its own")]
mod ground;
mod hello_http;
mod http_authorisation;
mod panic_on_demand;
mod sample;
#[path = "../both_ends/script.rs"]
#[allow(dead_code, reason = "these tests need a part of what others need")]
mod script;
mod server;
#[path = "../both_ends/wire.rs"]
#[allow(dead_code, reason = "these tests need a part of what others need")]
mod wire;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY, OLDEST_ENVOY, RunnerError};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::ground::Ground;

/// A test: a name, and what it does on the release of Envoy that it is given.
type Test = (&'static str, fn(&Ground) -> Result<()>);

const TESTS: [&[Test]; 7] = [
    hello_http::TESTS,
    http_authorisation::TESTS,
    connection_gate::TESTS,
    finger_filter::TESTS,
    access_log_metrics::TESTS,
    background_refresh::TESTS,
    panic_on_demand::TESTS,
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
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
        trials.extend(TESTS.into_iter().flatten().map(|test| trial(version, &envoy, *test)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test on one release of Envoy; without it, ignored, or failed where nothing may be missing.
fn trial(version: EnvoyVersion, envoy: &Result<EnvoyBinary, RunnerError>, (name, test): Test) -> Trial {
    let name = format!("envoy {version}: {name}");
    match envoy {
        Ok(binary) => {
            let ground = Ground::new(binary.clone(), (), &format!("examples {name}"));
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
