//! LDAP on the wire: from octets to values.
//!
//! Every function here is pure, takes octets that a peer chose, and has an answer for all of them: nothing fails
//! loudly and nothing panics.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod ber;
pub mod bind;
pub mod bind_failure;
pub mod control;
pub mod extended;
pub mod filter_item;
pub mod filter_shape;
pub mod mechanism;
pub mod message;
pub mod operation;
pub mod result;
pub mod result_code;
pub mod sasl;
pub mod search;
