//! `--web` as a person sees it: the page of a real run on a real Envoy, in a real browser.
//!
//! Where Chromium or an Envoy cannot be had, the tests show as ignored by name; with `CI=true` they fail.

mod demo;
mod hostile;
mod scene;
#[path = "../trials/mod.rs"]
mod trials;

use std::process::ExitCode;

use anyhow::Result;
use envoy_runner::{EnvoyBinary, NEWEST_ENVOY};
use filterctl::filters::FILTERS;
use real_peers::Peer;

use crate::trials::{lacking, trial_on};

type Test = Box<dyn FnOnce(&EnvoyBinary) -> Result<()> + Send>;

fn main() -> ExitCode {
    trials::run(&[Peer::Chromium], |arguments| {
        let envoy = match lacking(&[Peer::Chromium]) {
            Some(lack) => Err(lack),
            None => trials::envoy(NEWEST_ENVOY, arguments.list),
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
        tests.into_iter().map(|(name, test)| trial_on(name, envoy.clone(), test)).collect()
    })
}
