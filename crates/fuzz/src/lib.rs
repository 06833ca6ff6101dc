//! What fuzzers feed to the suite, and the oracles that judge what comes of it.
//!
//! A [`Target`] takes any octets. Most are read as a [`Script`](script::Script), so that a fuzzer gets deep: sequences of
//! valid commands and messages with damage, both sides, half-closes, a clock that jumps. `cargo test` gives every target its
//! seeds and what broke it once; `cargo filterctl fuzz` gives them to libFuzzer. See the README beside this.
//!
//! ```no_run
//! let session = fuzz_targets::target("smtp-session")?;
//! session.run(b"\x00\x00\x80\x00\x00\x00"); // panics when an oracle refuses
//! # Ok::<(), anyhow::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod configuration;
pub mod conversation;
pub mod dictionary;
mod differential;
mod layers;
mod ldap;
mod ldap_messages;
pub mod mail_data;
mod opening;
pub mod passage;
pub mod script;
pub mod seeds;
mod smtp;
mod smtp_lines;
mod target;
pub mod whole_filter;

pub use target::{Profile, Target, target, targets};
