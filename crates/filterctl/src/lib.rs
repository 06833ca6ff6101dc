//! The developer's and operator's tool of the enterprise filter suite, as a library: one module per
//! subcommand. `cargo filterctl --help` lists them.
#![forbid(unsafe_code)]

pub mod bench;
pub mod build;
pub mod cli;
pub mod demo;
pub mod display;
pub mod failure;
pub mod filters;
pub mod kind;
pub mod new;
pub mod per_filter;
pub mod replay;
pub mod run;
pub mod stage;
pub mod test;
pub mod validate;
pub mod workspace;
