//! Both ends of a connection through a real Envoy with a filter: what the tests stand on that hold the client's and the
//! server's end themselves ([`wire`]), and so say what is on the wire at which moment.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

// BER and LDAP messages as peers send them, written without the filter's own code: as its own tests do.
#[path = "../../../ldap-filter/tests/support/ber.rs"]
pub(crate) mod ber;
pub(crate) mod bridge;
pub(crate) mod counts;
pub(crate) mod directory;
pub(crate) mod everything;
pub(crate) mod ground;
pub(crate) mod mail;
#[path = "../../../ldap-filter/tests/support/messages.rs"]
pub(crate) mod messages;
pub(crate) mod modules;
pub(crate) mod sasl;
pub(crate) mod script;
pub(crate) mod subject;
pub(crate) mod wire;
