//! Extensions of every kind that do what a script in their configuration says.
//!
//! The crate `scenarios` runs this one module on FakeEnvoy and, compiled to wasm, on a real Envoy, with the same
//! scripts, and compares what happens. So it contains no behaviour of its own: a [`Script`] is a list of rules, each with
//! the callback that it belongs to and the calls of envoy-sdk's public API that are to be made there.
//!
//! ```json
//! {"rules": [
//!   {"on": "downstream_data", "contains": "QUIT", "do": [{"log": "bye"}, "close_after_flush"]},
//!   {"on": "upstream_data", "nth": 2, "do": [{"drain": 3}, {"append": "..."}]}
//! ]}
//! ```
//!
//! What an action finds out, it writes to the log at level info, where the comparison sees it.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod access_log;
mod action;
mod background;
mod body;
mod call_outs;
mod catalogue;
mod http;
mod network;
mod panic;
mod perform;
mod script;

pub use access_log::AccessLog;
pub use action::{Action, Headers};
pub use background::Background;
pub use catalogue::SCENARIO;
pub use http::{Http, Stream};
pub use network::{Connection, Network};
pub use script::{Moment, OnError, Rule, Script};

use envoy_sdk::Module;

/// What this module contains.
pub fn module() -> Module {
    Module::new()
        .network_filter::<Network>()
        .http_filter::<Http>()
        .access_logger::<AccessLog>()
        .background_service::<Background>()
}
envoy_sdk::entry_point!(module);
