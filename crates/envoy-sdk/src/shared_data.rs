//! Values shared between the VMs of one `vm_id`, workers included.

use crate::abi::host;
use crate::error::{Result, Status};

/// The version of a shared value, to change it only if nobody else has.
///
/// See [`SharedData`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cas(u32);

/// Envoy's shared data: a map from text to octets that all workers see. Values stay until Envoy ends.
///
/// ```
/// use envoy_sdk::{CallbackContext, Result};
///
/// /// Counts across all workers: whoever was slower tries again.
/// fn count(cx: &CallbackContext<'_>) -> Result<u64> {
///     let data = cx.shared_data();
///     loop {
///         let Some((value, version)) = data.get("count")? else {
///             if data.insert("count", &1_u64.to_le_bytes())? {
///                 return Ok(1);
///             }
///             continue;
///         };
///         let next = value.try_into().map_or(0, u64::from_le_bytes) + 1;
///         if data.replace("count", &next.to_le_bytes(), version)? {
///             return Ok(next);
///         }
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SharedData;

impl SharedData {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// The value and its version.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Cas)>> {
        Ok(host::shared_data(key)?.map(|(value, cas)| (value, Cas(cas))))
    }

    /// Stores a value, whatever was there.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        Ok(host::set_shared_data(key, value, 0)?)
    }

    /// Stores a value if there is none; returns whether there was none.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn insert(&self, key: &str, value: &[u8]) -> Result<bool> {
        // A key that is new takes any version; one that is there has another (measured on 1.36.2 and 1.40.0).
        self.replace(key, value, Cas(u32::MAX))
    }

    /// Stores a value if the version is still the one given; returns whether it was.
    ///
    /// # Errors
    /// When Envoy refuses the call.
    pub fn replace(&self, key: &str, value: &[u8], cas: Cas) -> Result<bool> {
        match host::set_shared_data(key, value, cas.0) {
            Ok(()) => Ok(true),
            Err(error) if error.status == Status::CAS_MISMATCH => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
