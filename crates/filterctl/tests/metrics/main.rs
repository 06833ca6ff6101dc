//! What is made from the metric catalogue says what the catalogue says; what says something else is found out.
//!
//! The dashboards are made with a library of Python's. Where it cannot be had, their tests show as ignored, by name; with
//! `CI=true` as failures.

mod command;
mod dashboards;
mod stale;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

/// A test: what it is called, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let library = if arguments.list {
        Ok(())
    } else {
        filterctl::metrics::dashboards::install().map(|_| ()).map_err(|error| format!("{error:#}"))
    };
    let alone = [command::TESTS, stale::TESTS].into_iter().flatten().map(|test| trial(*test, Ok(())));
    let with_library = dashboards::TESTS.iter().map(|test| trial(*test, library.clone()));
    libtest_mimic::run(&arguments, alone.chain(with_library).collect()).exit_code()
}

fn trial((name, test): Test, needed: Result<(), String>) -> Trial {
    match needed {
        Ok(()) => Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}")))),
        Err(why) => Trial::test(name, move || Err(Failed::from(why)))
            .with_kind("missing grafana-foundation-sdk")
            .with_ignored_flag(!real_peers::in_ci()),
    }
}
