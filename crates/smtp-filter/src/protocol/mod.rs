//! SMTP and LMTP on the wire: from octets to values.
//!
//! Every function here is pure, takes octets that a peer chose, and has an answer for all of them: nothing
//! fails loudly, nothing panics, nothing allocates. What a value borrows, it borrows from the octets given.
//!
//! A parser here is as lenient as the servers and clients on both sides are in practice, never more: the
//! filter has to see what its peers see, or it loses step with them.
//!
//! - A client's stream: [`command`] lines with their [`verb`]; arguments of MAIL and
//!   RCPT in [`path`] and [`parameter`], of AUTH in [`auth`], of BDAT and BURL in [`bdat`]; mail in [`data`].
//! - A server's stream: [`reply`] lines with their [`code`] and [`enhanced`] code, offers in [`ehlo`], and why
//!   a mail was refused in [`refusal`].
//!
//! ```
//! use smtp_filter::protocol::command::{CommandLine, LineEnding, command_line};
//! use smtp_filter::protocol::path::path;
//! use smtp_filter::protocol::verb::Verb;
//!
//! let CommandLine::Command(mail) = command_line(b"mail FROM:<bob@example.org> SIZE=9\r\n") else {
//!     panic!("not blank");
//! };
//! assert_eq!((mail.verb, mail.ending), (Verb::Mail, LineEnding::Crlf));
//! assert_eq!(path(mail.argument).map(|path| path.address), Some(b"bob@example.org".as_slice()));
//! ```
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod auth;
pub mod bdat;
pub mod code;
pub mod command;
pub mod data;
mod decimal;
pub mod ehlo;
pub mod enhanced;
pub mod parameter;
pub mod path;
pub mod refusal;
pub mod reply;
pub mod verb;
mod whitespace;
