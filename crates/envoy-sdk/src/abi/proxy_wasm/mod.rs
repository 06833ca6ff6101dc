//! Proxy-Wasm 0.2.1.
//!
//! Callbacks arrive through the exports of the `proxy-wasm` crate ([`dispatch`]). Host calls are our own
//! imports ([`imports`]): the crate's wrappers panic on a status that they do not expect, and its `Status`
//! lacks two values that Envoy answers with.

mod call_outs;
pub(crate) mod dispatch;
pub(crate) mod hostcalls;
mod imports;
#[cfg(all(feature = "native-host", not(target_arch = "wasm32")))]
pub(crate) mod native;
pub(crate) mod read_block;
