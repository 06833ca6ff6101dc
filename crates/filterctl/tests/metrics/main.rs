//! What is made from the metric catalogue says what the catalogue says; what says something else is found out.
//!
//! The dashboards are made with a library of Python's. Where it cannot be had, their tests show as ignored, by name; with
//! `CI=true` as failures.

mod command;
mod dashboards;
mod stale;
#[path = "../trials/mod.rs"]
mod trials;

use std::process::ExitCode;

use anyhow::Result;

use crate::trials::{Lack, trial};

/// A test: what it is called, and what it does.
type Test = (&'static str, fn() -> Result<()>);

fn main() -> ExitCode {
    trials::run(&[], |arguments| {
        let installed =
            if arguments.list { Ok(()) } else { filterctl::metrics::dashboards::install().map(drop) };
        let lack = installed
            .err()
            .map(|error| Lack { what: "grafana-foundation-sdk".to_owned(), why: format!("{error:#}") });
        let alone = [command::TESTS, stale::TESTS].into_iter().flatten();
        let alone = alone.map(|(name, test)| trial(*name, None, *test));
        let with_library = dashboards::TESTS.iter().map(|(name, test)| trial(*name, lack.clone(), *test));
        alone.chain(with_library).collect()
    })
}
