//! The scenarios on real Envoys, the oldest and the newest: what is seen must be what the golden files say. FakeEnvoy is
//! held to the same files by `cargo test -p scenarios`.
//!
//! With `SCENARIOS_RECORD=1` the golden files are written anew from what is seen. Where an Envoy cannot be had, its
//! scenarios show as ignored by name; with `CI=true` they fail.

mod stage;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use envoy_runner::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY, OLDEST_ENVOY, RunnerError};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::golden::is_recording;
use scenarios::{Protocol, Scenario};

use crate::stage::Stage;

/// So many scenarios share an Envoy: Envoys run beside each other, the scenarios of one Envoy do not.
const SCENARIOS_PER_ENVOY: usize = 40;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if is_recording() {
        // While recording, it matters how long nothing has come: nobody else may keep the machine busy.
        arguments.test_threads = Some(1);
    }
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let scenarios = scenarios::all();
    let mut trials = Vec::new();
    let mut played = Vec::new();
    // The newest first: that is the one whose files FakeEnvoy is compared with.
    for version in [NEWEST_ENVOY, OLDEST_ENVOY] {
        let envoy = if arguments.list {
            // A list has to be quick, and to name everything.
            Ok(EnvoyBinary { path: "envoy".into(), version })
        } else {
            EnvoyBinary::install(version, &workspace.envoy_installs(), &mut |step| eprintln!("{step}"))
        };
        let count = Arc::new(AtomicUsize::new(0));
        trials.extend(trials_on(version, &envoy, &scenarios, &count));
        played.push((version, count));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        for (version, count) in played {
            println!("{} scenarios were played on Envoy {version}", count.load(Ordering::Relaxed));
        }
    }
    conclusion.exit_code()
}

fn trials_on(
    version: EnvoyVersion,
    envoy: &Result<EnvoyBinary, RunnerError>,
    scenarios: &[Scenario],
    played: &Arc<AtomicUsize>,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (number, group) in groups(scenarios).iter().enumerate() {
        let stage = envoy.as_ref().map(|binary| Arc::new(Stage::new(binary, number, group)));
        for scenario in group.iter().cloned() {
            let name = format!("Envoy {version}: {}", scenario.name);
            trials.push(match &stage {
                Ok(stage) => {
                    let (stage, played) = (Arc::clone(stage), Arc::clone(played));
                    Trial::test(name, move || {
                        played.fetch_add(1, Ordering::Relaxed);
                        failed(stage.play(&scenario))
                    })
                }
                Err(missing) => {
                    let reason = missing.to_string();
                    Trial::test(name, move || Err(Failed::from(reason)))
                        .with_kind("missing Envoy")
                        .with_ignored_flag(!real_peers::in_ci())
                }
            });
        }
    }
    trials
}

/// The scenarios that share an Envoy. A background service does not wait for its turn, so it is alone.
fn groups(scenarios: &[Scenario]) -> Vec<Vec<Scenario>> {
    let (alone, together): (Vec<Scenario>, Vec<Scenario>) =
        scenarios.iter().cloned().partition(|scenario| scenario.listener.protocol == Protocol::Nothing);
    let together = together.chunks(SCENARIOS_PER_ENVOY).map(<[Scenario]>::to_vec);
    together.chain(alone.into_iter().map(|scenario| vec![scenario])).collect()
}

fn failed(result: Result<()>) -> Result<(), Failed> {
    result.map_err(|error| Failed::from(format!("{error:#}")))
}
