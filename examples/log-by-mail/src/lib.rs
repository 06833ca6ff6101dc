//! An application that logs an error every second and mails it: traffic to watch through the `smtp-filter`.
//!
//! The parts, in the order in which an error passes them:
//!
//! - [`MailLogger`] is a [`log::Log`]: it prints every record and queues the errors;
//! - [`Addressing`] decides who gets the n-th mail, so that some of them are refused;
//! - [`Courier`] speaks SMTP, in clear text or after STARTTLS, and keeps count in a [`Tally`].
//!
//! Everything is decided by the number of the mail or of the connection, nothing by chance: two runs with the
//! same [`Settings`] make the same conversations.
#![forbid(unsafe_code)]

mod addressing;
mod courier;
mod logger;
mod settings;
mod tally;

pub use addressing::{Addressing, Assignment};
pub use courier::{Courier, Server};
pub use logger::{MailLogger, Occurrence};
pub use settings::Settings;
pub use tally::{Leg, Tally};
