//! Sees the LDAP traffic that passes an Envoy listener, also inside integrity-only SASL security layers.
//!
//! Four layers, each knowing only those below: [`protocol`] turns octets into values ([`decode`] does so with the
//! help of `rasn-ldap`), the reader finds the messages of one direction, the session follows a conversation with
//! them, and the filter feeds the session from Envoy and counts what it reports.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod access_log_summary;
mod anomaly;
mod bind_summary;
pub mod catalogue;
mod count;
pub mod decode;
pub mod event;
mod filter;
mod identity;
mod limits;
mod operation_summary;
pub mod protocol;
mod reader;
mod session;

pub use count::count;
pub use filter::{Ldap, module};
pub use limits::LdapLimits;
pub use session::LdapSession;
