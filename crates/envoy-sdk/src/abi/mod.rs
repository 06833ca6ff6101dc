//! The boundary to Envoy. Nothing outside this module knows an ABI, and nothing outside it is `unsafe`.
//!
//! [`host`] is what the rest of the SDK calls. Today one ABI stands behind it, Proxy-Wasm 0.2.1 as Envoy
//! implements it ([`proxy_wasm`]).

pub(crate) mod proxy_wasm;

pub(crate) use proxy_wasm::dispatch::Contexts;
pub(crate) use proxy_wasm::hostcalls as host;
