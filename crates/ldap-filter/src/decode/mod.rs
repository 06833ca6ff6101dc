//! What messages say inside: read as the types of `rasn-ldap`, and lightly where those refuse.
//!
//! [`protocol`](crate::protocol) finds messages and can read all of this by itself: its own decoders look at each
//! octet once, allocate nothing, and are built so that they cannot panic. They are lenient. Here `rasn-ldap`, which
//! follows RFC 4511 to the letter, is asked first; what it refuses is read once more, lightly, and only what neither
//! can read is undecoded. Both agree on what both accept, and the result has the same type, so that nothing above
//! knows which of them has read.
//!
//! `rasn-ldap` refuses, and real peers send:
//! - names and mechanisms that are not UTF-8, Sicily binds, and authentication that is not known,
//! - the scope `children`, and numbers of aliases that are not known,
//! - kinds of filters that are not known, and errors of password policies that are not known,
//! - fields that follow the ones that are known, in controls,
//! - and all that is not there whole: of a message longer than `max_decoded_octets` only the beginning is kept.
//!
//! It is never asked
//! - for **results**: it refuses those whose code it does not know, such as 4096, and they come with every operation;
//!   [`LdapResult`](crate::protocol::result::LdapResult) reads them;
//! - for **passwords, SASL credentials and new passwords**: it copies what it reads;
//! - for **nested filters as a whole**: it builds a tree, by recursion of up to 128 levels, of 18 times the octets of
//!   a message. [`FilterShape`](crate::protocol::filter_shape::FilterShape) follows the nesting with a small array,
//!   and gives it one filter at a time that has no others inside.
//!
//! So what it takes at any time is bounded by one string or one item of a message, and that by `max_decoded_octets`.
//!
//! # Cost
//! Natively, the best of 400 runs, in nanoseconds and allocations:
//!
//! | | lightly | `rasn-ldap` first |
//! |---|---|---|
//! | a search: filter of 5 items on 3 levels, 5 attributes | 249, none | 934, 16 |
//! | a search with 1,000 items, 10,044 octets | 15,500, none | 107,000, 2,001 of 2 octets each |
//! | a simple bind | 8, none | 58, 1 |
//! | an extended request | 9, none | 40, 1 |
//! | a list of one control, paged results | 16, none | 138, 2 |
//!
//! `rasn-ldap` on a whole search request takes 979 ns, and 125,000 ns and 184 KB for the long one. A result takes 8 ns
//! lightly. In the module, after `wasm-opt -Os`, the light decoders and `rasn-ldap` together are 33.5 KB larger than
//! the light ones alone.
//!
//! A panic in `rasn` would be caught at the boundary of the filter like any other, at the cost of the connection's
//! measuring.

mod bind;
mod controls;
mod extended;
mod fields;
mod search;

pub use bind::bind;
pub use controls::controls;
pub use extended::extended;
pub use search::search;
