//! `filterctl new` and what follows it: a project of each kind, made outside of this workspace, tested, run on a real
//! Envoy and looked at, as its author would.
//!
//! Compiled things are shared with this workspace as far as Cargo allows. Where an Envoy cannot be had, the tests that
//! need it show as ignored by name; with `CI=true` they fail.

mod demo;
mod kinds;
mod places;
mod running;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY};
use filterctl::kind::Kind;
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, test) in places::TESTS {
        trials.push(Trial::test(*name, move || outcome(test())));
    }
    for kind in Kind::ALL {
        let name = format!("a new project is tested: {kind}");
        trials.push(Trial::test(name, move || outcome(kinds::is_tested(kind))));
    }
    let envoy = envoy(arguments.list);
    for kind in Kind::ALL {
        let name = format!("a new project runs on Envoy {NEWEST_ENVOY}: {kind}");
        trials.push(match envoy.clone() {
            Ok(binary) => Trial::test(name, move || outcome(kinds::runs(kind, &binary))),
            Err(reason) => Trial::test(name, move || Err(Failed::from(reason)))
                .with_kind("missing Envoy")
                .with_ignored_flag(!real_peers::in_ci()),
        });
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn outcome(result: Result<()>) -> Result<(), Failed> {
    result.map_err(|error| Failed::from(format!("{error:#}")))
}

/// The newest release; a list has to be quick, and to name everything.
fn envoy(only_listed: bool) -> Result<EnvoyBinary, String> {
    if only_listed {
        return Ok(EnvoyBinary { path: "envoy".into(), version: NEWEST_ENVOY });
    }
    let workspace = Workspace::find().map_err(|error| error.to_string())?;
    EnvoyBinary::install(NEWEST_ENVOY, &workspace.envoy_installs(), &mut |step| eprintln!("{step}"))
        .map_err(|error| error.to_string())
}
