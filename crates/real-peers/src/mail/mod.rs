//! Mail servers, mail clients, and what they counted.
//!
//! - [`MailServer`]: a real server, running; [`rules`] says what all of them accept and refuse.
//! - [`Mailbox`]: what it delivered. [`ServerTally`]: what its own log says it did.
//! - [`Client`]: real clients that submit a [`Mail`].
//! - [`Conversation`]: a scripted client for what real ones would not send, octet by octet where needed.
//! - [`load`]: `smtp-source` and `smtp-sink`, for many mails quickly.

pub mod client;
pub mod conversation;
pub mod load;
pub mod rules;
pub mod server;

mod mailbox;
mod message;
mod tally;

pub use client::{Client, ClientOptions, Submission, Tls};
pub use conversation::{Conversation, Reply};
pub use mailbox::{Delivered, Mailbox};
pub use message::Mail;
pub use server::{MailServer, Server, ServerOptions, StartTls};
pub use tally::{CommandCount, ServerTally};
