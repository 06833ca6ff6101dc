//! A portal that logs its users in with a directory: traffic to watch through the `ldap-filter`.
//!
//! The parts, in the order in which a login passes them:
//!
//! - [`Turn`] decides by its number what the portal does: who logs in with which password, and what else is due;
//! - [`Portal`] does it, over connections that it keeps for long and others that it gives up soon;
//! - [`Line`] is one such connection, in clear text or after StartTLS, which keeps count in a [`Tally`].
//!
//! Everything is decided by the number of the turn or of the connection, nothing by chance: two runs with the same
//! [`Settings`] say the same.
#![forbid(unsafe_code)]

mod line;
mod portal;
mod server;
mod settings;
mod tally;
mod turn;

pub use line::{Line, Outcome};
pub use portal::Portal;
pub use server::Server;
pub use settings::Settings;
pub use tally::{Counts, Leg, SharedTally, Tally};
pub use turn::{Attempt, Errand, Turn};
