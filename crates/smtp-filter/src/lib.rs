//! Sees the SMTP and LMTP traffic that passes an Envoy listener.
//!
//! Three layers, each knowing only the one below: [`protocol`] turns octets into values, the session follows
//! a conversation with them, and the filter feeds the session from Envoy and counts what it reports.
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

mod anomaly;
pub mod catalogue;
mod count;
pub mod event;
mod filter;
mod limits;
pub mod protocol;
mod session;
mod transaction_summary;

pub use count::count;
pub use filter::{Smtp, module};
pub use limits::SmtpLimits;
pub use session::SmtpSession;
