//! The two ends of the client's connection.

use super::value;
use crate::bytes::ByteString;
use crate::error::Result;

/// One end of the client's connection: `source.*` or `destination.*`. Served on every stream.
///
/// ```
/// use envoy_sdk::{CallbackContext, Result};
///
/// fn is_submission(cx: &CallbackContext<'_>) -> Result<bool> {
///     Ok(cx.stream_info().destination().port()? == Some(587))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    pub(super) group: &'static str,
}

impl Endpoint {
    /// Address and port, as `192.0.2.1:25` or `[2001:db8::1]:25`: `source.address`, `destination.address`.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn address(&self) -> Result<Option<ByteString>> {
        value::text(&[self.group, "address"])
    }

    /// The port: `source.port`, `destination.port`. `None` also for a Unix domain socket.
    ///
    /// # Errors
    /// A [`PropertyError`](crate::stream_info::PropertyError), when Envoy refuses the call.
    pub fn port(&self) -> Result<Option<u16>> {
        value::small_number(&[self.group, "port"], "port")
    }
}
