//! Tests with real peers on either side of a real Envoy: on the oldest and the newest release. A peer or an Envoy
//! that this machine cannot run shows as ignored, by name; with `CI=true` it is a failure.

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY, OLDEST_ENVOY};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

/// A test: its name, the peers that it needs, and what it does with an Envoy.
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) peers: Vec<Peer>,
    pub(crate) run: Box<Run>,
}

type Run = dyn Fn(&EnvoyBinary) -> Result<()> + Send;

/// Runs the tests on each Envoy, after installing `peers` where that is possible.
pub(crate) fn run(peers: &[Peer], tests: impl Fn() -> Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    match trials(arguments.list, peers, tests) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn trials(only_listed: bool, peers: &[Peer], tests: impl Fn() -> Vec<Test>) -> Result<Vec<Trial>> {
    let installs = Workspace::find()?.envoy_installs();
    if !only_listed {
        real_peers::install(peers)?;
    }
    let mut trials = Vec::new();
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let envoy = if only_listed {
            Err("only listed".to_owned())
        } else {
            EnvoyBinary::install(version, &installs, &mut |step| eprintln!("{step}"))
                .map_err(|error| error.to_string())
        };
        for test in tests() {
            trials.push(trial(&format!("envoy {version}"), envoy.clone(), test));
        }
    }
    Ok(trials)
}

/// The test on this Envoy; ignored, and named after what is missing, when something is.
fn trial(release: &str, envoy: Result<EnvoyBinary, String>, test: Test) -> Trial {
    let in_ci = real_peers::in_ci();
    let name = format!("{release}: {}", test.name);
    let missing = test.peers.iter().find_map(|peer| match peer.find() {
        Availability::Missing(missing) => Some(missing.name.to_string()),
        Availability::Available(_) => None,
    });
    match (envoy, missing) {
        (Ok(binary), None) => {
            Trial::test(name, move || (test.run)(&binary).map_err(|error| Failed::from(format!("{error:#}"))))
        }
        (Ok(_), Some(peer)) => Trial::test(name, move || Err(Failed::from("a peer is missing")))
            .with_kind(format!("missing {peer}"))
            .with_ignored_flag(!in_ci),
        (Err(reason), _) => Trial::test(name, move || Err(Failed::from(reason)))
            .with_kind("missing Envoy")
            .with_ignored_flag(!in_ci),
    }
}
