//! What every protocol filter of the suite shares.
//!
//! A protocol filter is three things: a *protocol* (bytes to values), a *session* (a sans-IO state machine
//! that implements [`Session`]) and a *catalogue* of metrics. This crate brings everything else: it feeds a
//! session from the data that passes ([`Driver`]), and it accounts for every octet, seen or not.
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

mod catalogue;
pub mod config;
mod driver;
mod ending;
mod events;
mod identity;
mod limit;
mod observer;
mod opening;
mod protocol;
mod session;
mod window;

pub use catalogue::{
    BYTES, CLOCK_ANOMALIES, CONFIG_FIELDS_IGNORED, CONNECTIONS, CONNECTIONS_OPENED, EVENTS, EVENTS_DROPPED,
    Flow, INTERNAL_ERRORS, OBSERVER, PROXY_HEADERS, Visibility,
};
pub use driver::{Accounted, Driver};
pub use events::{EVENT_SCHEMA, Event};
pub use identity::Redactor;
pub use limit::whole_number;
#[cfg(not(target_arch = "wasm32"))]
pub use observer::config_schema;
pub use observer::{Observer, ObserverFactory, check_config};
pub use opening::Opening;
pub use opening::proxy_header::ProxyVersion;
pub use protocol::{Observation, Protocol, Wanted};
pub use session::{CloseCause, Direction, Need, OpaqueCause, Session, Sink, Timestamp, Transport};
pub use window::Window;
