//! The developer's and operator's tool of the enterprise filter suite, as a library: one module per
//! subcommand. `cargo filterctl --help` lists them.
#![forbid(unsafe_code)]

pub mod bench;
pub mod build;
pub mod cli;
pub mod config;
pub mod demo;
pub mod display;
pub mod envoy_samples;
pub mod failure;
pub mod filters;
pub mod fuzz;
pub mod generated;
pub mod helm;
pub mod kind;
pub mod metrics;
pub mod new;
pub mod package;
pub mod per_filter;
pub mod push;
pub mod replay;
pub mod run;
mod said;
pub mod soak;
pub mod stage;
pub mod test;
pub mod validate;
pub mod web;
pub mod workspace;
