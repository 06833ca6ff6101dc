//! Functions of the host beyond the ABI.

use crate::abi::host;
use crate::error::{Context as _, Result};

/// Calls a function that this Envoy has registered for extensions, with arguments in a form of its own.
///
/// Envoy 1.36.2 and 1.40.0 have `compress`, `uncompress`, `sign`, `verify_signature`, `clear_route_cache`,
/// `declare_property`, `set_envoy_filter_state`, `expr_create`, `expr_evaluate` and `expr_delete` (measured).
/// `NotFound` is the answer for any other, but also `set_envoy_filter_state`'s own where there is no stream.
pub(crate) fn call(name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
    host::call_foreign_function(name, arguments).context(format!("foreign function {name:?}"))
}

/// Makes Envoy choose the route anew, for the request as it is by then.
pub(crate) fn clear_route_cache() -> Result<()> {
    call("clear_route_cache", &[]).map(drop)
}
