//! Tests that need what a machine may lack: without it they show as ignored, by name; with `CI=true` as failed.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, EnvoyVersion};
use filterctl::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};
use real_peers::{Availability, Peer};

/// What this machine lacks, and why.
#[derive(Clone, Debug)]
pub(crate) struct Lack {
    /// Its name.
    pub(crate) what: String,
    /// Why it is not here, and what would change that.
    pub(crate) why: String,
}

/// The first of those peers that is not here.
pub(crate) fn lacking(peers: &[Peer]) -> Option<Lack> {
    peers.iter().find_map(|peer| match peer.find() {
        Availability::Missing(missing) => {
            Some(Lack { what: missing.name.to_owned(), why: missing.to_string() })
        }
        Availability::Available(_) => None,
    })
}

/// An Envoy of that release, installed if need be. A list of the tests has to be quick, and so installs nothing.
pub(crate) fn envoy(version: EnvoyVersion, only_listed: bool) -> Result<EnvoyBinary, Lack> {
    let lack = |why: String| Lack { what: "Envoy".to_owned(), why };
    if only_listed {
        return Err(lack("only listed".to_owned()));
    }
    let installs = Workspace::find().map_err(|error| lack(format!("{error:#}")))?.envoy_installs();
    EnvoyBinary::install(version, &installs, &mut |step| eprintln!("{step}"))
        .map_err(|error| lack(error.to_string()))
}

/// A test, and what is lacking for it.
pub(crate) fn trial(
    name: impl Into<String>,
    lack: Option<Lack>,
    test: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    match lack {
        None => Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}")))),
        Some(Lack { what, why }) => Trial::test(name, move || Err(Failed::from(why)))
            .with_kind(format!("missing {what}"))
            .with_ignored_flag(!real_peers::in_ci()),
    }
}

/// A test with an Envoy, or with what is lacking in its place.
pub(crate) fn trial_on(
    name: impl Into<String>,
    envoy: Result<EnvoyBinary, Lack>,
    test: impl FnOnce(&EnvoyBinary) -> Result<()> + Send + 'static,
) -> Trial {
    match envoy {
        Ok(envoy) => trial(name, None, move || test(&envoy)),
        Err(lack) => trial(name, Some(lack), || Ok(())),
    }
}

/// Installs those peers where that is possible, then runs the tests. A list installs nothing.
pub(crate) fn run(peers: &[Peer], trials: impl FnOnce(&Arguments) -> Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(missing) = real_peers::install(peers)
    {
        eprintln!("{missing:#}");
        return ExitCode::FAILURE;
    }
    let trials = trials(&arguments);
    libtest_mimic::run(&arguments, trials).exit_code()
}
