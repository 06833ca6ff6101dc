//! The real filters, and a filter that is nothing but the SDK, each in a shell that fails where and how its configuration
//! says. For tests of what a failure costs: never deploy it.
//!
//! ```text
//! SDK ─► Shell ─► ObserverFactory's filter ─► driver ─► Shell ─► the real session
//!       callbacks                                      session and protocol
//! ```
//!
//! The product has no switch for any of this: what is wrapped are its public traits. Which connections fail is
//! chosen by the client's address, so a test knows which ones do, and many different faults happen in one VM at the same time:
//!
//! ```json
//! {
//!   "faults": {"127.0.0.9": {"at": "on_upstream_data", "call": 2, "how": "panic"}},
//!   "filter": {"reporter": "gateway"}
//! }
//! ```
#![forbid(unsafe_code)]

/// The ways to fail of the SDK's own tests.
#[allow(dead_code, reason = "those tests also list them")]
#[path = "../../envoy-sdk/tests/support/failure.rs"]
mod failure;
mod fault;
mod protocol;
mod sdk_only;
mod shell;

use envoy_sdk::Module;
use ldap_filter::Ldap;
use session_driver::ObserverFactory;
use smtp_filter::Smtp;

use crate::protocol::Shelled;
use crate::sdk_only::SdkOnlyFactory;
use crate::shell::ShellFactory;

/// What this module contains: the network filters `smtp`, `ldap` and `sdk-only`.
pub fn module() -> Module {
    Module::new()
        .version(env!("CARGO_PKG_VERSION"))
        .network_filter::<ShellFactory<ObserverFactory<Shelled<Smtp>>>>()
        .network_filter::<ShellFactory<ObserverFactory<Shelled<Ldap>>>>()
        .network_filter::<ShellFactory<SdkOnlyFactory>>()
}
envoy_sdk::entry_point!(module);
