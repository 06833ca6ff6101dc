//! The suite's filters on a second ABI.
//!
//! `envoy-sdk` contains a second ABI for this test only (`src/abi/lending`): buffers are lent in pieces, and metrics
//! can be defined only while a plugin is configured. The tests here are empty unless they are compiled with
//! `--cfg envoy_sdk_abi="lending"`, which a test of `filterctl` does.
#![forbid(unsafe_code)]
