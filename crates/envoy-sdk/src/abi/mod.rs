//! The boundary to Envoy. Nothing outside this module knows an ABI, and nothing outside it is `unsafe`.
//!
//! [`host`] is what the rest of the SDK calls, [`Contexts`] how Envoy's streams become streams of the VM, [`install`]
//! what makes callbacks arrive. One ABI stands behind them: Proxy-Wasm 0.2.1 as Envoy implements it
//! ([`proxy_wasm`]).
//!
//! A second one, `lending`, is there for a test only (`--cfg envoy_sdk_abi="lending"`): it shows that no filter knows
//! which ABI it runs on.

mod kinds;
pub(crate) mod pairs;

#[cfg(envoy_sdk_abi = "lending")]
pub(crate) mod lending;
#[cfg(not(envoy_sdk_abi = "lending"))]
pub(crate) mod proxy_wasm;

#[cfg(envoy_sdk_abi = "lending")]
pub(crate) use lending::{Contexts, host, install};
#[cfg(not(envoy_sdk_abi = "lending"))]
pub(crate) use proxy_wasm::{dispatch::Contexts, dispatch::install, hostcalls as host};

/// What a host call returns.
pub(crate) type HostResult<T> = Result<T, crate::error::HostError>;
