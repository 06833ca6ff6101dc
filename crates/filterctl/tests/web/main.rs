//! `--web` as a person sees it: the page of a real run on a real Envoy, in a real browser.
//!
//! Where Chromium or an Envoy cannot be had, the tests show as ignored by name; with `CI=true` they fail.

mod demo;
mod hostile;
mod scene;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY};
use filterctl::filters::FILTERS;
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

type Test = Box<dyn FnOnce(&EnvoyBinary) -> Result<()> + Send>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let envoy = match found(arguments.list) {
        Ok(envoy) => envoy,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut tests: Vec<(String, Test)> = Vec::new();
    for filter in FILTERS {
        let name = format!("demo {}: the page shows what is counted, and the final numbers", filter.name);
        tests.push((name, Box::new(|envoy| demo::is_shown(filter, envoy))));
    }
    tests.push((
        "run smtp: what a peer chose stays text, and a changed configuration shows".to_owned(),
        Box::new(hostile::stays_text),
    ));
    let trials = tests.into_iter().map(|(name, test)| trial(name, envoy.clone(), test)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The newest release of Envoy, or why it or the browser is missing; a list has to be quick, and to name everything.
fn found(only_listed: bool) -> Result<Result<EnvoyBinary, (&'static str, String)>> {
    if only_listed {
        return Ok(Err(("Envoy", "only listed".to_owned())));
    }
    real_peers::install(&[Peer::Chromium])?;
    if let Availability::Missing(missing) = Peer::Chromium.find() {
        return Ok(Err((missing.name, missing.to_string())));
    }
    let installs = Workspace::find()?.envoy_installs();
    let envoy = EnvoyBinary::install(NEWEST_ENVOY, &installs, &mut |step| eprintln!("{step}"));
    Ok(envoy.map_err(|error| ("Envoy", error.to_string())))
}

fn trial(name: String, envoy: Result<EnvoyBinary, (&'static str, String)>, test: Test) -> Trial {
    match envoy {
        Ok(envoy) => {
            Trial::test(name, move || test(&envoy).map_err(|error| Failed::from(format!("{error:#}"))))
        }
        Err((what, reason)) => Trial::test(name, move || Err(Failed::from(reason)))
            .with_kind(format!("missing {what}"))
            .with_ignored_flag(!real_peers::in_ci()),
    }
}
