//! How long a module takes until it can be used.
//!
//! Envoy logs when it begins to make a VM, and every call into one: with `wasm:trace`, and while it starts there are few
//! of them. The first VM of a module holds the compiled code; each worker's is made from that.

use std::path::Path;

use anyhow::{Context, Result};
use envoy_runner::{Bootstrap, Envoy, Listener, StartOptions, Upstream, WasmFilter};
use serde::{Deserialize, Serialize};

use super::ground::Ground;
use super::statistics::Spread;
use crate::filters::FILTERS;

/// The most that a start may take, in milliseconds.
const AT_MOST: f64 = 200.0;
/// Seconds since 1970 and nanoseconds, then what is said.
const FORMAT: &str = "%E.%F %v";
/// Envoy begins to make the first VM.
const BEGIN: &str = "Base Wasm created";
/// Envoy begins to make another one.
const CLONE: &str = "Thread-Local Wasm created";
/// The module has been set up.
const LOADED: &str = "[host<-vm] _initialize return";
/// The module has taken its configuration.
const CONFIGURED: &str = "[host<-vm] proxy_on_configure return: 1";

/// How long a module takes until connections can pass through it, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The module: `smtp-filter`.
    pub module: String,
    /// From when Envoy begins to make the module's first VM until the worker's has taken its configuration.
    pub whole: Spread,
    /// The part of it until the first VM is set up: compiling.
    pub compiling: Spread,
    /// What one more worker takes: making its VM from the first, and configuring.
    pub worker: Spread,
    /// The most that `whole` may be; only the suite's filters have such a target.
    pub at_most: Option<f64>,
    /// Whether it is not more than that.
    pub met: Option<bool>,
}

/// Starts Envoy so many times with each module, in turn.
///
/// # Errors
/// When Envoy does not start, or logs something else than it did when this was written.
pub(super) fn measure(ground: &Ground, times: u32) -> Result<Vec<Start>> {
    let modules: Vec<(&str, &str, &Path, bool)> = FILTERS
        .iter()
        .map(|filter| (filter.package, filter.name, ground.module(filter), true))
        .chain([("empty-filter", "empty", ground.empty(), false)])
        .collect();
    let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); modules.len()];
    for _ in 0..times {
        for ((_, name, module, _), taken) in modules.iter().zip(&mut taken) {
            taken.push(once(ground, name, module)?);
        }
    }
    let starts = modules.iter().zip(&taken).map(|((package, _, _, is_ours), taken)| {
        let spread = |of: fn(&Taken) -> f64| {
            Spread::of(&taken.iter().map(of).collect::<Vec<_>>()).context("no starts")
        };
        let whole = spread(|taken| taken.whole)?;
        let at_most = is_ours.then_some(AT_MOST);
        Ok(Start {
            module: (*package).to_owned(),
            whole,
            compiling: spread(|taken| taken.compiling)?,
            worker: spread(|taken| taken.worker)?,
            at_most,
            met: at_most.map(|most| whole.median <= most),
        })
    });
    starts.collect()
}

/// What one start took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    whole: f64,
    compiling: f64,
    worker: f64,
}

fn once(ground: &Ground, name: &str, module: &Path) -> Result<Taken> {
    // Nobody connects; the server need not be there.
    let listener = Listener::new("start", Upstream::new("127.0.0.1", 1))
        .filter(WasmFilter::new(name, module).configuration("{}"));
    let options = StartOptions {
        log_level: "warning".to_owned(),
        component_log_level: Some("wasm:trace".to_owned()),
        log_format: Some(FORMAT.to_owned()),
        ..StartOptions::default()
    };
    let folder = ground.folder(&format!("start-{name}"));
    let envoy = Envoy::start(&ground.binary, &Bootstrap::new().listener(listener), &folder, &options)?;
    let log = envoy.log()?;
    envoy.stop()?;
    Taken::read(&log).with_context(|| format!("Envoy's log in {} tells of no start", folder.display()))
}

impl Taken {
    fn read(log: &str) -> Option<Self> {
        let times: Vec<(f64, &str)> = log.lines().filter_map(entry).collect();
        let first = |what: &str| times.iter().find(|(_, text)| text.starts_with(what)).map(|(time, _)| *time);
        let last = |what: &str| times.iter().rfind(|(_, text)| text.starts_with(what)).map(|(time, _)| *time);
        let begin = first(BEGIN)?;
        let configured = last(CONFIGURED)?;
        Some(Self {
            whole: configured - begin,
            compiling: first(LOADED)? - begin,
            worker: configured - last(CLONE)?,
        })
    }
}

/// The time in milliseconds, and the text.
fn entry(line: &str) -> Option<(f64, &str)> {
    let (time, text) = line.split_once(' ')?;
    let (seconds, nanoseconds) = time.split_once('.')?;
    // A day is enough, and leaves the fraction its digits.
    let seconds = seconds.parse::<u64>().ok()? % 86_400;
    Some((seconds as f64 * 1000.0 + nanoseconds.parse::<f64>().ok()? / 1e6, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_from_envoys_log() {
        let log = "\
1764000000.027050000 Base Wasm created 1 now active
1764000000.190136000 [host->vm] _initialize()
1764000000.191050000 [host<-vm] _initialize return: void
1764000000.192964000 Thread-Local Wasm created 2 now active
1764000000.196449000 [host<-vm] proxy_on_configure return: 1
1764000000.197529000 Thread-Local Wasm created 2 now active
1764000000.198045000 [host<-vm] _initialize return: void
no time at all
1764000001.000529000 [host<-vm] proxy_on_configure return: 1
";
        let taken = Taken::read(log).unwrap();
        let rounded = [taken.whole, taken.compiling, taken.worker].map(f64::round);
        assert_eq!(rounded, [973.0, 164.0, 803.0]);
        assert_eq!(Taken::read(""), None);
    }
}
