//! Other decoders, as the tests of the protocols compare them.
#![allow(dead_code, unused_imports)] // The property tests beside the comparisons are run where they stand.

#[path = "../../ldap-filter/tests/differential/main.rs"]
pub(crate) mod ldap;
#[path = "../../smtp-filter/tests/differential/main.rs"]
pub(crate) mod smtp;
