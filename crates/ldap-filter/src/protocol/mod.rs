//! LDAP on the wire: from octets to values.
//!
//! Every function here is pure, takes octets that a peer chose, and has an answer for all of them: nothing fails
//! loudly, nothing panics, nothing allocates, nothing recurses, and each octet is looked at a bounded number of
//! times. What a value borrows, it borrows from the octets given. Names are lent where somebody may ask for them;
//! passwords, credentials and the values in filters never.
//!
//! A decoder here is as lenient as servers and clients are in practice: lengths may be written longer than they have
//! to be, fields behind the ones that are known are ignored, strings need not be UTF-8, and any number can be a
//! result code. What is not as RFC 4511 has it, but can be followed, is a value, not an error.
//!
//! - Every message: its [`message`] head, from the first octets of however many, in the lengths and tags of [`ber`];
//!   which [`operation`] it belongs to; the [`control`]s behind it.
//! - What a client asks for: [`bind`] with its [`mechanism`]; [`search`] with its [`filter_shape`], which consists of
//!   [`filter_item`]s; [`extended`] operations.
//! - What a server answers: its [`result`] with the [`result_code`], and after a [`bind_failure`] why.
//! - What carries messages after a bind: tokens of [`sasl`] security layers.
//!
//! ```
//! use ldap_filter::protocol::message::{MessageHead, MessageKind};
//! use ldap_filter::protocol::operation::Operation;
//! use ldap_filter::protocol::search::{Scope, SearchRequest};
//!
//! // ldapsearch -s base -b '' '(objectClass=*)'
//! let message = b"\x30\x25\x02\x01\x02\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
//!     \x87\x0bobjectClass\x30\x00";
//! let head = MessageHead::parse(message).unwrap();
//! assert_eq!(head.kind, MessageKind::Request(Operation::Search));
//! let search = SearchRequest::decode(head.body(message).unwrap().operation, 32).unwrap();
//! assert_eq!((search.parameters.scope, search.filter.as_str()), (Scope::Base, "(objectClass=*)"));
//! ```
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
