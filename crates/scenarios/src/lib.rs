//! Scenarios that run on FakeEnvoy and on a real Envoy, and what is to happen in them.
//!
//! FakeEnvoy is only as good as this comparison. Each [`Scenario`] puts one extension (of the module
//! `scenario-extension`, which does what a script says) behind a listener and lets peers do something. What is seen is an
//! [`Observation`]: every call between host and VM in the form of Envoy's trace, the lines of the log, the octets that
//! reach both peers, the access log, and the statistics. The golden files under `golden/` are recorded from the newest real
//! Envoy.
//!
//! - `cargo test -p scenarios` runs all scenarios on FakeEnvoy ([`fake_host`]) and needs no Envoy. Where it differs from a
//!   golden file, the fake is wrong.
//! - `cargo test -p filterctl --test scenarios` builds the module and runs all of them on the oldest and the newest Envoy
//!   ([`real_host`]). With `SCENARIOS_RECORD=1` it writes the golden files anew.
//!
//! Where the oldest Envoy does something else by nature, the scenario says why, and a second file `<name>@<version>.txt`
//! stands beside the first.
#![forbid(unsafe_code)]
#![allow(clippy::needless_pass_by_value, reason = "scripts are written where they are used, as `json!(…)`")]

mod access_logs;
mod background;
mod call_outs;
pub mod fake_host;
pub mod golden;
mod http;
mod network;
mod observation;
pub mod real_host;
mod scenario;
mod statistics;

pub use observation::{Arrival, Observation, Section};
pub use scenario::{Answer, Deed, Fields, Listener, Logged, Oracle, Peer, Protocol, Scenario, Step};

/// All scenarios, ordered by topic.
pub fn all() -> Vec<Scenario> {
    [network::all(), http::all(), call_outs::all(), access_logs::all(), background::all()].concat()
}
