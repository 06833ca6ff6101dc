//! Randomness.

use crate::abi::host;
use crate::error::Result;

/// `N` octets from the operating system's random source, fit for a key.
///
/// ```
/// let key: [u8; 32] = envoy_sdk::random()?;
/// # Ok::<(), envoy_sdk::Error>(())
/// ```
///
/// # Errors
/// When Envoy refuses: the capability `random_get` is not granted.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut octets = [0; N];
    host::random(&mut octets)?;
    Ok(octets)
}
