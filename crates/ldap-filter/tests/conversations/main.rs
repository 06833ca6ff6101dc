//! Whole conversations: every sentence of what the filter must survive and of what its counts mean.

mod abandoning;
mod binds;
mod connections;
mod identities;
mod layers;
mod oddities;
mod operations;
mod searches;
mod start_tls;
#[path = "../support/mod.rs"]
mod support;
mod times;
