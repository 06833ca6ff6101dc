//! Whole conversations: every sentence of what the filter must survive and of what its counts mean.

mod auth;
mod commands;
mod delivery;
mod mail;
mod opening;
mod replies;
#[path = "../support/mod.rs"]
mod support;
mod times;
mod tls;
mod transactions;
