//! `filterctl config`: what it writes is right, and the same as the samples and the Helm chart say.

mod answers;
mod chart;
mod envoy;
mod generated;
mod samples;

use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY, OLDEST_ENVOY};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

/// A test: a name, and what it does.
type Test = (&'static str, fn() -> Result<()>);

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
    let mut trials = Vec::new();
    for (name, test) in [answers::TESTS, generated::TESTS, samples::TESTS].into_iter().flatten().copied() {
        trials.push(Trial::test(name, move || test().map_err(|error| failed(&error))));
    }
    if !only_listed {
        real_peers::install(&[Peer::Helm3])?;
    }
    for (name, test) in chart::TESTS.iter().copied() {
        let missing = matches!(Peer::Helm3.find(), Availability::Missing(_));
        let trial = Trial::test(name, move || test().map_err(|error| failed(&error)));
        trials.push(if missing {
            trial.with_kind("missing helm3").with_ignored_flag(!real_peers::in_ci())
        } else {
            trial
        });
    }
    let installs = Workspace::find()?.envoy_installs();
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let binary = if only_listed {
            Err("only listed".to_owned())
        } else {
            EnvoyBinary::install(version, &installs, &mut |step| eprintln!("{step}"))
                .map_err(|error| error.to_string())
        };
        for (name, test) in envoy::TESTS.iter().copied() {
            let name = format!("envoy {version}: {name}");
            trials.push(match binary.clone() {
                Ok(binary) => Trial::test(name, move || test(&binary).map_err(|error| failed(&error))),
                Err(reason) => Trial::test(name, move || Err(Failed::from(reason)))
                    .with_kind("missing Envoy")
                    .with_ignored_flag(!real_peers::in_ci()),
            });
        }
    }
    Ok(trials)
}

fn failed(error: &anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

/// What `filterctl config` writes.
pub(crate) fn config(arguments: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_filterctl")).arg("config").args(arguments).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "filterctl config {}: {stderr}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
